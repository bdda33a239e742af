import Transformer

/// One number for each head of every layer: the higher, the more the head looks back into the context.
///
/// Numbers are as their method makes them, of any size and sign; their order is what maps are made by.
public struct HeadScores: Sendable, Equatable {
  /// What has a number.
  public enum Unit: String, Sendable {
    /// A query head: H of a layer.
    case query
    /// A key-value head: K of a layer.
    case keyValue = "key-value"
  }

  /// How the query heads that share a key-value head become one number.
  public enum Grouping: String, SettingChoice {
    /// The largest: a key-value head has to serve them all.
    case max
    /// The mean.
    case mean
  }

  /// What has a number.
  public let unit: Unit
  /// Layers, L ≥ 1.
  public let layers: Int
  /// Heads of a layer, H or K ≥ 1.
  public let heads: Int
  /// The numbers, row-major (L, heads), all finite.
  public let values: [Double]

  /// What numbers of a file may be, so that their sums and differences stay finite.
  static let believed = -1e100...1e100
  /// The same in words.
  static let believedWords = "a number between -1e100 and 1e100"

  /// Scores of `values`, row-major (L, heads).
  public init(unit: Unit, layers: Int, heads: Int, values: [Double]) {
    precondition(
      layers > 0 && heads > 0 && values.count == layers * heads,
      "\(values.count) scores for \(layers) layers × \(heads) heads")
    precondition(values.allSatisfy(\.isFinite), "a score is not finite")
    (self.unit, self.layers, self.heads, self.values) = (unit, layers, heads, values)
  }

  /// Scores of `rows`, (L, heads).
  public init(unit: Unit, rows: [[Double]]) {
    self.init(
      unit: unit, layers: rows.count, heads: rows.first?.count ?? 0, values: Array(rows.joined()))
  }

  /// The numbers of every layer, (L, heads).
  public var rows: [[Double]] {
    (0..<layers).map { Array(values[$0 * heads..<($0 + 1) * heads]) }
  }

  /// All heads, the highest first; equals by lower layer, then lower head.
  public var ranked: [HeadPlace] {
    values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
      .map { HeadPlace(layer: $0 / heads, head: $0 % heads) }
  }

  /// The same scores with one number for each key-value head, as they are.
  ///
  /// - Parameters:
  ///   - keyValueHeads: Key-value heads of a layer, K: a divisor of query heads, or the heads themselves.
  ///   - grouping: How the query heads of a key-value head become one.
  /// - Returns: Scores of key-value heads, (L, K).
  public func grouped(keyValueHeads: Int, by grouping: Grouping = .max) -> HeadScores {
    precondition(
      unit == .keyValue ? heads == keyValueHeads : heads.isMultiple(of: keyValueHeads),
      "\(heads) heads for \(keyValueHeads) key-value heads")
    let size = heads / keyValueHeads
    let grouped = stride(from: 0, to: values.count, by: size).map { start in
      let group = values[start..<start + size]
      return grouping == .max
        ? group.reduce(-.infinity, Swift.max) : group.reduce(0, +) / Double(size)
    }
    return HeadScores(unit: .keyValue, layers: layers, heads: keyValueHeads, values: grouped)
  }

  /// Gates of the same order, (L, K), from 0 to 1.
  ///
  /// Where a number is below 0, the lowest becomes 0; where the largest then exceeds 1, all are divided by it. Query
  /// heads that share a key-value head are made one number before.
  ///
  /// - Parameters:
  ///   - keyValueHeads: Key-value heads of a layer, K: a divisor of query heads, or the heads themselves.
  ///   - grouping: How those of a group become one.
  /// - Returns: The gates.
  public func gates(keyValueHeads: Int, grouping: Grouping = .max) -> GateMatrix {
    let grouped = grouped(keyValueHeads: keyValueHeads, by: grouping).values
    let lowest = Swift.min(grouped.min() ?? 0, 0)
    let largest = Swift.max((grouped.max() ?? 0) - lowest, 1)
    return GateMatrix(
      layers: layers, heads: keyValueHeads, values: grouped.map { ($0 - lowest) / largest })
  }
}

/// A head of a layer, both counted from 0.
public struct HeadPlace: Sendable, Hashable, CustomStringConvertible {
  /// The layer.
  public let layer: Int
  /// The head.
  public let head: Int

  /// A head.
  public init(layer: Int, head: Int) { (self.layer, self.head) = (layer, head) }

  /// "layer-head", as the field's files name query heads.
  public var description: String { "\(layer)-\(head)" }

  /// Reads "layer-head" in its shortest form, both below what a model may have.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let layer = Int(parts[0]), let head = Int(parts[1]),
      "\(layer)-\(head)" == text, (0..<GateTable.maximumCount).contains(layer),
      (0..<GateTable.maximumCount).contains(head)
    else { return nil }
    self.init(layer: layer, head: head)
  }
}
