import ModelLoader
import TestSupport
import Testing

/// `zigzag forward` on SmolLM2-135M against PyTorch's hidden states, as another program would compare.
@Suite(.enabled(if: Reference.isPresent, "needs models/smollm2-135m-instruct.h5 and the fixtures"))
struct ForwardParityTests {
  /// 2e-4 of the largest magnitude is what float32 sums through 30 layers may differ by.
  @Test(arguments: [
    ("final_hidden", [String]()),
    ("final_hidden_all_streaming_16_64", ["--streaming", "16,64"]),
  ])
  func hiddenStates(fixture: String, options: [String]) throws {
    let (model, fixtures) = (Reference.model ?? "", Reference.fixtures ?? "")
    let folder = try TemporaryFolder()
    let out = folder.path("hidden.npy")
    let outcome = try ToolRunner.run(
      ["forward", model, "--tokens", "\(fixtures)/input_ids.npy", "--out", out] + options)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let expected = try NumpyFile.readFloats(path: "\(fixtures)/\(fixture).npy")
    let actual = try NumpyFile.readFloats(path: out)
    #expect(actual.shape == expected.shape)
    expectClose(actual.values, expected.values.map(Double.init), tolerance: 2e-4)
  }
}
