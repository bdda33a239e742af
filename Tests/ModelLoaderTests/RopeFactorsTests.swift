import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

struct RopeFactorsTests {
  /// The table llama.cpp's converter writes for Llama 3.1 (from its source, in double precision).
  private func llama31Factors(factor: Double, original: Double) -> [Float] {
    (0..<64).map { index in
      let frequency = 1 / pow(500_000, Double(index) / 64)
      let wavelength = 2 * Double.pi / frequency
      if wavelength < original / 4 { return 1 }
      if wavelength > original { return Float(factor) }
      let smooth = (original / wavelength - 1) / (4 - 1)
      return Float(1 / ((1 - smooth) / factor + smooth))
    }
  }

  @Test(arguments: [(8.0, 8192), (32.0, 8192), (4.0, 131_072)])
  func findsTheScaling(factor: Double, original: Int) throws {
    let factors = llama31Factors(factor: factor, original: Double(original))
    let scaling = try RopeFactors.scaling(factors, theta: 500_000, path: "f", place: "p")
    #expect(
      scaling
        == .llama3(
          factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4,
          originalMaxPositions: original))
  }

  @Test func findsNoScalingInOnes() throws {
    let ones = [Float](repeating: 1, count: 32)
    #expect(try RopeFactors.scaling(ones, theta: 1e4, path: "f", place: "p") == nil)
  }

  @Test func refusesOtherTables() {
    let table = (0..<64).map { 1 + Float($0) }
    expectError(.badData, "f.gguf", "rope_freqs", "1.0 to 64.0") {
      try RopeFactors.scaling(table, theta: 5e5, path: "f.gguf", place: "rope_freqs")
    }
  }
}
