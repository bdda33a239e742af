import Foundation
import MapReporter
import Support
import TestSupport
import Testing
import Transformer

/// What transformers makes of a config.json, as its classes do.
@Suite struct TransformersConfigurationTests {
  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  private static let mixed =
    #""layer_types": ["full_attention", "sliding_attention", "full_attention"]"#

  private func read(_ type: String, _ keys: String...) throws -> TransformersConfiguration {
    let all = [#""model_type": "\#(type)""#, #""num_hidden_layers": 3"#] + keys
    let path = try scratch.write("{\(all.joined(separator: ", "))}", to: "config.json")
    return try TransformersConfiguration(contentsOf: path)
  }

  private func slides(_ type: String, _ keys: String...) throws -> String {
    let all = [#""model_type": "\#(type)""#, #""num_hidden_layers": 3"#] + keys
    let path = try scratch.write("{\(all.joined(separator: ", "))}", to: "config.json")
    return try TransformersConfiguration(contentsOf: path).layers.map {
      switch $0 {
      case .full: "f"
      case .sliding(let window): "s\(window)"
      }
    }.joined()
  }

  @Test func classesThatReadTheList() throws {
    for type in [
      "ministral", "mistral", "olmo3", "cwm", "granite_swa", "gemma3_text", "cohere2", "gpt_oss",
    ] {
      #expect(try slides(type, Self.mixed, #""sliding_window": 64"#) == "fs64f", "\(type)")
    }
    for type in ["qwen2", "qwen3", "smollm3"] {
      #expect(
        try slides(type, Self.mixed, #""sliding_window": 64"#, #""use_sliding_window": true"#)
          == "fs64f", "\(type)")
    }
    #expect(try read("ministral", Self.mixed).reason.contains("by layer_types"))
  }

  @Test func classesThatIgnoreTheList() throws {
    for type in ["llama", "granite", "granitemoe", "glm4", "olmo2"] {
      #expect(try slides(type, Self.mixed, #""sliding_window": 64"#) == "fff", "\(type)")
      #expect(try read(type, Self.mixed).reason.contains("ignores layer_types in silence"))
    }
    for type in ["phi3", "ministral3", "mixtral"] {
      #expect(try slides(type, Self.mixed, #""sliding_window": 64"#) == "s64s64s64", "\(type)")
      #expect(try slides(type, Self.mixed) == "fff", "\(type)")
    }
    #expect(try slides("qwen3_moe", Self.mixed, #""sliding_window": 64"#) == "fff")
    #expect(
      try slides("qwen3_moe", #""sliding_window": 64"#, #""use_sliding_window": true"#)
        == "s64s64s64")
  }

  @Test func whatHoldsWithoutAList() throws {
    #expect(try slides("mistral") == "s4096s4096s4096")
    #expect(try slides("mistral", #""sliding_window": null"#) == "fff")
    #expect(try slides("ministral", #""sliding_window": 8"#) == "s8s8s8")
    #expect(try slides("qwen2", #""sliding_window": 8"#, #""max_window_layers": 1"#) == "fff")
    #expect(
      try slides(
        "qwen2", #""sliding_window": 8"#, #""max_window_layers": 1"#,
        #""use_sliding_window": true"#) == "fs8s8")
    #expect(try slides("cwm") == "fs8192s8192" && slides("granite_swa") == "fs128s128")
    #expect(try slides("olmo3", #""sliding_window": 8"#) == "s8s8s8")
    #expect(try slides("gpt_oss") == "s128fs128")
    for type in ["gemma3_text", "cohere2"] {
      #expect(try slides(type) == "s4096s4096s4096")
      #expect(try slides(type, #""sliding_window_pattern": 2"#) == "s4096fs4096")
      #expect(
        try slides(type, #""sliding_window_pattern": 3"#, #""sliding_window": 8"#) == "s8s8f")
    }
    // Other classes have patterns of their own.
    #expect(try slides("gpt_oss", #""sliding_window_pattern": 3"#) == "s128fs128")
    #expect(
      try slides(
        "smollm3", #""sliding_window": 8"#, #""use_sliding_window": true"#,
        #""no_rope_layers": [1, 1, 0]"#) == "ffs8")
  }

  @Test func whatFailsIsRefused() throws {
    for (type, keys, words) in [
      ("qwen2", #""sliding_window": 64"#, "use_sliding_window: expected true"),
      ("smollm3", #""sliding_window": 64"#, "use_sliding_window: expected true"),
      ("ministral", #""sliding_window": null"#, "sliding_window: expected a number"),
      ("ministral", #""sliding_window": 0"#, "sliding_window: expected at least 1"),
      ("gemma3", #""sliding_window": 64"#, "model_type: expected one of cohere2, cwm, gemma3_text"),
      ("gemma3_text", #""sliding_window": null"#, "sliding_window: expected a number"),
      (
        "gemma3_text", #""use_bidirectional_attention": true"#,
        "use_bidirectional_attention: expected false"
      ),
      ("cohere2", #""sliding_window_pattern": 0"#, "sliding_window_pattern: expected at least 1"),
    ] {
      let error = #expect(throws: FileError.self) { try read(type, Self.mixed, keys) }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
      #expect(error?.category == .badData)
    }
    // Both masks are made where no layer slides, too.
    for type in ["ministral", "olmo3", "granite_swa", "gemma3_text", "cohere2", "gpt_oss"] {
      let full = #""layer_types": ["full_attention", "full_attention", "full_attention"]"#
      #expect(try slides(type, full) == "fff")
      let error = #expect(throws: FileError.self) {
        try read(type, full, #""sliding_window": null"#)
      }
      #expect(error?.description.contains("with which \(type) fails") == true)
    }
    for list in [#"["full_attention"]"#, #"["full_attention", "full_attention", "linear"]"#] {
      #expect(throws: FileError.self) { try read("ministral", "\"layer_types\": \(list)") }
    }
  }

  /// The layers of a map are those of its own patch, and of no neighbouring one.
  @Test(arguments: ["llama", "mistral", "qwen2", "qwen3", "smollm3", "olmo3"])
  func aPatchIsWhatItsMapAsksFor(_ type: String) throws {
    for sample in ExportMaps.layers {
      let map = try MapSamples.layers(
        modelType: type,
        deployed: Deployment(
          StreamingWindow(sink: 0, recent: sample.map.window.recent)))
      let patch = try ExportFormat.huggingFace.export(map).files[0].text
      var keys = try #require(
        try JSONSerialization.jsonObject(with: Data(patch.utf8)) as? [String: Any])
      keys["model_type"] = keys["model_type"] ?? type
      keys["num_hidden_layers"] = map.model.layers
      func check() throws {
        let bytes = try JSONSerialization.data(withJSONObject: keys)
        let path = try scratch.write(String(decoding: bytes, as: UTF8.self), to: "config.json")
        try TransformersConfiguration(contentsOf: path)
          .check(against: map, mapName: "headmap.json", path: path)
      }
      #expect(throws: Never.self) { try check() }
      keys["sliding_window"] = map.window.recent + 1
      #expect(throws: FileError.self) { try check() }
      keys["sliding_window"] = map.window.recent
      keys["layer_types"] = Array(repeating: "full_attention", count: 3)
      let error = #expect(throws: FileError.self) { try check() }
      #expect(error?.description.contains("layer 1: expected sliding window of") == true)
    }
  }
}
