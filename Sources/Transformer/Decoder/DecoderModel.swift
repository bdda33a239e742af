/// A frozen decoder: configuration, weights, and the computations on them.
///
/// Thread-safe: nothing in it changes.
public final class DecoderModel: Sendable {
  /// The architecture.
  package let configuration: ModelConfiguration
  /// The parameters as stored.
  package let weights: DecoderWeights

  /// A decoder over `weights`, whose shapes must be those of `configuration` (ModelLoader checks
  /// files; here it is a precondition).
  package init(configuration: ModelConfiguration, weights: DecoderWeights) {
    precondition(weights.layers.count == configuration.layers, "\(weights.layers.count) layers")
    precondition(configuration.queryHeads % configuration.keyValueHeads == 0, "query heads")
    self.configuration = configuration
    self.weights = weights
  }

  /// Sizes of the attention.
  package var shape: AttentionShape { AttentionShape(configuration) }

  /// Embeddings of the tokens at `rows`, (rows, C).
  package func embed(_ tokens: [Int32], rows: RowSet) -> Tensor {
    var x = Tensor(rows: rows.count, columns: configuration.hidden)
    var view = x.mutableView
    for run in rows.runs {
      for (row, position) in zip(run.rows, run.positions) {
        let token = Int(tokens[position])
        precondition(token >= 0 && token < configuration.vocabulary, "token \(token)")
        var out = view.row(row)
        weights.embedding.widen(row: token, into: &out)
        if configuration.embeddingScale != 1 {
          VectorMath.scale(&out, by: configuration.embeddingScale)
        }
      }
    }
    return x
  }

  /// The final norm of hidden states, (rows, C).
  package func finalNorm(_ x: MatrixView) -> Tensor {
    Normalization(configuration).apply(x, weights.finalNorm)
  }

  /// The gradient of ``finalNorm(_:)`` for x, (rows, C).
  package func finalNormBackward(_ dy: MatrixView, x: MatrixView) -> Tensor {
    var dx = Tensor.zeros(rows: x.rows, columns: x.columns)
    var view = dx.mutableView
    Normalization(configuration).backward(dy, x: x, weights.finalNorm, addingTo: &view)
    return dx
  }

  /// Logits of final hidden states: (rows, C) to (rows, V).
  package func logits(_ hidden: borrowing Tensor) -> Tensor { logits(hidden.view) }

  /// ``logits(_:)`` of some rows.
  func logits(_ hidden: MatrixView) -> Tensor {
    var logits = linear(hidden, weights.output)
    if configuration.logitScale != 1 { logits.scale(by: Float(configuration.logitScale)) }
    return logits
  }

  /// The most likely next token after some rows (all if nil) of final hidden states (rows, C); the
  /// lower index of equals.
  package func predictions(_ hidden: borrowing Tensor, at rows: [Int]? = nil) -> [Int32] {
    let rows = rows ?? Array(0..<hidden.rows)
    let logits = logits(hidden.gathering(rows))
    return rows.indices.map { Int32(VectorMath.argmax(logits.view.row($0))) }
  }
}
