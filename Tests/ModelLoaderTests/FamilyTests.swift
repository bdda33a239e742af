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

  /// Every family, and the options that a family leaves open.
  static let all = [
    "llama-3.1", "llama-biased", "llama-gelu", "mistral", "qwen2", "qwen3", "qwen3-moe", "mixtral",
    "smollm3", "phi3-long",
    "phi3-short", "olmo2", "granite", "glm4",
  ]

  @Test(arguments: all)
  func importedModelsComputeWhatTransformersComputes(family: String) throws {
    let folder = try Fixture.path("families/\(family)")
    let scratch = try ModelTestFolder()
    let path = scratch.file("model.h5")
    _ = try Importer { _ in Data() }.run(source: folder, destination: path)
    let model = try ModelFile.open(path: path)
    let c = model.configuration
    let ids = try NumpyFile.readTokens(path: "\(folder)/ids.npy", vocabulary: c.vocabulary)
    let decoder = model.decoder
    let window = StreamingWindow(sink: 4, recent: 16)
    let mixed = HeadSet(
      (0..<c.layers).map { _ in (0..<c.keyValueHeads).map { $0 == 0 } })
    for (name, pattern) in [
      ("hidden", AttentionPattern.full(c)), ("streaming", .streaming(c, window: window)),
      ("mixed", AttentionPattern(mixed, window: window)),
    ] {
      let expected = try NumpyFile.readFloats(path: "\(folder)/\(name).npy")
      #expect(expected.shape == [ids.count, c.hidden])
      expectClose(
        decoder.finalHidden(ids, pattern: pattern).values, expected.values.map(Double.init),
        tolerance: tolerance, "\(name)")
    }
    let logits = try NumpyFile.readFloats(path: "\(folder)/logits.npy")
    let hidden = decoder.finalHidden(ids, pattern: .full(c))
    let last = decoder.logits(hidden).values.suffix(logits.values.count)
    expectClose(
      Array(last), logits.values.map(Double.init), tolerance: tolerance, "logits")
  }

  /// A model file states all of a family's configuration: what is read back is what was imported.
  @Test(arguments: all) func theModelFileKeepsTheConfiguration(family: String) throws {
    let scratch = try ModelTestFolder()
    let path = scratch.file("model.h5")
    let summary = try Importer { _ in Data() }.run(
      source: try Fixture.path("families/\(family)"), destination: path)
    // Of the tokenizer, which these have not.
    #expect(summary.warnings.allSatisfy { !$0.contains("architectures") && !$0.contains("key") })
    let reader = try ModelFileReader(path: path)
    #expect(reader.contents.configuration == summary.configuration)
    #expect(reader.warnings.isEmpty)
  }

  /// The same model from a GGUF file: the same configuration and the same values.
  @Test(arguments: ["smollm3", "phi3-long", "olmo2", "granite", "glm4"])
  func ggufFilesHoldTheSameModel(family: String) throws {
    let folder = try Fixture.path("families/\(family)")
    let scratch = try ModelTestFolder()
    let (path, other) = (scratch.file("model.h5"), scratch.file("gguf.h5"))
    let importer = Importer(elementType: .float32) { _ in Data() }
    let summary = try importer.run(source: folder, destination: path)
    let fromGGUF = try importer.run(source: "\(folder)/model.gguf", destination: other)
    #expect(fromGGUF.warnings.isEmpty, "\(fromGGUF.warnings)")
    #expect(fromGGUF.sha256 == summary.sha256)
    // GGUF holds floats of 32 bits.
    var expected = summary.configuration
    expected.kinds = fromGGUF.configuration.kinds
    #expect(fromGGUF.configuration == expected)
    for (one, two) in zip(summary.configuration.kinds, fromGGUF.configuration.kinds) {
      var kind = two
      kind.rotary?.scaling = one.rotary?.scaling
      #expect(kind == one)
    }
    let ids = try NumpyFile.readTokens(
      path: "\(folder)/ids.npy", vocabulary: summary.configuration.vocabulary)
    let hidden = try [path, other].map { path in
      let decoder = try ModelFile.open(path: path).decoder
      return decoder.finalHidden(ids, pattern: .full(summary.configuration)).values
    }
    expectClose(hidden[1], hidden[0].map(Double.init), tolerance: tolerance, "hidden states")
  }
}
