import Foundation
import ModelLoader
import Testing
import TestSupport
import Transformer

/// GGUF headers that are damaged, truncated or of another kind.
struct GGUFFileTests {
  private let folder: ModelTestFolder
  private let valid: [UInt8]

  init() throws {
    folder = try ModelTestFolder()
    valid = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: Fixture.path("tiny-llama.gguf"))))
  }

  private func plan(_ bytes: [UInt8]) throws {
    let path = folder.file("model.gguf")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    _ = try GGUFModel(path: path).plan { _ in Data() }
  }

  /// The valid file with the first `old` replaced by `new`, of the same length.
  private func replacing(_ old: String, with new: String) throws -> [UInt8] {
    let range = try #require(Data(valid).range(of: Data(old.utf8)))
    var bytes = valid
    bytes.replaceSubrange(range, with: Array(new.utf8))
    return bytes
  }

  @Test func readsTheValidFile() throws { try plan(valid) }

  @Test func refusesEveryTruncation() throws {
    // Every cut in the header, and some in the values.
    let cuts = Array(stride(from: 0, to: 4000, by: 37)) + [valid.count / 2, valid.count - 1]
    for cut in cuts {
      expectError(.badData, "model.gguf") { try plan(Array(valid[..<cut])) }
    }
  }

  @Test func survivesDamage() throws {
    // Whatever a byte becomes, there is a plan or an error, never a trap.
    for position in stride(from: 0, to: 5000, by: 11) {
      for value in [UInt8(0), 0x7F, 0xFF] {
        var bytes = valid
        bytes[position] = value
        try? plan(bytes)
      }
    }
  }

  @Test func refusesOtherVersions() throws {
    var bytes = valid
    bytes[4] = 1
    expectError(.badData, "version 1", "version 2 or 3") { try plan(bytes) }
    bytes[4...7] = [0, 0, 0, 3]
    expectError(.badData, "big-endian") { try plan(bytes) }
  }

  @Test func refusesHugeCounts() throws {
    var bytes = valid
    bytes[8..<16] = [255, 255, 255, 255, 255, 255, 255, 127]
    expectError(.badData, "number of tensors", "a count of at most") { try plan(bytes) }
  }

  @Test func refusesOtherArchitectures() throws {
    // The architecture prefixes its keys, so only the value is replaced.
    let old = "general.architecture\u{8}\0\0\0\u{5}\0\0\0\0\0\0\0llama"
    let bytes = try replacing(old, with: old.replacingOccurrences(of: "llama", with: "gemma"))
    expectError(.badData, "general.architecture", "\"gemma\"", "llama, mistral") { try plan(bytes) }
  }

  @Test func namesAMissingTensor() throws {
    let bytes = try replacing("blk.1.ffn_up.weight", with: "blk.1.ffn_op.weight")
    expectError(.badData, "blk.1.ffn_up.weight", "expected a tensor, found nothing") {
      try plan(bytes)
    }
  }

  @Test func namesAMissingKey() throws {
    let bytes = try replacing("llama.block_count", with: "llama.block_kount")
    expectError(.badData, "llama.block_count", "found nothing") { try plan(bytes) }
  }
}
