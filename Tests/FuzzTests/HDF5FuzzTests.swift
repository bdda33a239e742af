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
      headDim: 2, vocabulary: 8, maxPositions: 64, tiedEmbeddings: false,
      kind: .biased)
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
        reading: path, identity: Self.identity, space: MapSpace(layers: 3, heads: 2), steps: 5)
      #expect(state.records.count == state.step && state.gates.values.count == 6)
    }
  }

  /// Through the same reader as a run's cache.
  @Test func teacherFiles() throws {
    let values = (0..<40).map { Float($0) / 8 }
    let corpus = [
      try FuzzCorpus.file { try TeacherFile(path: $0, identity: Self.identity).write(values) }
    ]
    try FuzzCampaign(
      parser: "teacher", suffix: ".h5", seeds: corpus, mutate: Self.mutator(corpus)
    ).run { path in
      let read = try TeacherFile(path: path, identity: Self.identity).values(count: 40)
      #expect(read.count == 40)
    }
  }

  /// Two samples with everything that they may have.
  private static func embeddings() throws -> [UInt8] {
    var arrays: [String: HDF5Array] = [:]
    for name in ["a", "b"] {
      for (part, rows) in [("prefix", 6), ("query", 2), ("null", 1)] {
        let values = (0..<rows * 4).map { Float($0 + part.utf8.count) / 8 }
        arrays["\(name)/\(part)"] = .floats(values, shape: [rows, 4])
        arrays["\(name)/\(part)_positions"] = .integers(
          (0..<3 * Int64(rows)).map { $0 % 7 }, shape: [3, rows])
      }
      arrays["\(name)/prefix_additions"] = .floats(
        Array(repeating: 0.5, count: 24), shape: [1, 6, 4])
      arrays["\(name)/documents"] = .integers([0, 2, 3, 6], shape: [2, 2])
      arrays["\(name)/needles"] = .integers([4, 6], shape: [1, 2])
      arrays["\(name)/gold"] = .integers([1], shape: [1])
    }
    return try FuzzCorpus.file { path in
      try HDF5Archive(
        attributes: ["format": .text("zigzag-embeddings"), "format_version": .integer(1)],
        arrays: arrays
      ).write(to: path)
    }
  }

  @Test func embeddingFiles() throws {
    var kind = LayerKind.biased
    kind.rotary?.sections = RotarySections(pairs: [1, 0, 0])
    let configuration = ModelConfiguration(
      modelType: "qwen2", layers: 2, hidden: 4, feedForward: 4, queryHeads: 2, keyValueHeads: 1,
      headDim: 2, vocabulary: 8, maxPositions: 64, kind: kind)
    let corpus = [try Self.embeddings()]
    try FuzzCampaign(
      parser: "embeddings", suffix: ".h5", seeds: corpus, mutate: Self.mutator(corpus)
    ).run { path in
      let file = try EmbeddingFile(contentsOf: path)
      #expect(try file.sizes().count == file.names.count)
      for index in file.names.indices {
        let sample = try file.sample(index, for: configuration, [.queryFocused, .evaluator])
        #expect(sample.documents.allSatisfy { $0.upperBound <= sample.prefix.count })
        #expect(sample.gold.allSatisfy(sample.documents.indices.contains))
      }
    }
  }

  // MARK: Files that cost much

  /// Reads a small file (Fixtures/bombs) and expects the words of its refusal, or none if it is read.
  private func expectCheap(
    _ name: String, refused words: String?, _ parse: @escaping (_ path: String) throws -> Void
  ) throws {
    let file = try FuzzCorpus.fixture("FuzzTests/Fixtures/bombs/\(name).h5")
    try FuzzCampaign(
      parser: "cost-hdf5-\(name)", suffix: ".h5", seeds: [], mutate: { _ in file }
    ).run(count: 1) { path in
      do {
        try parse(path)
        #expect(words == nil, "\(name) is read")
      } catch {
        #expect(words.map("\(error)".contains) == true, "\(error)")
        throw error
      }
    }
  }

  /// One compressed dataset under 85 names makes 340 MB where each name is read.
  @Test func manyNamesOfOneDataset() throws {
    try expectCheap("links", refused: nil) { path in
      let model = try ModelFile.open(path: path)
      #expect(model.weights.layers.count == 12 && model.weights.layers[11].wDown.rows == 1024)
      #expect(try ModelFile.check(path: path).isSound)
    }
  }

  /// As many datasets of zeros, of which deflate, applied twice, leaves some bytes.
  @Test func nestedDeflate() throws {
    let refusal = "expected content of at most"
    try expectCheap("nested", refused: refusal) { _ = try ModelFile.open(path: $0) }
    try expectCheap("nested", refused: refusal) { _ = try ModelFile.check(path: $0) }
  }

  @Test func costlyCheckpointsAndTeachers() throws {
    func read(_ path: String) throws {
      _ = try CalibrationState(
        reading: path, identity: Self.identity, space: MapSpace(layers: 3, heads: 2), steps: 100)
    }
    try expectCheap("arrays", refused: "/array-0: expected nothing of this name", read)
    try expectCheap("records", refused: "a step from 0 to 100, found step 4194304", read)
    try expectCheap("teacher", refused: "/outputs: expected float32s of shape [40]") { path in
      _ = try TeacherFile(path: path, identity: Self.identity).values(count: 40)
    }
    try expectCheap("teacher", refused: "expected content of at most") { path in
      _ = try TeacherFile(path: path, identity: Self.identity).values(count: 1 << 24)
    }
  }

  /// Nine hundred attributes that refer to one text of 40,000 bytes, and a thousand names that are parts of
  /// one of 4,000 bytes.
  @Test func sharedTexts() throws {
    try expectCheap("texts", refused: "expected content of at most") { path in
      let root = try HDF5Object(opening: path)
      for name in root.attributeNames { _ = try root.attribute(name) }
    }
    try expectCheap("names", refused: "expected content of at most") { path in
      _ = try HDF5Object(opening: path).childNames
    }
  }

  /// A shuffle filter that says its elements have gigabytes: a pass over nothing for each
  /// of their bytes took a quarter of a minute.
  @Test func elementsLargerThanTheirChunk() throws {
    try expectCheap("elements", refused: nil) { path in _ = try ModelFile.open(path: path) }
  }
}
