import GateOptimizer
import ModelLoader
import TestSupport
import Testing
import Transformer

/// SmolLM2-135M against PyTorch: hidden states, loss and every gate gradient.
@Suite(
  .enabled(
    if: Reference.model != nil, "needs models/smollm2-135m-instruct.h5, which make test fetches"))
struct ParityTests {
  let fixtures = Reference.fixtures
  let model: LoadedModel
  let decoder: DecoderModel
  let tokens: [Int32]

  init() throws {
    model = try ModelFile.open(path: Reference.model ?? "")
    decoder = model.decoder
    tokens = try NumpyFile.readInt32(path: fixtures + "/input_ids.npy").values
  }

  func values(_ name: String) throws -> [Double] {
    try NumpyFile.readFloats(path: "\(fixtures)/\(name).npy").values.map(Double.init)
  }

  /// The rows that the fixtures keep.
  func rows(of hidden: borrowing Tensor) -> [Float] {
    let (columns, all) = (hidden.columns, hidden.values)
    return Reference.rows(of: hidden.rows).flatMap { all[$0 * columns..<($0 + 1) * columns] }
  }

  @Test func withTheKernelsOfThisCPU() throws { try everything() }

  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"))
  func withOpenBLAS() throws {
    try ProductKernels.$forced.withValue(.openBLAS) { try everything() }
  }

  private func everything() throws {
    try fullAttention()
    try allStreaming()
    try twoStreamStep()
  }

  /// 2e-4 of the largest magnitude is what float32 sums through 30 layers may differ by.
  private func fullAttention() throws {
    let hidden = decoder.finalHidden(tokens, pattern: .full(model.configuration))
    expectClose(rows(of: hidden), try values("hidden_full"), tolerance: 2e-4)
  }

  private func allStreaming() throws {
    let window = StreamingWindow(sink: 16, recent: 64)
    let hidden = decoder.finalHidden(
      tokens, pattern: .streaming(model.configuration, window: window))
    expectClose(rows(of: hidden), try values("hidden_streaming_16_64"), tolerance: 2e-4)
  }

  /// Loss within 1e-5, gradients within 1e-4 (relative L2) of a float64 step.
  private func twoStreamStep() throws {
    let step = TwoStreamStep(decoder, window: StreamingWindow(sink: 16, recent: 64))
    let gates = [[Float]](
      repeating: [Float](repeating: 0.7, count: 3), count: model.configuration.layers)
    let result = step(tokens: tokens, labelRows: 437..<512, gates: gates)
    #expect(
      try abs(result.distillation / values("distillation_loss")[0] - 1) < 1e-5,
      "loss \(result.distillation)")
    let expected = try values("gate_gradients")
    let actual = Array(result.gateGradients.joined())
    let error = zip(actual, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let size = expected.reduce(0) { $0 + $1 * $1 }
    #expect((error / size).squareRoot() < 1e-4, "relative L2 \((error / size).squareRoot())")
  }
}
