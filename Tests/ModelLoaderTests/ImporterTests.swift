import Foundation
import ModelLoader
import Support
import Testing
import TestSupport
import Transformer

/// Imports of fixtures that the reference Python packages wrote.
struct ImporterTests {
  private let folder: ModelTestFolder

  init() throws { folder = try ModelTestFolder() }

  private func importer(_ type: ElementType? = nil) -> Importer {
    Importer(elementType: type) { Data("\($0.model) \($0.pre ?? "") \($0.tokens.count)".utf8) }
  }

  /// Expects every tensor at `path` to hold the test values, computed from its name.
  private func expectTestValues(_ path: String) throws {
    let model = try ModelFileReader(path: path)
    for parameter in Parameter.all(in: model.contents.configuration) {
      let values = try model.tensor(parameter).dataset.readFloats()
      let expected = ModelTestFiles.values(of: parameter, in: model.contents.configuration)
      #expect(values == expected, "\(parameter.name)")
    }
  }

  @Test func importsGGUFWithRotatedRowsUndone() throws {
    let path = folder.file("model.h5")
    var reports: [ImportProgress] = []
    let summary = try importer().run(source: Fixture.path("tiny-llama.gguf"), destination: path) {
      reports.append($0)
      return true
    }
    try expectTestValues(path)
    let model = try ModelFile.open(path: path)
    #expect(model.configuration == ModelTestFiles.configuration)
    #expect(model.tokenizerJSON == Data("gpt2 smollm 64".utf8))
    #expect(model.bosTokenID == 1)
    #expect(model.eosTokenIDs == [2])
    #expect(model.source == "tiny-llama.gguf")
    #expect(model.sha256 == summary.sha256)
    #expect(try ModelFile.check(path: path).isSound)
    // 16-bit tensors stay 16-bit.
    #expect(model.weights.layers[1].wv.type == .float16)
    #expect(model.weights.layers[1].wUp.type == .bfloat16)
    #expect(model.weights.layers[1].wq.type == .float32)
    #expect(reports.last?.completed == summary.parameterCount)
    #expect(reports.last?.total == summary.parameterCount)
    #expect(try folder.names() == ["model.h5"])
  }

  @Test func aStoppedImportLeavesNothing() throws {
    var chunks = 0
    expectError(.interrupted, "model.h5") {
      _ = try importer().run(
        source: Fixture.path("tiny-llama.gguf"), destination: folder.file("model.h5")
      ) { _ in
        chunks += 1
        return chunks < 3
      }
    }
    #expect(chunks == 3)
    #expect(try folder.names().isEmpty)
  }

  @Test func importsShardedHuggingFaceFolder() throws {
    let path = folder.file("model.h5")
    let summary = try importer().run(source: Fixture.path("tiny-qwen2"), destination: path)
    try expectTestValues(path)
    let configuration = summary.configuration
    #expect(configuration.modelType == "qwen2")
    #expect(configuration.kinds[0].projectionBias)
    #expect(!configuration.tiedEmbeddings)
    #expect(configuration.kinds[0].rotary?.theta == 1_000_000)
    #expect(
      configuration.kinds[0].rotary?.scaling
        == .llama3(
          factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 8192))
    let model = try ModelFile.open(path: path)
    #expect(model.configuration == configuration)
    #expect(model.eosTokenIDs == [3, 4])
    #expect(model.bosTokenID == nil)
    #expect(model.weights.layers[0].biases?.q.count == 32)
    #expect(model.weights.layers[0].wDown.type == .bfloat16)
    #expect(model.tokenizerJSON?.isEmpty == false)
  }

  @Test(arguments: ElementType.allCases)
  func storesMatricesInTheTypeAskedFor(type: ElementType) throws {
    let path = folder.file("model.h5")
    _ = try importer(type).run(source: Fixture.path("tiny-llama.gguf"), destination: path)
    // The test values are exact in every type.
    try expectTestValues(path)
    let model = try ModelFile.open(path: path)
    #expect(model.weights.embedding.type == type)
    #expect(model.weights.layers[0].wv.type == type)
    #expect(try ModelFile.check(path: path).isSound)
  }

  @Test func theSameSourceGivesTheSameBytes() throws {
    for name in ["a.h5", "b.h5"] {
      _ = try importer().run(
        source: Fixture.path("tiny-llama.gguf"), destination: folder.file(name))
    }
    #expect(
      FileManager.default.contents(atPath: folder.file("a.h5"))
        == FileManager.default.contents(atPath: folder.file("b.h5")))
  }

  @Test func refusesWhatIsNotAModel() throws {
    let path = folder.file("model.h5")
    expectError(.missingInput, "nowhere", "model folder or .gguf file") {
      try importer().run(source: folder.file("nowhere"), destination: path)
    }
    expectError(.missingInput, "config.json") {
      try importer().run(source: folder.path, destination: path)
    }
    try Data("hello, this is some text".utf8).write(to: URL(fileURLWithPath: folder.file("t.gguf")))
    expectError(.badData, "t.gguf", "expected a GGUF file") {
      try importer().run(source: folder.file("t.gguf"), destination: path)
    }
    expectError(.cannotWrite, "no/model.h5", "no such file") {
      try importer().run(
        source: Fixture.path("tiny-llama.gguf"), destination: folder.file("no/model.h5"))
    }
    #expect(try folder.names() == ["t.gguf"])
  }

  @Test func refusesTokenizersThatCannotBeConverted() throws {
    struct Unknown: Error {}
    let importer = Importer { _ in throw Unknown() }
    expectError(.badData, "tiny-llama.gguf", "tokenizer", "Unknown") {
      try importer.run(
        source: Fixture.path("tiny-llama.gguf"), destination: folder.file("model.h5"))
    }
  }
}
