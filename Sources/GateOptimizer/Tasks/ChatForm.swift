import ModelLoader

/// How a prompt is put to a model that was made for chats: one message of a user, and the beginning of the answer.
///
/// No system message is put before it. Special tokens are spelt as the models' templates spell them.
public enum ChatForm: String, SettingChoice {
  /// The prompt as it is.
  case plain
  /// Qwen's and SmolLM's form.
  case chatML = "chatml"
  /// Llama 3's.
  case llama3
  /// Mistral's and Mixtral's, up to 7B Instruct v0.2.
  case mistral
  /// Gemma's.
  case gemma

  /// What stands before the prompt.
  public var prefix: String {
    switch self {
    case .plain: ""
    case .chatML: "<|im_start|>user\n"
    case .llama3: "<|start_header_id|>user<|end_header_id|>\n\n"
    case .mistral: "[INST] "
    case .gemma: "<start_of_turn>user\n"
    }
  }

  /// What stands behind it.
  public var suffix: String {
    switch self {
    case .plain: ""
    case .chatML: "<|im_end|>\n<|im_start|>assistant\n"
    case .llama3: "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    case .mistral: " [/INST]"
    case .gemma: "<end_of_turn>\n<start_of_turn>model\n"
    }
  }

  /// The tokens of the form that a tokenizer must have.
  private var specialTokens: [String] {
    switch self {
    case .plain, .mistral: []
    case .chatML: ["<|im_start|>", "<|im_end|>"]
    case .llama3: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    case .gemma: ["<start_of_turn>", "<end_of_turn>"]
    }
  }

  /// The token that ends an answer; nil where it is the model's own.
  private var endToken: String? {
    switch self {
    case .plain, .mistral: nil
    case .chatML: "<|im_end|>"
    case .llama3: "<|eot_id|>"
    case .gemma: "<end_of_turn>"
    }
  }

  /// The ids of the tokens that end an answer besides the model's own.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` where the tokenizer lacks a token of the form;
  ///   `key` is the place of the setting.
  public func endTokens(
    of tokenizer: Tokenizer, at key: String
  ) throws(GateOptimizerError) -> Set<Int32> {
    for token in specialTokens where tokenizer.id(of: token) == nil {
      throw .option(
        name: key, expected: "the form of chats that the model was made for",
        found: "\(rawValue), whose \(token) the model's tokenizer does not have")
    }
    return Set([endToken].compactMap { $0.flatMap(tokenizer.id(of:)) })
  }
}
