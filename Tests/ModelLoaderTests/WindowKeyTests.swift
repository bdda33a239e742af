import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// What configurations of models with windows of their own say, as transformers reads them.
struct WindowKeyTests {
  private let folder: ModelTestFolder

  init() throws { folder = try ModelTestFolder() }

  /// The configuration of a family's checkpoint with other keys; nil takes one away.
  private func read(_ family: String, _ changes: [String: Any?]) throws -> ModelConfiguration {
    let copy = folder.file(UUID().uuidString)
    try FileManager.default.copyItem(atPath: try Fixture.path("families/\(family)"), toPath: copy)
    let url = URL(fileURLWithPath: "\(copy)/config.json")
    var keys = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
    for (key, value) in changes { keys[key] = value }
    try JSONSerialization.data(withJSONObject: keys).write(to: url)
    return try HuggingFaceFolder(path: copy).plan().contents.configuration
  }

  private func thetas(_ c: ModelConfiguration) -> [Double?] { c.kinds.map { $0.rotary?.theta } }

  @Test func gemmasKeysOfAllAges() throws {
    let plain = try read("gemma3", [:])
    #expect(plain.kinds.map(\.window) == [24, nil, 24, nil])
    #expect(thetas(plain) == [1e4, 1e6, 1e4, 1e6])
    // Before transformers 5: two bases, and a scaling of the global layers.
    let old = try read(
      "gemma3",
      [
        "rope_parameters": nil, "rope_theta": 2e6, "rope_local_base_freq": 3e4,
        "rope_scaling": ["rope_type": "linear", "factor": 8],
        "layer_types": nil, "sliding_window_pattern": 2,
      ])
    #expect(old.kinds.map(\.window) == [24, nil, 24, nil])
    #expect(thetas(old) == [3e4, 2e6, 3e4, 2e6])
    #expect(old.kinds[0].rotary?.scaling == nil)
    #expect(old.kinds[1].rotary?.scaling == .linear(factor: 8))
    // Nothing stated: every sixth is global, the family's bases.
    let bare = try read("gemma3", ["rope_parameters": nil])
    #expect(thetas(bare) == [1e4, 1e6, 1e4, 1e6])
    expectError(.badData, "layers all slide", "use a model with global layers") {
      try read("gemma3", ["layer_types": nil])
    }
    expectError(.badData, "full_attention and sliding_attention") {
      try read("gemma3", ["rope_parameters": ["rope_type": "default", "rope_theta": 1e4]])
    }
    expectError(.badData, "sliding_window") { try read("gemma3", ["sliding_window": NSNull()]) }
    expectError(.badData, "attn_logit_softcapping") {
      try read("gemma3", ["attn_logit_softcapping": 50])
    }
    expectError(.badData, "hidden_activation", "gelu") {
      try read("gemma3", ["hidden_activation": "gelu"])
    }
  }

  @Test func olmosSlidingLayersHaveABaseOfTheirOwn() throws {
    let full: [String: Any] = ["rope_type": "default", "rope_theta": 1e6]
    // transformers never gives the base beside the objects to sliding layers.
    let own = try read(
      "olmo3", ["rope_theta": 123_456, "rope_parameters": ["full_attention": full]])
    #expect(thetas(own) == [5e5, 5e5, 5e5, 1e6])
    let outer = try read("olmo3", ["rope_theta": 123_456, "rope_parameters": nil])
    #expect(thetas(outer) == [5e5, 5e5, 5e5, 123_456])
    expectError(.badData, "\"linear_attention\"", "full_attention and sliding_attention") {
      try read("olmo3", ["layer_types": Array(repeating: "linear_attention", count: 4)])
    }
    // Its class knows no pattern but its own.
    expectError(.badData, "sliding_window_pattern") {
      try read("olmo3", ["layer_types": nil, "sliding_window_pattern": 2])
    }
    let listed = try read("olmo3", ["layer_types": nil])
    #expect(listed.kinds.map { $0.window == nil } == [false, false, false, true])
  }

  @Test func cohereHasPositionsWhereItSlides() throws {
    let plain = try read("cohere2", [:])
    #expect(plain.kinds.map { $0.rotary == nil } == [false, false, false, true])
    let wide = try read("cohere2", ["sliding_window": 4_096])
    #expect(wide.kinds.map { $0.rotary == nil } == [false, false, false, true])
    expectError(.badData, "layer_types", "4 texts") {
      try read("cohere2", ["layer_types": ["full_attention"]])
    }
    expectError(.badData, "use_parallel_block") {
      try read("cohere2", ["use_parallel_block": false])
    }
    #expect(
      try read("cohere2", ["use_parallel_block": true, "position_embedding_type": "rope_gptj"])
        == plain)
  }

  @Test func gptOssStandsForItsDefaults() throws {
    let bare = try read("gpt-oss", ["rope_parameters": nil])
    guard case .yarn(let yarn)? = bare.kinds[0].rotary?.scaling else {
      Issue.record("no YaRN")
      return
    }
    #expect(yarn.factor == 32 && yarn.originalMaxPositions == 4_096 && !yarn.truncates)
    #expect(bare.kinds[0].rotary?.theta == 150_000)
    expectError(.badData, "swiglu_limit", "swiglu_limit 7") {
      try read("gpt-oss", ["swiglu_limit": 6])
    }
    expectError(.badData, "swiglu_alpha", "1.702") { try read("gpt-oss", ["swiglu_alpha": 1.7]) }
  }

  @Test func textPartsStateWhatTheirClassesWouldAssume() throws {
    func text(_ model: String, _ key: String) throws -> ModelConfiguration {
      let url = URL(fileURLWithPath: "\(try Fixture.path("families/\(model)"))/config.json")
      let keys = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any]
      var own = try #require(keys?["text_config"] as? [String: Any])
      own[key] = nil
      return try read(model, ["text_config": own])
    }
    for key in ["rms_norm_eps", "num_key_value_heads", "vocab_size"] {
      expectError(.badData, key, "stated for the text part of a qwen3_vl_text") {
        try text("qwen3-vl", key)
      }
    }
    expectError(.badData, "rope_theta", "stated for the text part") {
      try text("qwen2.5-vl", "rope_parameters")
    }
    #expect(try text("gemma3-vision", "rms_norm_eps").rmsNormEpsilon == 1e-6)
  }
}
