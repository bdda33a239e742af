/// What norms of a model are: RMSNorm or, where the mean is taken off first, LayerNorm without biases.
///
/// LayerNorm (Ba et al. 2016, arXiv 1607.06450) is RMSNorm of x − mean x.
struct Normalization: Sendable {
  /// ε, added to the mean square or the variance.
  let epsilon: Float
  /// Whether the mean is taken off.
  let isCentered: Bool

  init(_ configuration: ModelConfiguration) {
    epsilon = configuration.rmsNormEpsilon
    isCentered = configuration.centersNorms
  }

  /// y of x, (rows, C) each, with the weights (C).
  func apply(_ x: MatrixView, _ weight: [Float]) -> Tensor {
    guard isCentered else { return rmsNorm(x, weight: weight, epsilon: epsilon) }
    let centered = x.centered()
    return rmsNorm(centered.view, weight: weight, epsilon: epsilon)
  }

  /// dx += the gradient of ``apply(_:_:)`` for x; dy, x and dx are (rows, C).
  func backward(
    _ dy: MatrixView, x: MatrixView, _ weight: [Float], addingTo dx: inout MutableMatrixView
  ) {
    guard isCentered else {
      return rmsNormBackward(dy, x: x, weight: weight, epsilon: epsilon, addingTo: &dx)
    }
    let centered = x.centered()
    var gradient = Tensor.zeros(rows: x.rows, columns: x.columns)
    do {
      var view = gradient.mutableView
      rmsNormBackward(dy, x: centered.view, weight: weight, epsilon: epsilon, addingTo: &view)
    }
    // What a row's mean passes on is taken off again.
    let passed = gradient.view.centered()
    for row in 0..<dx.rows {
      var target = dx.row(row)
      VectorMath.add(passed.view.row(row), to: &target)
    }
  }
}

extension MatrixView {
  /// Each row less its mean.
  fileprivate func centered() -> Tensor {
    var result = Tensor(copying: self)
    var view = result.mutableView
    view.parallelRows(rowsPerTask(columns)) { _, block in
      for r in 0..<block.rows {
        var row = block.row(r)
        var sum = 0.0
        for index in row.indices { sum += Double(row[index]) }
        let mean = Float(sum / Double(row.count))
        for index in row.indices { row[index] -= mean }
      }
    }
    return result
  }
}
