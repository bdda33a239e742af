import Foundation
import ModelLoader
import Support
import TestSupport
import Testing

/// Folders with two sources of one truth: the one that transformers takes, with a word.
struct FolderSourcesTests {
  private let folder: CheckpointFolder

  init() throws { folder = try CheckpointFolder() }

  private func writeIndex(_ map: [String: String]) throws {
    let json = try JSONSerialization.data(withJSONObject: ["weight_map": map])
    try folder.write(json, to: "model.safetensors.index.json")
  }

  /// Splits the tensors into two shards, changed by `change`, and returns the map of the index.
  private func writeShards(_ change: (Float) -> Float = { $0 }) throws -> [String: String] {
    var map: [String: String] = [:]
    for (number, range) in [(1, 0..<9), (2, 9..<folder.tensors.count)] {
      let name = "model-0000\(number)-of-00002.safetensors"
      let part = folder.tensors[range].map {
        TestTensor($0.name, $0.shape, $0.values.map(change))
      }
      try folder.write(part, to: name)
      for tensor in part { map[tensor.name] = name }
    }
    return map
  }

  private func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: folder.folder.file(name))
  }

  private func plan() throws -> ImportPlan { try HuggingFaceFolder(path: folder.path).plan() }

  @Test func oneFileWinsOverAnIndex() throws {
    let expected = try folder.imported().sha256
    try writeIndex(try writeShards { $0 * 2 })
    let warnings = try plan().warnings
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.contains("both model.safetensors and model.safetensors.index.json") == true)
    #expect(warnings.first?.contains("model-00001-of-00002.safetensors") == true)
    #expect(try folder.imported().sha256 == expected)
    // A shard of the index that is not there, and an index that cannot be read.
    try remove("model-00002-of-00002.safetensors")
    #expect(try folder.imported().sha256 == expected)
    try folder.write(Data("{".utf8), to: "model.safetensors.index.json")
    #expect(try plan().warnings.contains { $0.contains("both model.safetensors") })
  }

  @Test func anIndexOfThatFileIsNoSecondSource() throws {
    try folder.write()
    try writeIndex(
      .init(uniqueKeysWithValues: folder.tensors.map { ($0.name, "model.safetensors") }))
    #expect(try plan().warnings.isEmpty)
  }

  @Test func shardsAloneAreRead() throws {
    let expected = try folder.imported().sha256
    try writeIndex(try writeShards())
    try remove("model.safetensors")
    let plan = try self.plan()
    #expect(plan.warnings.isEmpty)
    _ = try Importer { _ in Data() }.run(
      source: folder.path, destination: folder.folder.file("b.h5"))
    #expect(try ModelFile.open(path: folder.folder.file("b.h5")).sha256 == expected)
  }

  @Test func tensorsThatTheIndexDoesNotNameAreNamed() throws {
    try folder.write()
    var map = try writeShards()
    map["model.norm.weight"] = nil
    try writeIndex(map)
    try remove("model.safetensors")
    let warnings = try plan().warnings
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("does not name model.norm.weight") == true)
  }

  @Test func aTensorInTwoShardsIsRefused() throws {
    try folder.write()
    let map = try writeShards()
    try writeIndex(map)
    try remove("model.safetensors")
    let twice = try #require(folder.tensors.first)
    let name = "model-00002-of-00002.safetensors"
    try folder.write(Array(folder.tensors[9...]) + [twice], to: name)
    expectError(.badData, name, twice.name, "each tensor in one file") { try plan() }
  }

  @Test func shardsThatTheIndexDoesNotNameAreNamed() throws {
    try folder.write()
    try writeIndex(try writeShards())
    try remove("model.safetensors")
    try folder.write([TestTensor("x", [1], [1])], to: "model-00003-of-00003.safetensors")
    let warnings = try plan().warnings
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.contains("model-00003-of-00003.safetensors in the folder is not read") == true
    )
  }

  @Test func otherFilesOfWeightsAreNamed() throws {
    try folder.write()
    try folder.write(folder.tensors, to: "consolidated.safetensors")
    try folder.write(Data("GGUF".utf8), to: "model.Q4_0.gguf")
    // PyTorch's own file is what safetensors stands for.
    try folder.write(Data("PK".utf8), to: "pytorch_model.bin")
    let warnings = try plan().warnings
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.contains(
        "consolidated.safetensors, model.Q4_0.gguf in the folder are not read")
        == true)
  }

  @Test func aFolderOfOtherFilesIsRefused() throws {
    try folder.write(Data("GGUF".utf8), to: "model.Q4_0.gguf")
    expectError(.missingInput, "config.json", "model.Q4_0.gguf is a model of its own") {
      try plan()
    }
    try folder.write()
    try remove("model.safetensors")
    expectError(.missingInput, "model.safetensors", "model.Q4_0.gguf is a model of its own") {
      try plan()
    }
    try remove("model.Q4_0.gguf")
    try folder.write(folder.tensors, to: "consolidated.safetensors")
    expectError(.missingInput, "consolidated.safetensors is not a name of the weights") {
      try plan()
    }
  }

  @Test func endTokensOfGenerationWin() throws {
    folder.configuration["eos_token_id"] = 5
    #expect(try folder.plan().contents.eosTokenIDs == [5])
    try folder.write(
      Data(#"{"eos_token_id": [6, 7]}"#.utf8), to: "generation_config.json")
    #expect(try folder.plan().contents.eosTokenIDs == [6, 7])
    try folder.write(Data(#"{"top_k": 3}"#.utf8), to: "generation_config.json")
    #expect(try folder.plan().contents.eosTokenIDs == [5])
    // Python's json writes such numbers.
    try folder.write(
      Data(#"{"eos_token_id": 6, "max_length": Infinity}"#.utf8), to: "generation_config.json")
    let plan = try folder.plan()
    #expect(plan.contents.eosTokenIDs == [5])
    #expect(plan.warnings.contains { $0.contains("generation_config.json is not valid JSON") })
    try folder.write(
      Data(#"{"eos_token_id": 6, "eos_token_id": 7}"#.utf8), to: "generation_config.json")
    expectError(.badData, "generation_config.json", "there twice") { try folder.plan() }
  }

  @Test func aTokenizerOfAnotherKindIsNamed() throws {
    try folder.write()
    try folder.write(Data([1]), to: "tokenizer.model")
    #expect(try plan().warnings.first?.contains("tokenizer.model is not read") == true)
    try folder.write(Data("{}".utf8), to: "tokenizer.json")
    #expect(try plan().warnings.allSatisfy { !$0.contains("tokenizer.model") })
  }
}
