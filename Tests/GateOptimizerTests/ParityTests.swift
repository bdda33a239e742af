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
    try deployedMaps()
    for phase in [Deployment.Phase.decode, .prompt] { try deployedStep(phase) }
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

  /// A map of 15 layers in every phase, with and without a sink; where it streams after the prompt, by one prefill
  /// and the rows that follow it too.
  private func deployedMaps() throws {
    let retrieval: Set = [4, 7, 8, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 28, 29]
    let heads = HeadSet(
      retrievalLayers: (0..<model.configuration.layers).map(retrieval.contains), heads: 3)
    let boundary = 437
    let wanted = Reference.rows(of: 512).filter { $0 >= boundary }
    for (phase, after) in [
      (Deployment.Phase.everywhere, Deployment.After.slide), (.decode, .slide), (.decode, .keep),
      (.prompt, .slide),
    ] {
      for sink in [16, 0] {
        let deployment = Deployment(
          StreamingWindow(sink: sink, recent: 64), phase: phase, after: after)
        let expected = try values("deployed_\(phase.rawValue)_\(after.rawValue)_\(sink)")
        let hidden = decoder.finalHidden(
          tokens, pattern: AttentionPattern(heads, deployment.rule(boundary: boundary)),
          rows: boundary..<512)
        let rows = wanted.map { $0 - boundary }
        expectClose(hidden.gathering(rows).values, expected, tolerance: 2e-4, deployment.name)
        guard phase == .decode else { continue }
        let prompt = PromptCache(
          decoder, tokens: tokens, boundary: boundary, rows: boundary..<512)
        decoder.finalHidden([PromptedMap(prompt, heads)], deployment) { _, hidden in
          expectClose(hidden.gathering(rows).values, expected, tolerance: 2e-4, deployment.name)
        }
      }
    }
  }

  private func twoStreamStep() throws {
    try compare(
      Deployment(StreamingWindow(sink: 16, recent: 64)), loss: "distillation_loss",
      gradients: "gate_gradients")
  }

  private func deployedStep(_ phase: Deployment.Phase) throws {
    try compare(
      Deployment(StreamingWindow(sink: 16, recent: 64), phase: phase),
      loss: "\(phase.rawValue)_distillation_loss", gradients: "\(phase.rawValue)_gate_gradients")
  }

  /// Loss within 1e-5, gradients within 1e-4 (relative L2) of a float64 step.
  private func compare(
    _ deployment: Deployment, loss: String, gradients: String
  ) throws {
    let step = TwoStreamStep(decoder, deployment: deployment)
    let gates = [[Float]](
      repeating: [Float](repeating: 0.7, count: 3), count: model.configuration.layers)
    let result = step(tokens: tokens, labelRows: 437..<512, gates: gates)
    #expect(
      try abs(result.distillation / values(loss)[0] - 1) < 1e-5,
      "loss \(result.distillation)")
    let expected = try values(gradients)
    let actual = Array(result.gateGradients.joined())
    let error = zip(actual, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let size = expected.reduce(0) { $0 + $1 * $1 }
    #expect((error / size).squareRoot() < 1e-4, "relative L2 \((error / size).squareRoot())")
  }
}
