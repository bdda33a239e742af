/// The tokenizer as a GGUF file stores it: the values of its `tokenizer.*` keys, uninterpreted.
public struct GGUFTokenizerMetadata: Sendable, Equatable {
  /// `tokenizer.ggml.model`: "gpt2" for byte-level BPE, "llama" for SentencePiece-style BPE.
  public var model: String
  /// `tokenizer.ggml.pre`, the name of the pre-tokenizer, such as "smollm" or "llama-bpe".
  public var pre: String?
  /// `tokenizer.ggml.tokens`, in the order of their ids.
  public var tokens: [String]
  /// `tokenizer.ggml.scores`, one per token, for SentencePiece-style BPE.
  public var scores: [Float]?
  /// `tokenizer.ggml.token_type`, one per token: 1 normal, 2 unknown, 3 control, 4 user-defined,
  /// 5 unused, 6 byte.
  public var tokenTypes: [Int32]?
  /// `tokenizer.ggml.merges`, "left right", most important first, for byte-level BPE.
  public var merges: [String]?
  /// `tokenizer.ggml.bos_token_id`.
  public var bosTokenID: Int?
  /// `tokenizer.ggml.eos_token_id`.
  public var eosTokenID: Int?
  /// `tokenizer.ggml.unknown_token_id`.
  public var unknownTokenID: Int?
  /// `tokenizer.ggml.padding_token_id`.
  public var paddingTokenID: Int?
  /// `tokenizer.ggml.add_bos_token`.
  public var addBOS: Bool?
  /// `tokenizer.ggml.add_eos_token`.
  public var addEOS: Bool?
  /// `tokenizer.ggml.add_space_prefix`.
  public var addSpacePrefix: Bool?
  /// `tokenizer.chat_template`.
  public var chatTemplate: String?

  /// Collects the values; those that the file does not have are nil.
  public init(
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
