/// How far a map is from full attention at one position of a sample.
public enum MapLoss: String, SettingChoice {
  /// KL divergence from full attention's distribution of the next token, in nats.
  case divergence = "kl"
  /// Mean squared difference of the final hidden states, what gates are learned with.
  case hidden
  /// The squared difference of the final hidden states as a share of the teacher's square.
  case relative
  /// −log of the probability of the true next token, in nats; needs no teacher.
  case likelihood = "nll"
}

/// The positions of a sample that a map is judged at.
public enum MapLossRows: String, SettingChoice {
  /// Those that predict a token of an answer.
  case answers
  /// Those that predict the first token of a word or digit of an answer.
  case firstTokens = "first-tokens"
  /// Those that predict any token of the questions and answers.
  case labels
}
