import Support

/// The tokenizer as a GGUF file stores it: the values of its `tokenizer.*` keys, uninterpreted.
package struct GGUFTokenizerMetadata: Sendable, Equatable {
  /// `tokenizer.ggml.model`: "gpt2" for byte-level BPE, "llama" for SentencePiece-style BPE.
  package var model: String
  /// `tokenizer.ggml.pre`, the name of the pre-tokenizer, such as "smollm" or "llama-bpe".
  package var pre: String?
  /// `tokenizer.ggml.tokens`, in the order of their ids.
  package var tokens: [String]
  /// `tokenizer.ggml.scores`, one per token, for SentencePiece-style BPE.
  package var scores: [Float]?
  /// `tokenizer.ggml.token_type`, one per token: 1 normal, 2 unknown, 3 control, 4 user-defined,
  /// 5 unused, 6 byte.
  package var tokenTypes: [Int32]?
  /// `tokenizer.ggml.merges`, "left right", most important first, for byte-level BPE.
  package var merges: [String]?
  /// `tokenizer.ggml.bos_token_id`.
  package var bosTokenID: Int?
  /// `tokenizer.ggml.eos_token_id`.
  package var eosTokenID: Int?
  /// `tokenizer.ggml.unknown_token_id`.
  package var unknownTokenID: Int?
  /// `tokenizer.ggml.padding_token_id`.
  package var paddingTokenID: Int?
  /// `tokenizer.ggml.add_bos_token`.
  package var addBOS: Bool?
  /// `tokenizer.ggml.add_eos_token`.
  package var addEOS: Bool?
  /// `tokenizer.ggml.add_space_prefix`.
  package var addSpacePrefix: Bool?
  /// `tokenizer.chat_template`.
  package var chatTemplate: String?

  /// Collects the values; those that the file does not have are nil.
  package init(
    model: String, pre: String? = nil, tokens: [String], scores: [Float]? = nil,
    tokenTypes: [Int32]? = nil, merges: [String]? = nil, bosTokenID: Int? = nil,
    eosTokenID: Int? = nil, unknownTokenID: Int? = nil, paddingTokenID: Int? = nil,
    addBOS: Bool? = nil, addEOS: Bool? = nil, addSpacePrefix: Bool? = nil,
    chatTemplate: String? = nil
  ) {
    self.model = model
    self.pre = pre
    self.tokens = tokens
    self.scores = scores
    self.tokenTypes = tokenTypes
    self.merges = merges
    self.bosTokenID = bosTokenID
    self.eosTokenID = eosTokenID
    self.unknownTokenID = unknownTokenID
    self.paddingTokenID = paddingTokenID
    self.addBOS = addBOS
    self.addEOS = addEOS
    self.addSpacePrefix = addSpacePrefix
    self.chatTemplate = chatTemplate
  }
}

extension GGUFTokenizerMetadata {
  /// The tokenizer in a GGUF file; nil if it has none.
  init?(_ file: GGUFFile) {
    func value(_ key: String) -> MetadataValue? { file.metadata["tokenizer.ggml.\(key)"] }
    guard let model = value("model")?.text, case .texts(let tokens)? = value("tokens") else {
      return nil
    }
    self.init(model: model, tokens: tokens)
    pre = value("pre")?.text
    if case .reals(let scores)? = value("scores") { self.scores = scores.map { Float($0) } }
    tokenTypes = value("token_type")?.integers?.map { Int32(clamping: $0) }
    if case .texts(let merges)? = value("merges") { self.merges = merges }
    bosTokenID = value("bos_token_id")?.integer
    eosTokenID = value("eos_token_id")?.integer
    unknownTokenID = value("unknown_token_id")?.integer
    paddingTokenID = value("padding_token_id")?.integer
    addBOS = value("add_bos_token")?.bool
    addEOS = value("add_eos_token")?.bool
    addSpacePrefix = value("add_space_prefix")?.bool
    chatTemplate = file.metadata["tokenizer.chat_template"]?.text
  }
}

/// The byte-level pre-tokenizers that GGUF files name in `tokenizer.ggml.pre`.
///
/// After `llama-vocab.cpp` of llama.cpp, and the tokenizer.json of the models behind the names.
struct GGUFPreTokenizer: Equatable {
  enum Pattern {
    /// GPT-2's pattern.
    case gpt2
    /// Digits one by one, then GPT-2's pattern: SmolLM, StarCoder, Granite and others.
    case digits
    /// Llama 3's pattern.
    case llama3
    /// Qwen2's pattern, on composed characters.
    case qwen2
  }

  let pattern: Pattern
  /// Whether a sequence begins with a token of its own where the file does not say.
  let addsBOS: Bool
  /// Whether a word of the vocabulary is one token whatever the merges say.
  let ignoresMerges: Bool

  private init(_ pattern: Pattern, addsBOS: Bool = false, ignoresMerges: Bool = false) {
    (self.pattern, self.addsBOS, self.ignoresMerges) = (pattern, addsBOS, ignoresMerges)
  }

