import GateOptimizer

/// How running text is judged: the `prose` of an evaluation task.
///
/// The text is that of `haystack.evaluation`. Perplexity and KL divergence to full attention are taken
/// over positions `every`, 2·`every`, … and told apart by `bins` equal parts of the passage.
public struct ProseSettings: Codable, Sendable, Equatable {
  /// One of how many positions is judged, 1…2²⁴.
  public var every = 4
  /// Parts of a passage that are told apart, 1…1,000.
  public var bins = 8

  /// The defaults.
  public init() {}

  private enum CodingKeys: String, SettingKey {
    case every
    case bins
  }

  /// Reads the settings that are given and keeps the defaults of the others.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    every = try given.value(.every, default: every)
    bins = try given.value(.bins, default: bins)
  }

  /// Refuses values that nothing can be judged with.
  ///
  /// - Throws: `InvalidSetting` for the first of them.
  func validate() throws(InvalidSetting) {
    try requireRange(every, SettingRange.tokens, CodingKeys.every)
    try requireSetting(
      (1...1000).contains(bins), CodingKeys.bins, "is \(bins); it must lie between 1 and 1000")
  }

  /// Positions of a passage of `context` tokens whose next token is judged.
  package func positions(in context: Int) -> [Int] {
    Array(stride(from: every - 1, to: context - 1, by: every))
  }

  /// The part that a position lies in, from 0.
  package func bin(of position: Int, in context: Int) -> Int { position * bins / context }

  /// The positions of a part.
  package func span(of bin: Int, in context: Int) -> Range<Int> {
    let start = (bin * context + bins - 1) / bins
    return start..<max(start, ((bin + 1) * context + bins - 1) / bins)
  }
}
