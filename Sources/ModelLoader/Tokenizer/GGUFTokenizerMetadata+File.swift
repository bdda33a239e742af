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
