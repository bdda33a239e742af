extension Tokenizer {
  /// The id of the token that begins a sequence, if it is known.
  ///
  /// A tokenizer.json does not name it: this is what the families that are supported call it.
  public var bosToken: Int32? {
    firstID(of: ["<|begin_of_text|>", "<s>", "<bos>", "<|startoftext|>", "<|im_start|>"])
  }

  /// The id of the token that ends a sequence, or a turn of a model tuned to chat, if it is known.
  ///
  /// A tokenizer.json does not name it: this is what the families that are supported call it.
  public var eosToken: Int32? {
    firstID(of: ["<|eot_id|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "<|endoftext|>"])
  }

  private func firstID(of names: [String]) -> Int32? {
    for name in names {
      if let id = id(of: name) { return id }
    }
    return nil
  }
}
