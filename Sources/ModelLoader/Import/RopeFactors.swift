import Foundation
import Support
import Transformer

/// Finds Llama 3.1's RoPE scaling behind the table of factors that llama.cpp stores instead.
package enum RopeFactors {
  /// The scaling whose factors are `factors`, one per rotated pair, or nil if all are 1.
  ///
  /// Frequency i is divided by factors[i]: 1 for wavelengths below original/high, `factor` for those
  /// above original/low, a ramp between. The largest factor is `factor`; low and high are 1 and 4 in
  /// all published models, and the original context is a power of two.
  ///
  /// - Throws: `FileError.unsupported` if no such scaling gives the table.
  package static func scaling(
    _ factors: [Float], theta: Double, path: String, place: String
  ) throws(FileError) -> RopeScaling? {
    guard let largest = factors.max(), let smallest = factors.min(), largest != 1 || smallest != 1
    else { return nil }
    let (low, high, factor) = (1.0, 4.0, Double(largest))
    for exponent in 8..<24 {
      let original = 1 << exponent
      let expected = table(
        count: factors.count, theta: theta, factor: factor, low: low, high: high,
        original: Double(original))
      let isSame = zip(factors, expected).allSatisfy { abs(Double($0) / $1 - 1) < 1e-3 }
      if isSame {
        return .llama3(
          factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high,
          originalMaxPositions: original)
      }
    }
    throw .unsupported(
      path: path, place: place, found: "a table of RoPE factors from \(smallest) to \(largest)",
      supported: "plain RoPE or Llama 3.1's scaling")
  }

  private static func table(
    count: Int, theta: Double, factor: Double, low: Double, high: Double, original: Double
  ) -> [Double] {
    (0..<count).map { index in
      let wavelength = 2 * Double.pi * pow(theta, Double(index) / Double(count))
      if wavelength < original / high { return 1 }
      if wavelength > original / low { return factor }
      let smooth = (original / wavelength - low) / (high - low)
      return 1 / ((1 - smooth) / factor + smooth)
    }
  }
}
