import GateOptimizer

/// Gates or maps from elsewhere: an entry of `evaluation.maps`.
package struct ImportedMapSettings: Codable, Sendable, Equatable {
  /// Names it in tables and figures; without ":".
  package var name: String
  /// A gate table in DuoAttention's format, a folder with one, scores of heads, a headmap.json, or the
  /// search-layers.csv of a run.
  package var file: String
  /// What ranks the layers of gates; if nil they are judged as the run's own are, by single heads too.
  package var criteria: [Criterion]?
  /// Whether the file holds gates or a finished map; if nil a table of zeros and ones is taken for a map.
  package var kind: Kind?
  /// How query heads that share a key-value head become one; if nil the largest counts.
  package var group: HeadScores.Grouping?

  /// What a file may be said to hold.
  package enum Kind: String, SettingChoice {
    /// Gates, to be cut at every sparsity.
    case gates
    /// A finished map.
    case map
  }

  /// A file under a name.
  package init(
    name: String, file: String, criteria: [Criterion]? = nil, kind: Kind? = nil,
    group: HeadScores.Grouping? = nil
  ) {
    self.name = name
    self.file = file
    self.criteria = criteria
    self.kind = kind
    self.group = group
  }

  private enum CodingKeys: String, SettingKey {
    case name
    case file
    case criteria
    case kind
    case group
  }

  /// Reads what an entry says.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    name = try given.decode(String.self, forKey: .name)
    file = try given.decode(String.self, forKey: .file)
    criteria = try given.decodeIfPresent([Criterion].self, forKey: .criteria)
    kind = try given.decodeIfPresent(Kind.self, forKey: .kind)
    group = try given.decodeIfPresent(HeadScores.Grouping.self, forKey: .group)
  }

  /// Refuses an entry without a usable name.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  package func validate() throws(InvalidSetting) {
    try requireSetting(
      !name.isEmpty && !name.unicodeScalars.contains(":"), CodingKeys.name,
      "is \"\(name)\"; give a name without a colon")
    try requireName(name, CodingKeys.name)
    try requireSetting(!file.isEmpty, CodingKeys.file, "is empty; name a file")
    if let criteria { try requireCriteria(criteria, CodingKeys.criteria) }
    try requireSetting(
      criteria?.contains(.search) != true, CodingKeys.criteria,
      "has search, but gates alone cannot be searched; name the search-layers.csv of a run as file")
    try requireSetting(
      kind != Kind.map || criteria == nil, CodingKeys.criteria,
      "rank gates, but kind is map; leave one of them out")
    try requireSetting(
      kind != Kind.map || group == nil, CodingKeys.group,
      "is for scores of query heads, but kind is map; leave one of them out")
  }
}
