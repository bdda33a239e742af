import Foundation
import ModelLoader
import Support
import Testing
import TestSupport
import Transformer

/// Opening model files: what we write, what h5py writes, and what must be refused.
struct ModelFileTests {
  private let folder: ModelTestFolder
  private var path: String { folder.file("model.h5") }

  init() throws { folder = try ModelTestFolder() }

  @Test func opensWhatWasWritten() throws {
    let sha256 = try ModelTestFiles.write(to: path)
    let model = try ModelFile.open(path: path)
    #expect(model.configuration == ModelTestFiles.configuration)
    #expect(model.sha256 == sha256)
    #expect(model.source == "test")
    #expect(model.tokenizerJSON == Data("{}".utf8))
    #expect(model.weights.layers.count == 2)
    #expect(
      model.weights.finalNorm
        == ModelTestFiles.values(of: .finalNorm, in: ModelTestFiles.configuration))
    #expect(try ModelFile.check(path: path).isSound)
    #expect(try folder.names() == ["model.h5"])
  }

  @Test func keepsEveryConfigurationKey() throws {
    var configuration = ModelTestFiles.configuration
    configuration.modelType = "qwen3"
    configuration.eachKind { $0.headNorm = .perHead }
    configuration.eachKind { $0.projectionBias = true }
    configuration.tiedEmbeddings = false
    configuration.headDim = 6
    configuration.rmsNormEpsilon = 3e-6
    configuration.eachKind { $0.rotary?.theta = 123_456.5 }
    configuration.eachKind { $0.rotary?.scaling = .linear(factor: 2.5) }
    try ModelTestFiles.write(to: path, configuration: configuration)
    let model = try ModelFile.open(path: path)
    #expect(model.configuration == configuration)
    #expect(model.weights.layers[1].headNorms?.k.count == 6)
    #expect(model.weights.layers[1].biases?.v.count == 12)
    #expect(model.weights.output.rows == 64)
  }

  @Test func putsEveryTensorWhereTheDecoderLooks() throws {
    var configuration = ModelTestFiles.configuration
    configuration.modelType = "qwen3"
    configuration.eachKind { $0.headNorm = .perHead }
    configuration.eachKind { $0.projectionBias = true }
    configuration.tiedEmbeddings = false
    try ModelTestFiles.write(to: path, configuration: configuration)
    let weights = try ModelFile.open(path: path).weights
    func expect(_ values: [Float]?, _ parameter: Parameter) {
      #expect(values == ModelTestFiles.values(of: parameter, in: configuration), "\(parameter)")
    }
    expect(weights.embedding.widened().values, .embedding)
    expect(weights.output.widened().values, .output)
    expect(weights.finalNorm, .finalNorm)
    for (index, layer) in weights.layers.enumerated() {
      expect(layer.attentionNorm, .layer(index: index, .attentionNorm))
      expect(layer.wq.widened().values, .layer(index: index, .wq))
      expect(layer.wk.widened().values, .layer(index: index, .wk))
      expect(layer.wv.widened().values, .layer(index: index, .wv))
      expect(layer.wo.widened().values, .layer(index: index, .wo))
      expect(layer.biases?.q, .layer(index: index, .qBias))
      expect(layer.biases?.k, .layer(index: index, .kBias))
      expect(layer.biases?.v, .layer(index: index, .vBias))
      expect(layer.headNorms?.q, .layer(index: index, .qNorm))
      expect(layer.headNorms?.k, .layer(index: index, .kNorm))
      expect(layer.mlpNorm, .layer(index: index, .mlpNorm))
      expect(layer.wGate.widened().values, .layer(index: index, .wGate))
      expect(layer.wUp.widened().values, .layer(index: index, .wUp))
      expect(layer.wDown.widened().values, .layer(index: index, .wDown))
    }
  }

  @Test func mapsAlignedValues() throws {
    try ModelTestFiles.write(to: path)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for tensor in try ModelFile.inspect(path: path).tensors {
      let offset = try #require(tensor.byteOffset)
      #expect(offset % 64 == 0, "\(tensor.name)")
      let third = bytes[offset + 8..<offset + 12].reversed().reduce(UInt32(0)) {
        $0 << 8 | UInt32($1)
      }
      #expect(Float(bitPattern: third) == ModelTestFiles.value(2, of: tensor.name))
    }
  }

  @Test func opensTheExampleOfTheSpecification() throws {
    let path = try Fixture.path("h5py-example.h5")
    let model = try ModelFile.open(path: path)
    #expect(model.configuration == ModelTestFiles.configuration)
    #expect(model.weights.layers[0].wq.type == .bfloat16)
    #expect(model.weights.embedding.type == .float32)
    #expect(try ModelFile.check(path: path).isSound)
    #expect(try ModelFile.inspect(path: path).tensors.allSatisfy { $0.byteOffset != nil })
  }

  /// Chunks, compression, compact storage, big-endian and float64 values, fixed-length texts, short
  /// integers, a user block.
  @Test func opensTheSameModelWrittenDifferently() throws {
    let path = try Fixture.path("h5py-exotic.h5")
    let model = try ModelFile.open(path: path)
    var expected = ModelTestFiles.configuration
    expected.eachKind { $0.rotary?.scaling = .linear(factor: 2) }
    #expect(model.configuration == expected)
    #expect(model.eosTokenIDs == [5, 6])
    #expect(model.tokenizerJSON == Data(#"{"version": "1.0"}"#.utf8))
    let layer = model.weights.layers[1]
    #expect(layer.wq.type == .float16)
    #expect(layer.wk.type == .float32)
    #expect(layer.wv.type == .float32)
    #expect(layer.wo.type == .bfloat16)
    let wo = Parameter.layer(index: 1, .wo)
    let throughHDF5 = try ModelFileReader(path: path).tensor(wo).dataset.readFloats()
    #expect(layer.wo.widened().values == throughHDF5)
    #expect(try ModelFile.check(path: path).isSound)
    let example = try ModelFileReader(path: Fixture.path("h5py-example.h5"))
    let exotic = try ModelFileReader(path: path)
    for parameter in Parameter.all(in: expected) {
      let values = try exotic.tensor(parameter).dataset.readFloats()
      // The example cuts projections to bfloat16, within 2^-7 of the value; the other keeps more.
      let close = zip(values, try example.tensor(parameter).dataset.readFloats()).allSatisfy {
        abs($0 - $1) <= 0x1p-7 * abs($0)
      }
      #expect(close, "\(parameter.name)")
    }
  }

  @Test func refusesWhatIsNotHDF5() throws {
    expectError(.missingInput, "model.h5", "no such") { try ModelFile.open(path: path) }
    expectError(.missingInput, folder.path, "regular file") {
      try ModelFile.open(path: folder.path)
    }
    for (content, found) in [("just text\n", "text"), ("", "an empty file"), ("GGUF\u{3}", "GGUF")]
    {
      try Data(content.utf8).write(to: URL(fileURLWithPath: path))
      expectError(.badData, "model.h5", "expected an HDF5 file", found) {
        try ModelFile.open(path: path)
      }
    }
  }

  @Test func refusesTruncatedFiles() throws {
    try ModelTestFiles.write(to: path)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for cut in [8, 100, 1000, bytes.count / 2, bytes.count - 1] {
      try bytes.prefix(cut).write(to: URL(fileURLWithPath: path))
      expectError(.badData, "model.h5", "whole HDF5 file", "truncated") {
        try ModelFile.open(path: path)
      }
    }
  }

  @Test func survivesDamage() throws {
    try ModelTestFiles.write(to: path)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for position in stride(from: 0, to: 12_000, by: 61) {
      var damaged = bytes
      damaged[position] ^= 0xFF
      try damaged.write(to: URL(fileURLWithPath: path))
      _ = try? ModelFile.open(path: path)
    }
  }

  @Test(
    arguments: [
      ("model_type", MetadataValue.text("gpt2"), "\"gpt2\""),
      ("hidden_size", .integer(0), "found 0"),
      ("hidden_size", .integer(-5), "found -5"),
      ("hidden_size", .integer(.max), "found 92233"),
      ("hidden_size", .real(31.5), "found 31.5"),
      ("num_key_value_heads", .integer(3), "a divisor of the 4"),
      ("head_dim", .integer(7), "an even size"),
      ("num_hidden_layers", .integer(3), "layers.2.input_layernorm.weight: expected a tensor"),
      ("num_hidden_layers", .integer(1), "layers.1"),
      ("vocab_size", .integer(63), "expected shape [63, 32], found shape [64, 32]"),
      ("rope_scaling", .text("{}]"), "expected a JSON object"),
      ("rope_scaling", .text(#"{"rope_type": "ntk"}"#), "\"ntk\""),
      ("tie_word_embeddings", .integer(3), "true or false"),
      ("tie_word_embeddings", .bool(false), "lm_head.weight"),
    ])
  func refusesConfigurations(key: String, value: MetadataValue, words: String) throws {
    try ModelTestFiles.write(to: path)
    try rewrite(path, key: key, value: value)
    expectError(.badData, "model.h5", words) { try ModelFile.open(path: path) }
  }

  private func rewrite(_ path: String, key: String, value: MetadataValue) throws {
    let file = try HDF5Node(opening: path)
    try file.child("config")?.setAttribute(key, value)
  }

  @Test func refusesOtherFormats() throws {
    try ModelTestFiles.write(to: path)
    try HDF5Node(opening: path).setAttribute("format_version", .integer(2))
    expectError(.badData, "format_version: expected 1, found 2") { try ModelFile.open(path: path) }
    try HDF5Node(opening: path).setAttribute("format", .text("other"))
    expectError(.badData, "format: expected \"zigzag-model\", found \"other\"") {
      try ModelFile.open(path: path)
    }
  }

  private func addBytes(_ name: String, shape: [Int]) throws {
    let file = try HDF5Node(opening: path)
    _ = try file.child("weights")?.createDataset(name, shape: shape, type: .bytes)
  }

  @Test func refusesOtherTypes() throws {
    try ModelTestFiles.write(to: path)
    try rewrite(path, key: "tie_word_embeddings", value: .bool(false))
    try addBytes("lm_head.weight", shape: [64, 32])
    expectError(.badData, "lm_head.weight", "found 1-byte integers") {
      try ModelFile.open(path: path)
    }
  }

  @Test func checkFindsWhatIsNotFinite() throws {
    try ModelTestFiles.write(to: path)
    let tensors = try ModelFile.inspect(path: path).tensors
    let tensor = try #require(tensors.first { $0.name.hasSuffix("1.mlp.up_proj.weight") })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let offset = try #require(tensor.byteOffset)
    bytes.replaceSubrange(offset..<offset + 8, with: [0, 0, 0x80, 0x7F, 0, 0, 0xC0, 0x7F])
    try bytes.write(to: URL(fileURLWithPath: path))
    let check = try ModelFile.check(path: path)
    #expect(check.nonFinite == [tensor.name: 2])
    #expect(check.statedSHA256 != check.actualSHA256)
    #expect(!check.isSound)
  }

  @Test func modelsOpenFromManyThreads() async throws {
    try ModelTestFiles.write(to: path)
    let path = path
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<16 {
        group.addTask { try ModelFile.open(path: path).weights.layers.count }
      }
      for try await layers in group { #expect(layers == 2) }
    }
  }
}
