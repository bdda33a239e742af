import Foundation
import Support
import Transformer

/// Tensors that a decoder does not have and that a checkpoint may hold all the same, since they change nothing.
struct UnusedTensors {
  let configuration: ModelConfiguration
  /// Sentences about what does not agree with the configuration.
  private(set) var warnings: [String] = []
  private var differs = false

  init(configuration: ModelConfiguration) { self.configuration = configuration }

  /// Whether `tensor` may be left out: a table of RoPE frequencies, a mask, a bias of zeros.
  mutating func mayLeaveOut(_ tensor: SourceTensor) throws(FileError) -> Bool {
    if tensor.name.hasSuffix("rotary_emb.inv_freq") {
      try compareFrequencies(tensor)
      return true
    }
    if Self.isMask(tensor.name, shape: tensor.shape) { return true }
    guard tensor.name.hasSuffix(".bias") else { return false }
    return try tensor.isZero()
  }

  /// Old files keep the causal mask and the value behind it.
  static func isMask(_ name: String, shape: [Int]) -> Bool {
    if name.hasSuffix("attn.masked_bias") { return shape.allSatisfy { $0 == 1 } }
    return name.hasSuffix("attn.bias") && shape.count == 4 && shape[0] == 1 && shape[1] == 1
      && shape[2] == shape[3]
  }

  /// Says where a table differs from the frequencies of the configuration, which are used as in transformers.
  ///
  /// Files hold them before or after scaling.
  private mutating func compareFrequencies(_ tensor: SourceTensor) throws(FileError) {
    guard !differs else { return }
    var plain = configuration
    plain.ropeScaling = nil
    let found =
      tensor.shape == [configuration.headDim / 2] ? try tensor.readValues().map(Double.init) : []
    // 16 bits keep two to three digits, and the smallest half is 6e-8.
    let tolerance = tensor.type == .float32 || tensor.type == .float64 ? 1e-4 : 1e-2
    let agrees = [plain, configuration].contains { candidate in
      let expected = RotaryTable.frequencies(candidate)
      return found.count == expected.count
        && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance * $1 + 1e-7 }
    }
    guard !agrees else { return }
    differs = true
    warnings.append(
      "\(tensor.name) does not hold the frequencies of rope_theta \(configuration.ropeTheta) and head_dim "
        + "\(configuration.headDim): those of the configuration are used, as in transformers; check rope_theta"
    )
  }
}
