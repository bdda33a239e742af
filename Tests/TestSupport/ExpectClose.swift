import Testing
import Transformer

/// Expects the largest difference to be at most `tolerance` times the largest magnitude of
/// `expected`; prints the worst place otherwise.
package func expectClose(
  _ actual: [Float], _ expected: [Double], tolerance: Double, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  if let difference = difference(actual, expected, tolerance: tolerance) {
    Issue.record("\(what): \(difference)", sourceLocation: sourceLocation)
  }
}

/// What is wrong with `actual`, in words: the worst place where the difference is more than
/// `tolerance` times the largest magnitude of `expected`; nil if there is none.
package func difference(
  _ actual: [Float], _ expected: [Double], tolerance: Double
) -> String? {
  guard actual.count == expected.count else {
    return "\(actual.count) values, not \(expected.count)"
  }
  let scale = expected.reduce(1e-30) { max($0, abs($1)) }
  var worst = (index: 0, error: -1.0)
  for (i, (a, e)) in zip(actual, expected).enumerated() {
    let error = a.isNaN ? .infinity : abs(Double(a) - e) / scale
    if error > worst.error { worst = (i, error) }
  }
  guard worst.error > tolerance else { return nil }
  return """
    relative error \(worst.error) > \(tolerance) at \(worst.index): \(actual[worst.index]), \
    expected \(expected[worst.index])
    """
}

/// The same for matrices given as rows.
package func expectClose(
  _ actual: borrowing Tensor, _ expected: [[Double]], tolerance: Double, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    actual.values, Array(expected.joined()), tolerance: tolerance, what,
    sourceLocation: sourceLocation)
}
