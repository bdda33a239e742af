import GateOptimizer

extension EvaluationTask {
  /// Refuses a task that no sample can be made of.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  public func validate() throws(InvalidSetting) {
    try requireName(name, CodingKeys.name)
    if let context { try requireRange(context, SettingRange.tokens, CodingKeys.context) }
    if let samples { try requireRange(samples, SettingRange.many, CodingKeys.samples) }
    if let sparsities { try requireSparsities(sparsities, CodingKeys.sparsities) }
    if let criteria { try requireCriteria(criteria, CodingKeys.criteria) }
    switch content {
    case .passkeys(let task):
      try settingProblem { () throws(GateOptimizerError) in
        try task.validate(at: CodingKeys.task.rawValue)
      }
    case .prose(let prose): try within(CodingKeys.prose.rawValue, check: prose.validate)
    }
    if let grid {
      try within(CodingKeys.grid.rawValue, check: grid.validate)
      try requireSetting(
        context == nil, CodingKeys.context, "is given beside a grid, whose lengths say it; keep one"
      )
    }
  }
}

/// Refuses a list of criteria that has one twice, however its weight is written.
package func requireCriteria(_ criteria: [Criterion], _ key: some CodingKey) throws(InvalidSetting)
{
  try requireShort(criteria, key)
  try requireDistinct(criteria, key)
}

/// Refuses names that tables and files cannot hold as they are.
///
/// A character that joins what stands beside it, such as a combining mark at the beginning, would change
/// the comma or the colon before the name.
package func requireName(_ name: String, _ key: some CodingKey) throws(InvalidSetting) {
  try requireSetting(
    !name.allSatisfy(\.isWhitespace), key,
    name.isEmpty ? "is empty; give a name" : "is blank; give a name")
  let bytes = name.utf8.count
  try requireSetting(
    SettingRange.nameBytes.contains(bytes), key,
    "has \(bytes) bytes; it becomes a part of file names, so give a name of at most "
      + "\(SettingRange.nameBytes.upperBound)")
  let framed = ":\(name):"
  try requireSetting(
    framed.first == ":" && framed.last == ":", key,
    "is \"\(name)\", which begins or ends with a character that joins its neighbour; begin and end "
      + "it with a letter or a digit")
}
