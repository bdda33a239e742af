import GateOptimizer

/// Depths and lengths at which a task is tried: the `grid` of an evaluation task.
///
/// Sample i of the task belongs to cell i mod (lengths × depths), so that every prefix of the samples
/// covers the cells as evenly as can be.
public struct NeedleGrid: Codable, Sendable, Equatable {
  /// Lengths of the samples in tokens, ascending.
  public var lengths: [Int]
  /// Depths of the needles as shares of the text, 0…1, ascending.
  public var depths: [Double]

  /// A place of the grid.
  public struct Cell: Sendable, Hashable {
    /// Tokens of the sample.
    public let length: Int
    /// Depth of the needle, 0…1.
    public let depth: Double
  }

  /// A grid of lengths and depths.
  public init(lengths: [Int], depths: [Double]) {
    self.lengths = lengths
    self.depths = depths
  }

  private enum CodingKeys: String, SettingKey {
    case lengths
    case depths
  }

  /// Reads a grid; without depths there are five from 0 to 1.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    lengths = try given.decode([Int].self, forKey: .lengths)
    depths = try given.value(.depths, default: [0, 0.25, 0.5, 0.75, 1])
  }

  /// All cells, length by length.
  public var cells: [Cell] {
    lengths.flatMap { length in depths.map { Cell(length: length, depth: $0) } }
  }

  /// The cell of a sample.
  public func cell(of sample: Int) -> Cell { cells[sample % cells.count] }

  /// Refuses a grid without cells.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  func validate() throws(InvalidSetting) {
    try requireShort(lengths, CodingKeys.lengths)
    try requireShort(depths, CodingKeys.depths)
    for length in lengths { try requireRange(length, SettingRange.tokens, CodingKeys.lengths) }
    try requireSetting(
      !lengths.isEmpty && lengths.allSatisfy { $0 > 0 } && lengths == Set(lengths).sorted(),
      CodingKeys.lengths, "is \(lengths); give lengths in tokens, ascending, each once")
    try requireSetting(
      !depths.isEmpty && depths.allSatisfy { (0...1).contains($0) }
        && depths == Set(depths).sorted(),
      CodingKeys.depths, "is \(depths); give depths from 0 to 1, ascending, each once")
    try requireDistinct(depths, CodingKeys.depths) { "\(Int(($0 * 1e6).rounded()))" }
  }
}
