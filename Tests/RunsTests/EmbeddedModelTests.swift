import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Runs
import TestSupport
import Testing
import Transformer

/// The model in data/, which `make run` shows the tool on, does what it was trained for.
@Suite struct EmbeddedModelTests {
  private static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
  private let model = "\(repository)/data/passkey.h5"

  @Test func itIsSmallAndSound() throws {
    let attributes = try FileManager.default.attributesOfItem(atPath: model)
    let bytes = try #require(attributes[.size] as? Int)
    #expect(bytes <= 4_000_000)
    #expect(try ModelFile.check(path: model).isSound)
    let configuration = try ModelFile.open(path: model).configuration
    #expect((6...12).contains(configuration.layers))
    #expect(configuration.groupSize > 1)
  }

  /// As configs/passkey.yaml judges: held-out seeds, 512 tokens, token accuracy.
  @Test func itNeedsItsWholeContext() throws {
    let path = "\(Self.repository)/configs/passkey.yaml"
    let document = try ConfigurationDocument(
      contentsOf: path, overrides: ["model=\(model)", "evaluation.seed=77"])
    let configuration = try RunConfiguration(document)
    let set = try SampleSet(configuration, document: document, task: "words", indices: 0..<12)
    let loaded = try ModelFile.open(path: model)
    let decoder = loaded.decoder
    let patterns = [
      AttentionPattern.full(loaded.configuration),
      .streaming(loaded.configuration, window: configuration.deployment.window),
    ]
    var (right, all) = ([0, 0], 0)
    for sample in set.samples {
      let answers = Array(sample.answers.joined())
      decoder.finalHidden(sample.tokens, patterns: patterns, rows: sample.predictingRows) {
        index, hidden in
        let found = decoder.predictions(hidden, at: sample.predictors(of: answers))
        right[index] += zip(answers, found).count { sample.tokens[$0] == $1 }
      }
      all += answers.count
    }
    let shares = right.map { Double($0) / Double(all) }
    #expect(shares[0] >= 0.95, "full attention answers \(shares[0])")
    #expect(shares[1] <= 0.25, "all streaming answers \(shares[1])")
  }
}
