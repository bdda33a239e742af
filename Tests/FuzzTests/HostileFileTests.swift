import Foundation
import GateOptimizer
import ModelLoader
import Support
import TestSupport
import Testing

/// Files and folders that try to lead a reader elsewhere, and those that once crashed one.
@Suite struct HostileFileTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (name, bytes) in try FuzzCorpus.fixtures(in: "ModelLoaderTests/Fixtures/tiny-qwen2") {
      try Data(bytes).write(to: URL(fileURLWithPath: folder.path(name)))
    }
  }

  private func expectRefusal(_ words: String..., from body: () throws -> Void) {
    do {
      try body()
      Issue.record("no error, expected one with \(words)")
    } catch let error as any ZigzagError {
      for word in words { #expect(error.description.contains(word), "\(error)") }
    } catch {
      Issue.record("another error: \(error)")
    }
  }

  @Test(arguments: [
    "../model-00001-of-00002.safetensors", "/etc/model.safetensors", "sub/x.safetensors",
    "..", "", "model.bin", "x\\u0000.safetensors", "a\\nb.safetensors",
  ])
  func shardsLieInTheFolder(name: String) throws {
    // The file is there, so that only its name is at fault.
    try FileManager.default.createDirectory(
      atPath: folder.path("sub"), withIntermediateDirectories: true)
    for place in ["sub/x.safetensors", "x"] {
      try FileManager.default.copyItem(
        atPath: folder.path("model-00001-of-00002.safetensors"), toPath: folder.path(place))
    }
    try folder.write(
      "{\"weight_map\": {\"model.norm.weight\": \"\(name)\"}}", to: "model.safetensors.index.json")
    expectRefusal("model.safetensors.index.json", "in this folder") {
      _ = try HuggingFaceFolder(path: folder.path).plan()
    }
  }

  /// Hugging Face's own cache is made of symbolic links, so they are followed, but only to files.
  @Test func shardsAreRegularFiles() throws {
    let shard = folder.path("model-00001-of-00002.safetensors")
    try FileManager.default.moveItem(atPath: shard, toPath: folder.path("blob"))
    try FileManager.default.createSymbolicLink(
      atPath: shard, withDestinationPath: folder.path("blob"))
    #expect(try !HuggingFaceFolder(path: folder.path).plan().sources.isEmpty)
    try FileManager.default.removeItem(atPath: shard)
    try FileManager.default.createSymbolicLink(atPath: shard, withDestinationPath: "/dev/zero")
    expectRefusal("regular file") { _ = try HuggingFaceFolder(path: folder.path).plan() }
    try FileManager.default.removeItem(atPath: shard)
    let made = unsafe mkfifo(shard, 0o600)
    #expect(made == 0)
    expectRefusal("regular file") { _ = try HuggingFaceFolder(path: folder.path).plan() }
  }

  @Test func picklesAreNeverRead() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where name.hasPrefix("model") {
      try FileManager.default.removeItem(atPath: folder.path(name))
    }
    try folder.write("\u{80}\u{2}", to: "pytorch_model.bin")
    expectRefusal("pytorch_model.bin", "pickle", "safetensors") {
      _ = try HuggingFaceFolder(path: folder.path).plan()
    }
    for head in [[0x80, 2] as [UInt8], Array("PK\u{3}\u{4}".utf8)] {
      let path = folder.path("consolidated.pt")
      try Data(head + [UInt8](repeating: 0, count: 100)).write(to: URL(fileURLWithPath: path))
      expectRefusal("consolidated.pt", "pickle", "safetensors") { _ = try GGUFModel(path: path) }
    }
  }

  /// Files on which HDF5 1.10.8 crashes, found by mutation.
  @Test func crashesOfTheHDF5Library() throws {
    let files = try FuzzCorpus.fixtures(in: "FuzzTests/Fixtures/crashes")
    #expect(!files.isEmpty)
    for (name, bytes) in files {
      let path = folder.path(name)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      do throws(FileError) {
        try HDF5Object(opening: path).readAll()
        _ = try ModelFile.open(path: path)
      } catch {
        #expect(error.description.contains(path))
      }
    }
  }

  /// A bias that llama.cpp has reordered cannot be put back in order if it comes in blocks; reading
  /// it divided by zero.
  @Test func quantisedBiasesOfLlama() throws {
    let path = folder.path("model.gguf")
    try Data(FuzzCorpus.fixture("FuzzTests/Fixtures/quantised-bias.gguf"))
      .write(to: URL(fileURLWithPath: path))
    expectRefusal("model.gguf", "blk.0.attn_q.bias", "Q8_0") {
      _ = try GGUFModel(path: path).plan { try TokenizerJSON.fromGGUF($0) }
    }
  }
}
