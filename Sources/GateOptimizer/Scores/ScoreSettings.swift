/// Which scores of heads are computed, and on what: the `scores` section of a run configuration.
///
/// A list of methods in its place stands for them and the defaults.
public struct ScoreSettings: SettingSection {
  /// The methods, each once.
  public var methods: [ScoreMethod] = []
  /// Samples that heads are scored on, 1…10⁶.
  public var samples = 16
  /// Tokens of a made sample, about, 1…2²⁴.
  public var context = 1024
  /// Documents of a made sample, 1…1000.
  public var documents = 10
  /// The wording of made samples, whatever number of passkeys it says: each document has one, and one is asked for.
  public var task = PasskeyTask.documents
  /// Questions on documents of one's own, JSON Lines, instead of made ones.
  public var file: String?
  /// Questions whose documents are rows of the residual stream, an ``EmbeddingFile``, instead of made ones; all of them
  /// are asked.
  public var embeddings: String?
  /// How questions are put.
  public var wording = DocumentWording()
  /// How query heads that share a key-value head become one number.
  public var group = HeadScores.Grouping.max
  /// What QRHead's score of a head is.
  public var queryFocused = Variant.sum
  /// Tokens that are generated at most for `retrieval-head`, 1…2²⁴.
  public var maximumTokens = 50
  /// The share of the answer's words that a generated text must have more than, for its sample to count, 0…1.
  public var recall = 0.5
  /// Last rows that `evaluator` looks from, 1…2²⁴.
  public var rows = 16
  /// Tokens of a chunk that `kvzip` has repeated at a time, 64…2²⁴.
  public var chunk = 2000
  /// Positions of the profile of `mean-qk`, 1…2²⁴.
  public var distances = 500

  /// What is measured without the heads that have the highest scores.
  public var masking = MaskingSettings()

  /// What QRHead's score of a head is.
  public enum Variant: String, SettingChoice {
    /// The sum over gold documents (its LongMemEval variant).
    case sum
    /// NDCG@10 of the head as a ranker of its own (its NQ variant).
    case ndcg
  }

  /// No methods.
  public init() {}

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case methods, samples, context, documents, task, file, embeddings, wording, group
    case queryFocused = "qrhead"
    case maximumTokens = "max_new_tokens"
    case recall, rows, chunk, distances, masking
  }

  /// Every setting, with what is refused.
  public static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.methods, \.methods) { methods, key throws(InvalidSetting) in
        try requireDistinct(methods.map(\.rawValue), key)
      },
      Setting(.samples, \.samples, SettingRange.many),
      Setting(.context, \.context, SettingRange.tokens),
      Setting(.documents, \.documents, 1...1000),
      Setting(.task, \.task),
      Setting(.file, optional: \.file) { file, key throws(InvalidSetting) in
        try requireSetting(!file.isEmpty, key, "is empty; name a file, or leave it out")
      },
      Setting(.embeddings, optional: \.embeddings) { file, key throws(InvalidSetting) in
        try requireSetting(!file.isEmpty, key, "is empty; name a file, or leave it out")
      },
      Setting(.wording, \.wording) { wording, key throws(InvalidSetting) in
        try within(key.rawValue, check: wording.validate)
      },
      Setting(.group, \.group),
      Setting(.queryFocused, \.queryFocused),
      Setting(.maximumTokens, \.maximumTokens, SettingRange.tokens),
      Setting(.recall, \.recall) { recall, key throws(InvalidSetting) in
        try requireShare(recall, key)
      },
      Setting(.rows, \.rows, SettingRange.tokens),
      Setting(.chunk, \.chunk, 64...SettingRange.tokens.upperBound),
      Setting(.distances, \.distances, SettingRange.tokens),
      Setting(.masking, \.masking) { masking, key throws(InvalidSetting) in
        try within(key.rawValue, check: masking.validate)
      },
    ]
  }

  /// Refuses a wording that has no passkeys for so many documents, and embeddings beside another file or for a method that
  /// needs tokens.
  public func validateTogether() throws(InvalidSetting) {
    if let embeddings {
      try requireSetting(
        file == nil, CodingKeys.embeddings,
        "is \(embeddings), but scores.file names questions as well; take one of them out")
      if let method = methods.first(where: { !$0.asksOnEmbeddings }) {
        let others = ScoreMethod.allCases.filter(\.asksOnEmbeddings).map(\.rawValue)
        throw InvalidSetting(
          [CodingKeys.methods.rawValue],
          "has \(method.rawValue), which needs tokens and cannot look at embeddings; ask for some of "
            + others.joined(separator: ", "))
      }
    }
    let names = Set(task.keys).count
    try requireSetting(
      task.keys.isEmpty || documents <= names, CodingKeys.documents,
      "is \(documents), but scores.task.keys has \(names) names, one for each; ask for fewer documents, or give more names"
    )
    try settingProblem { () throws(GateOptimizerError) in
      try documentTask.validate(at: CodingKeys.task.rawValue)
    }
  }

  /// The wording with a passkey for each document, one of which is asked for.
  package var documentTask: PasskeyTask {
    var task = task
    (task.passkeys, task.questions) = (documents, 1)
    return task
  }

  /// Whether a method needs samples of documents.
  package var asksOnDocuments: Bool { methods.contains(where: \.asksOnDocuments) }
}

/// How many of the query heads with the highest scores are masked: the `masking` group of the scores.
public struct MaskingSettings: SettingSection {
  /// Numbers of query heads, each once; none if empty.
  public var heads: [Int] = []
  /// Samples of the evaluation's first task of passkeys, 1…10⁶.
  public var samples = 8
  /// Seeds of random heads, each once.
  public var seeds = [1, 2, 3, 4, 5]

  /// Nothing is masked.
  public init() {}

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case heads, samples, seeds
  }

  /// Every setting, with what is refused.
  public static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.heads, oneOrMore: \.heads, 1...SettingRange.many.upperBound),
      Setting(.samples, \.samples, SettingRange.many),
      Setting(.seeds, oneOrMore: \.seeds, 0...SettingRange.many.upperBound),
    ]
  }

  /// Refuses lists with one entry twice.
  public func validateTogether() throws(InvalidSetting) {
    try requireDistinct(heads, CodingKeys.heads)
    try requireDistinct(seeds, CodingKeys.seeds)
  }
}
