/// The sizes of grouped-query attention.
package struct AttentionShape {
  package let queryHeads: Int
  package let keyValueHeads: Int
  package let headDim: Int
  /// Learned logits that take part in the softmax of each query head, (H); nil for none.
  var sinks: [Float]?

  package init(_ configuration: ModelConfiguration) {
    queryHeads = configuration.queryHeads
    keyValueHeads = configuration.keyValueHeads
    headDim = configuration.headDim
  }

  /// Query heads per key-value head, G.
  var group: Int { queryHeads / keyValueHeads }
  /// Width of q and o, H·D.
  package var queryWidth: Int { queryHeads * headDim }
  /// Width of k and v, K·D.
  package var keyWidth: Int { keyValueHeads * headDim }
  /// 1/√D.
  var scale: Float { 1 / Float(headDim).squareRoot() }

  /// Columns of q and o that belong to the group of a key-value head.
  func queryColumns(_ keyValueHead: Int) -> Range<Int> {
    keyValueHead * group * headDim..<(keyValueHead + 1) * group * headDim
  }

  /// Columns of k and v of a key-value head.
  func keyColumns(_ keyValueHead: Int) -> Range<Int> {
    keyValueHead * headDim..<(keyValueHead + 1) * headDim
  }

  /// Columns of log-sum-exp (rows, H) that belong to the group of a key-value head.
  func logColumns(_ keyValueHead: Int) -> Range<Int> {
    keyValueHead * group..<(keyValueHead + 1) * group
  }
}

/// Tile sizes: G·queries rows by `keys` columns of scores stay in the second-level cache.
enum AttentionTiling {
  static let keys = 256
  /// Queries of one block; narrow windows get narrow blocks, or most of a tile would be masked.
  static func queries(_ shape: AttentionShape, _ visibility: Visibility) -> Int {
    let fitting = max(16, 192 / shape.group)
    return min(fitting, max(32, visibility.window.recent / 2))
  }
}

/// Queries (rows, H·D), keys and values (rows, K·D) of one layer, or their gradients.
package struct QueryKeyValue: ~Copyable {
  package var q: Tensor
  package var k: Tensor
  package var v: Tensor

  /// Adds another one's values.
  package mutating func add(_ other: borrowing QueryKeyValue) {
    q.addRows(other.q, from: 0)
    k.addRows(other.k, from: 0)
    v.addRows(other.v, from: 0)
  }
}

/// The G heads of a block of queries under one another, scaled: (block, G·D) to (G·block, D).
func stackHeads(_ x: MatrixView, group: Int, headDim: Int, scale: Float) -> Tensor {
  var stacked = Tensor(rows: group * x.rows, columns: headDim)
  var view = stacked.mutableView
  for g in 0..<group {
    for r in 0..<x.rows {
      let source = x.slice(rows: r..<r + 1, columns: g * headDim..<(g + 1) * headDim)
      var target = view.row(g * x.rows + r)
      VectorMath.scale(source.row(0), by: scale, into: &target)
    }
  }
  return stacked
}