  /// The pre-tokenizer of a name; nil for a name that is not known.
  init?(named name: String) {
    switch name {
    case "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "mpt", "olmo", "jais":
      self.init(.gpt2)
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b":
      self.init(.digits)
    case "llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral":
      self.init(.llama3, addsBOS: true, ignoresMerges: true)
    case "smaug-bpe", "dbrx":
      self.init(.llama3)
    case "qwen2", "stablelm2", "deepseek-r1-qwen", "hunyuan", "megrez":
      self.init(.qwen2)
    default:
      return nil
    }
  }

  /// The pre-tokenizer of a file: of the name it states, else that of its vocabulary's family.
  ///
  /// Files older than the key have none, and `default` is what converters write for what they do not know;
  /// both say nothing of how text is split.
  ///
  /// - Throws: `TokenizerError` where the name is not known, or there is none and the vocabulary is of no
  ///   known family: splitting text in another way gives other ids without any sign of it.
  init(of metadata: GGUFTokenizerMetadata) throws(TokenizerError) {
    let place = "tokenizer.ggml.pre"
    guard let name = metadata.statedPre else {
      guard let family = GGUFVocabularyFamily(metadata.tokens), let known = Self(named: family.pre)
      else {
        throw .wrongShape(
          place: place,
          expected:
            "a name such as llama-bpe, qwen2, smollm or gpt-2 (which only the vocabularies of "
            + "Llama 3, Qwen2, SmolLM2 and GPT-2 do without)",
          found: metadata.pre?.quotedForMessage ?? "missing")
      }
      self = known
      return
    }
    guard let known = Self(named: name) else {
      throw .unsupported(
        place: place, found: name.quotedForMessage,
        supported: "gpt-2, smollm, llama-bpe, qwen2 and names for the same")
    }
    self = known
  }

  /// The `normalizer` of a tokenizer.json.
  var normalizer: JSONValue { pattern == .qwen2 ? ["type": "NFC"] : nil }

  /// The `pre_tokenizer` of a tokenizer.json.
  var preTokenizer: JSONValue {
    switch pattern {
    case .gpt2: Self.byteLevel(splits: true)
    case .digits:
      Self.sequence(["type": "Digits", "individual_digits": true], Self.byteLevel(splits: true))
    case .llama3: Self.sequence(Self.split(.llama3(digits: 3)), Self.byteLevel(splits: false))
    case .qwen2: Self.sequence(Self.split(.llama3(digits: 1)), Self.byteLevel(splits: false))
    }
  }

  private static func byteLevel(splits: Bool) -> JSONValue {
    [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
      "use_regex": .bool(splits),
    ]
  }

  private static func split(_ pattern: SplitPattern) -> JSONValue {
    [
      "type": "Split", "pattern": ["Regex": .string(pattern.expression)],
      "behavior": "Isolated", "invert": false,
    ]
  }

  private static func sequence(_ first: JSONValue, _ second: JSONValue) -> JSONValue {
    ["type": "Sequence", "pretokenizers": [first, second]]
  }
}

extension GGUFTokenizerMetadata {
  /// `tokenizer.ggml.pre` where it says something.
  var statedPre: String? { pre == "default" || pre == "" ? nil : pre }
}

/// The families whose vocabulary is known by its size and a few of its tokens at their places.
enum GGUFVocabularyFamily: CaseIterable {
  case llama3
  case qwen2
  case smolLM2
  case gpt2

  /// The family whose marks all are in `tokens`; nil for any other vocabulary.
  init?(_ tokens: [String]) {
    let family = Self.allCases.first { family in
      family.sizes.contains(tokens.count)
        && family.marks.allSatisfy { tokens.indices.contains($0) && tokens[$0] == $1 }
    }
    guard let family else { return nil }
    self = family
  }

  /// How many tokens there may be, those that users added included.
  private var sizes: ClosedRange<Int> {
    switch self {
    case .llama3: 128_256...129_024
    case .qwen2: 151_646...152_064
    case .smolLM2: 49_152...49_664
    case .gpt2: 50_257...50_304
    }
  }

  private var marks: [Int: String] {
    switch self {
    case .llama3: [0: "!", 128_000: "<|begin_of_text|>", 128_001: "<|end_of_text|>"]
    case .qwen2: [0: "!", 151_643: "<|endoftext|>", 151_644: "<|im_start|>", 151_645: "<|im_end|>"]
    case .smolLM2: [0: "<|endoftext|>", 1: "<|im_start|>", 2: "<|im_end|>", 3: "<repo_name>"]
    case .gpt2: [0: "!", 220: "Ġ", 50_256: "<|endoftext|>"]
    }
  }

  /// What `tokenizer.ggml.pre` is in files that state it.
  var pre: String {
    switch self {
    case .llama3: "llama-bpe"
    case .qwen2: "qwen2"
    case .smolLM2: "smollm"
    case .gpt2: "gpt-2"
    }
  }

  /// The name for people.
  var name: String {
    switch self {
    case .llama3: "Llama 3"
    case .qwen2: "Qwen2"
    case .smolLM2: "SmolLM2"
    case .gpt2: "GPT-2"
    }
  }
}
