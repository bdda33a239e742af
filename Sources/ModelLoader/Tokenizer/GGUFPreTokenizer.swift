/// The byte-level pre-tokenizers that GGUF files name in `tokenizer.ggml.pre`.
///
/// After `llama-vocab.cpp` of llama.cpp, and the tokenizer.json of the models behind the names.
enum GGUFPreTokenizer {
  /// GPT-2's pattern.
  case gpt2
  /// Digits one by one, then GPT-2's pattern: SmolLM, StarCoder, Granite and others.
  case digits
  /// Llama 3's pattern.
  case llama3
  /// Qwen2's pattern, on composed characters.
  case qwen2

  /// The pre-tokenizer of a name; files older than the key have none and are GPT-2's.
  init(named name: String?) throws(TokenizerError) {
    switch name {
    case nil, "default", "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "mpt", "olmo", "jais":
      self = .gpt2
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b":
      self = .digits
    case "llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "smaug-bpe", "dbrx":
      self = .llama3
    case "qwen2", "stablelm2", "deepseek-r1-qwen", "hunyuan", "megrez":
      self = .qwen2
    case let other?:
      throw .unsupported(
        place: "tokenizer.ggml.pre", found: other.quotedForMessage,
        supported: "gpt-2, smollm, llama-bpe, qwen2 and names for the same")
    }
  }

  /// Whether a sequence begins with a token of its own where the file does not say.
  var addsBOS: Bool { self == .llama3 }

  /// Whether a word of the vocabulary is one token whatever the merges say.
  var ignoresMerges: Bool { self == .llama3 }

  /// The `normalizer` of a tokenizer.json.
  var normalizer: JSONValue { self == .qwen2 ? ["type": "NFC"] : nil }

  /// The `pre_tokenizer` of a tokenizer.json.
  var preTokenizer: JSONValue {
    switch self {
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
