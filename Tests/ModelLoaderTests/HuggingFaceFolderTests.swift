import Foundation
import ModelLoader
import Testing
import TestSupport

/// Hugging Face folders that are incomplete, damaged or hostile.
struct HuggingFaceFolderTests {
  private let folder: ModelTestFolder
  private var path: String { folder.file("model") }

  init() throws {
    folder = try ModelTestFolder()
    try FileManager.default.copyItem(
      atPath: Fixture.path("tiny-qwen2"), toPath: folder.file("model"))
  }

  private func edit(_ file: String, _ old: String, _ new: String) throws {
    let url = URL(fileURLWithPath: "\(path)/\(file)")
    let text = try String(contentsOf: url, encoding: .utf8)
    #expect(text.contains(old), "\(old)")
    try text.replacingOccurrences(of: old, with: new).write(
      to: url, atomically: true, encoding: .utf8)
  }

  private func plan() throws { _ = try HuggingFaceFolder(path: path).plan() }

  @Test func readsTheValidFolder() throws { try plan() }

  @Test(
    arguments: [
      ("\"qwen2\"", "\"gpt2\"", "model_type", "\"gpt2\""),
      (
        "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "num_key_value_heads", "found 3"
      ),
      (
        "\"num_attention_heads\": 4", "\"num_attention_heads\": 0", "num_attention_heads", "found 0"
      ),
      ("\"hidden_size\": 32", "\"hidden_size\": 34", "hidden_size", "found 34"),
      ("\"hidden_size\": 32", "\"hidden_size\": 12", "head_dim", "found 3"),
      (
        "\"hidden_size\": 32", "\"hidden_size\": 9223372036854775807", "hidden_size", "found 92233"
      ),
      ("\"hidden_size\": 32", "\"hidden_size\": \"x\"", "hidden_size", "found \"x\""),
      ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": -2", "num_hidden_layers", "found -2"),
      ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layers.2", "expected a tensor"),
      ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "layers.1", "does not have"),
      ("\"vocab_size\": 64", "\"vocab_size\": 65", "embed_tokens", "found shape [64, 32]"),
      ("\"vocab_size\": 64,", "", "vocab_size", "found nothing"),
      ("\"silu\"", "\"gelu\"", "hidden_act", "gelu"),
      ("\"llama3\"", "\"ntk\"", "rope_parameters", "\"ntk\""),
      ("\"factor\": 8.0", "\"factor\": 0", "rope_parameters", "positive factor"),
      ("1e-06", "0", "rms_norm_eps", "found 0"),
    ])
  func refusesConfigurations(
    old: String, new: String, place: String, found: String
  ) throws {
    try edit("config.json", old, new)
    expectError(.badData, place, found) { try plan() }
  }

  @Test func refusesBrokenJSON() throws {
    try edit("config.json", "{", "[")
    expectError(.badData, "config.json", "expected a JSON object") { try plan() }
  }

  @Test func followsNoPathOutOfTheFolder() throws {
    try edit(
      "model.safetensors.index.json", "model-00001-of-00002", "../model-00001-of-00002")
    expectError(.badData, "index.json", "in this folder", "../model") { try plan() }
  }

  @Test func namesAMissingShard() throws {
    try FileManager.default.removeItem(atPath: "\(path)/model-00002-of-00002.safetensors")
    expectError(.missingInput, "model-00002-of-00002.safetensors") { try plan() }
  }

  @Test func refusesTruncatedShards() throws {
    let file = "\(path)/model-00001-of-00002.safetensors"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    for cut in [0, 7, 8, 100, bytes.count / 2, bytes.count - 1] {
      try bytes.prefix(cut).write(to: URL(fileURLWithPath: file))
      expectError(.badData, "model-00001") { try plan() }
    }
  }

  @Test func refusesAHugeHeader() throws {
    let file = "\(path)/model-00001-of-00002.safetensors"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes.replaceSubrange(0..<8, with: Array(repeating: 255, count: 8))
    try bytes.write(to: URL(fileURLWithPath: file))
    expectError(.badData, "header of 18446744073709551615 bytes") { try plan() }
  }

  @Test func limitsTheContextToASlidingWindow() throws {
    try edit("config.json", "\"use_sliding_window\": false", "\"use_sliding_window\": true")
    try edit("config.json", "\"sliding_window\": null", "\"sliding_window\": 48")
    try edit("config.json", "full_attention", "sliding_attention")
    let plan = try HuggingFaceFolder(path: path).plan()
    #expect(plan.contents.configuration.maxPositions == 48)
  }
}
