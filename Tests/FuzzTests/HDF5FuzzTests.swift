import Foundation
import GateOptimizer
import ModelLoader
import TestSupport
import Testing
import Transformer

extension FuzzTests {
  /// A model file and a checkpoint as this package writes them.
  private static func modelFile() throws -> [UInt8] {
    let configuration = ModelConfiguration(
      modelType: "qwen2", layers: 1, hidden: 4, feedForward: 4, queryHeads: 2, keyValueHeads: 1,
      headDim: 2, vocabulary: 8, maxPositions: 64, tiedEmbeddings: false, attentionBias: true)
    return try FuzzCorpus.file { try ModelTestFiles.write(to: $0, configuration: configuration) }
  }

  private static let identity = "model and settings"

  private static func checkpoint() throws -> [UInt8] {
    let records = (1...3).map {
      CalibrationRecord(
        step: $0, loss: 0.5, distillation: 0.25, regularization: 0.25, learningRate: 0.02,
        tokens: 100, studentRows: 50)
    }
    var optimizer = AdamW(count: 6)
    var gates = Array(repeating: 0.5, count: 6)
    for _ in records {
      optimizer.update(&gates, gradients: [1, -1, 0.5, 0, 2, 3], learningRate: 0.02)
    }
    let state = CalibrationState(
      gates: GateMatrix(layers: 3, heads: 2, values: gates), optimizer: optimizer, multiplier: 0.05,
      records: records)
    return try FuzzCorpus.file { try state.write(to: $0, identity: identity) }
  }

  /// Half of the damage keeps the checksums of the format right.
  private static func mutator(_ corpus: [[UInt8]]) -> (inout TestRandom) -> [UInt8] {
    let seals = corpus.map(ChecksumSeal.init)
    return { random in
      if random.chance(4) { return ByteMutator(corpus: corpus)(&random) }
      let choice = random.below(corpus.count)
      var bytes = ByteMutator(corpus: [corpus[choice]], keepsLength: true)(&random)
      if random.chance(2) { seals[choice].reseal(&bytes) }
      return bytes
    }
  }

  @Test func checksumsAreFound() throws {
    #expect(ChecksumSeal(try Self.modelFile()).count > 10)
    #expect(ChecksumSeal(try FuzzCorpus.fixture("FuzzTests/Fixtures/latest.h5")).count > 10)
  }

  @Test func modelFiles() throws {
    let names = ["earliest", "latest", "chunked", "chunked-v110", "chunked-latest"]
    let corpus =
      try [Self.modelFile()]
      + names.map { try FuzzCorpus.fixture("FuzzTests/Fixtures/\($0).h5") }
    try FuzzCampaign(
      parser: "model", suffix: ".h5", seeds: corpus, mutate: Self.mutator(corpus)
    ).run { path in
      let model = try ModelFile.open(path: path)
      _ = model.weights.embedding.widened()
      for layer in model.weights.layers { _ = layer.wDown.widened() }
      _ = try ModelFile.inspect(path: path)
      _ = try ModelFile.check(path: path)
    }
  }

  @Test func checkpoints() throws {
    let corpus = [try Self.checkpoint()]
    try FuzzCampaign(
      parser: "checkpoint", suffix: ".h5", seeds: corpus, mutate: Self.mutator(corpus)
    ).run { path in
      let state = try CalibrationState(
        reading: path, identity: Self.identity, layers: 3, heads: 2)
      #expect(state.records.count == state.step && state.gates.values.count == 6)
    }
  }
}
