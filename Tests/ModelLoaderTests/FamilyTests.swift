import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Checkpoints as Hugging Face transformers saves them, and what it computes from them.
///
/// Fixtures/families/make_families.py makes them: random weights, norms and biases.
struct FamilyTests {
  /// The largest difference over the largest value: both sides compute in float32.
  private let tolerance = 5e-6

  @Test(arguments: ["llama-3.1", "mistral", "qwen2", "qwen3"])
  func importedModelsComputeWhatTransformersComputes(family: String) throws {
    let folder = try Fixture.path("families/\(family)")
    let scratch = try ModelTestFolder()
    let path = scratch.file("model.h5")
    _ = try Importer { _ in Data() }.run(source: folder, destination: path)
    let model = try ModelFile.open(path: path)
    let ids = try NumpyFile.readTokens(
      path: "\(folder)/ids.npy", vocabulary: model.configuration.vocabulary)
    let decoder = model.decoder
    let hidden = decoder.finalHidden(ids, pattern: .full(model.configuration))
    let expected = try NumpyFile.readFloats(path: "\(folder)/hidden.npy")
    #expect(expected.shape == [ids.count, model.configuration.hidden])
    expectClose(
      hidden.values, expected.values.map(Double.init), tolerance: tolerance, "hidden states")
    let logits = try NumpyFile.readFloats(path: "\(folder)/logits.npy")
    let last = decoder.logits(hidden).values.suffix(logits.values.count)
    expectClose(
      Array(last), logits.values.map(Double.init), tolerance: tolerance, "logits")
  }
}
