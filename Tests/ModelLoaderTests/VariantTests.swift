import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Configurations that say something in an unusual place, or leave it out, compute what transformers computes.
///
/// Fixtures/variants/make_variants.py makes the files.
struct VariantTests {
  /// The largest difference over the largest value: both sides compute in float32.
  private let tolerance = 5e-6

  /// The name of a configuration, the family of its weights, words of each of its warnings.
  private static let variants: [(name: String, family: String, warnings: [String])] = [
    ("tied-and-different", "llama", ["lm_head.weight differs"]),
    ("scaling-beside-parameters", "llama", ["rope_scaling is used"]),
    ("empty-scaling", "llama", []),
    ("theta-within-scaling", "llama", ["rope_theta is 2000.0 and 500.0 within rope_scaling"]),
    ("theta-at-the-top", "llama", []),
    ("two-types", "llama", ["rope_type is used", "factor, which the rope_type default"]),
    ("unused-factor", "llama", ["factor, which the rope_type default does not use"]),
    ("llama3-context-outside", "llama", []),
    ("llama3-without-context", "llama", []),
    ("qwen3-without-head-dim", "qwen3", []),
    ("sliding-switch-without-layers", "qwen3", []),
    ("sliding-switch-full-layers", "qwen3", []),
  ]

  @Test(arguments: variants.indices)
  func computesWhatTransformersComputes(index: Int) throws {
    let (name, family, warnings) = Self.variants[index]
    let folder = try ModelTestFolder()
    let source = folder.file("source")
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: Fixture.path("variants/\(name).json"), toPath: "\(source)/config.json")
    try FileManager.default.copyItem(
      atPath: Fixture.path("variants/\(family).safetensors"), toPath: "\(source)/model.safetensors")
    let path = folder.file("model.h5")
    let summary = try Importer { _ in Data() }.run(source: source, destination: path)
    #expect(summary.warnings.count == warnings.count, "\(name): \(summary.warnings)")
    for (found, words) in zip(summary.warnings, warnings) {
      #expect(found.contains(words), "\(name): \(found)")
    }
    // Tokens beyond a window of 4, so that one that is switched on would show.
    #expect(summary.configuration.maxPositions == 64)
    let model = try ModelFile.open(path: path)
    let ids = try NumpyFile.readTokens(
      path: Fixture.path("variants/ids.npy"), vocabulary: model.configuration.vocabulary)
    let decoder = model.decoder
    let hidden = decoder.finalHidden(ids, pattern: .full(model.configuration))
    let expected = try NumpyFile.readFloats(path: Fixture.path("variants/\(name).npy"))
    let logits = decoder.logits(hidden).values.suffix(expected.values.count)
    expectClose(
      Array(logits), expected.values.map(Double.init), tolerance: tolerance, name)
  }
}
