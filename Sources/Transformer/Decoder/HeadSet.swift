/// Which key-value heads of a model see the whole context: the retrieval heads.
///
/// All others stream.
public struct HeadSet: Sendable, Hashable {
  /// `rows[layer][head]`, (L, K): true for a retrieval head.
  public var rows: [[Bool]]

  /// The heads that are true in `rows`, (L, K).
  public init(_ rows: [[Bool]]) { self.rows = rows }

  /// Whole layers of `heads` key-value heads: all heads of those that are true in `retrievalLayers`, (L).
  public init(retrievalLayers: [Bool], heads: Int) {
    rows = retrievalLayers.map { Array(repeating: $0, count: max(0, heads)) }
  }

  /// The retrieval heads at row-major `places` of `layers` × `heads`.
  public init(places: some Sequence<Int>, layers: Int, heads: Int) {
    rows = Array(repeating: Array(repeating: false, count: heads), count: layers)
    for place in places { rows[place / heads][place % heads] = true }
  }

  /// Heads of all layers.
  public var count: Int { rows.reduce(0) { $0 + $1.count } }

  /// Heads that stream.
  public var streamingCount: Int { rows.reduce(0) { $0 + $1.count { !$0 } } }

  /// The share of heads that stream, 0…1; 0 for no heads.
  public var sparsity: Double { count == 0 ? 0 : Double(streamingCount) / Double(count) }

  /// Retrieval heads of each layer, (L).
  public var retrievalCounts: [Int] { rows.map { row in row.count { $0 } } }

  /// Layers that hold both retrieval and streaming heads, in order.
  public var mixedLayers: [Int] { rows.indices.filter { Set(rows[$0]).count > 1 } }

  /// The kind of each layer, (L), true for retrieval; nil where a layer mixes kinds.
  public var retrievalLayers: [Bool]? {
    mixedLayers.isEmpty ? rows.map { $0.first ?? false } : nil
  }
}
