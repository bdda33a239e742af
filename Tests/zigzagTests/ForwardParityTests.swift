import ModelLoader
import TestSupport
import Testing
import Transformer

/// `zigzag forward` on SmolLM2-135M against PyTorch's hidden states, as another program would compare.
@Suite(
  .enabled(
    if: Reference.model != nil, "needs models/smollm2-135m-instruct.h5, which make test fetches"))
struct ForwardParityTests {
  /// 2e-4 of the largest magnitude is what float32 sums through 30 layers may differ by.
  @Test(arguments: [
    ("hidden_full", [String]()),
    ("hidden_streaming_16_64", ["--streaming", "16,64"]),
  ])
  func hiddenStates(fixture: String, options: [String]) throws {
    try compare(fixture, options)
  }

  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"))
  func hiddenStatesWithOpenBLAS() throws {
    try compare("hidden_full", ["--products", "openblas"])
  }

  private func compare(_ fixture: String, _ options: [String]) throws {
    let (model, fixtures) = (Reference.model ?? "", Reference.fixtures)
    let folder = try TemporaryFolder()
    let out = folder.path("hidden.npy")
    let outcome = try ToolRunner.run(
      ["forward", model, "--tokens", "\(fixtures)/input_ids.npy", "--out", out] + options)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let expected = try NumpyFile.readFloats(path: "\(fixtures)/\(fixture).npy")
    let actual = try NumpyFile.readFloats(path: out)
    let (tokens, columns) = (actual.shape[0], expected.shape[1])
    let rows = Reference.rows(of: tokens)
    #expect(actual.shape == [512, columns] && expected.shape == [rows.count, columns])
    let kept = rows.flatMap { actual.values[$0 * columns..<($0 + 1) * columns] }
    expectClose(kept, expected.values.map(Double.init), tolerance: 2e-4)
  }
}
