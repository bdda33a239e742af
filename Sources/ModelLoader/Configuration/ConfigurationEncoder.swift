import Transformer

extension ModelConfiguration {
  /// The configuration as Hugging Face keys, the form in which `/config` stores it.
  var metadata: [String: MetadataValue] {
    var values: [String: MetadataValue] = [
      "model_type": .text(modelType),
      "num_hidden_layers": .integer(layers),
      "hidden_size": .integer(hidden),
      "intermediate_size": .integer(feedForward),
      "num_attention_heads": .integer(queryHeads),
      "num_key_value_heads": .integer(keyValueHeads),
      "head_dim": .integer(headDim),
      "vocab_size": .integer(vocabulary),
      // Through decimal digits, so that 1e-5 reads as 1e-5 and not as 9.99999974e-06.
      "rms_norm_eps": .real(Double(rmsNormEpsilon.description) ?? Double(rmsNormEpsilon)),
      "rope_theta": .real(ropeTheta),
      "max_position_embeddings": .integer(maxPositions),
      "tie_word_embeddings": .bool(tiedEmbeddings),
      "attention_bias": .bool(attentionBias),
    ]
    if let ropeScaling { values["rope_scaling"] = .text(ropeScaling.json) }
    return values
  }
}

extension RopeScaling {
  /// The scaling as the JSON object of a Hugging Face `rope_scaling`.
  var json: String {
    switch self {
    case .linear(let factor):
      #"{"rope_type": "linear", "factor": \#(factor)}"#
    case .llama3(let factor, let low, let high, let original):
      #"{"rope_type": "llama3", "factor": \#(factor), "low_freq_factor": \#(low), "#
        + #""high_freq_factor": \#(high), "original_max_position_embeddings": \#(original)}"#
    }
  }
}
