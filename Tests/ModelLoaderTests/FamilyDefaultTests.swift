import Foundation
import ModelLoader
import TestSupport
import Testing

/// What an absent key stands for in each family, and where windows limit the context.
struct FamilyDefaultTests {
  private let folder: CheckpointFolder

  init() throws { folder = try CheckpointFolder() }

  /// A folder of `family` whose configuration is `changes` on top of the sizes of the weights.
  private func configure(_ family: String, _ changes: [String: Any?] = [:]) {
    folder.configuration = [
      "model_type": family, "vocab_size": 32, "hidden_size": 16, "intermediate_size": 16,
      "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
      "head_dim": 4, "tie_word_embeddings": true,
    ]
    for (key, value) in changes { folder.configuration[key] = value }
    if family.hasPrefix("qwen3") {
      for layer in 0..<2 {
        for name in ["q_norm", "k_norm"] {
          let tensor = "model.layers.\(layer).self_attn.\(name).weight"
          folder.tensors.append(TestTensor(tensor, [4], [1, 1, 1, 1]))
        }
      }
    }
    if family == "qwen2" {
      for layer in 0..<2 {
        for (name, size) in [("q", 16), ("k", 8), ("v", 8)] {
          let tensor = "model.layers.\(layer).self_attn.\(name)_proj.bias"
          folder.tensors.append(TestTensor(tensor, [size], .init(repeating: 1, count: size)))
        }
      }
    }
  }

  @Test(arguments: [
    ("llama", 2_048), ("mistral", 131_072), ("qwen2", 32_768), ("qwen3", 32_768),
  ])
  func contextEpsilonAndBase(family: String, context: Int) throws {
    // A window of null is none, where no key is a mistral's 4,096.
    configure(family, ["sliding_window": NSNull()])
    let configuration = try folder.plan().contents.configuration
    #expect(configuration.maxPositions == context)
    #expect(configuration.rmsNormEpsilon == 1e-6)
    #expect(configuration.kinds[0].rotary?.theta == 10_000)
  }

  @Test func keyValueHeads() throws {
    // The weights have two; null stands for as many as query heads in all families.
    for (family, found) in [("mistral", 8), ("qwen2", 32), ("qwen3", 32)] {
      expectError(.badData, "num_key_value_heads", "a divisor of the 4", "stands for \(found)") {
        try other(family, ["num_key_value_heads": nil])
      }
    }
    for family in ["llama", "mistral", "qwen2", "qwen3"] {
      expectError(.badData, "k_proj.weight: expected shape [16, 16], found shape [8, 16]") {
        try other(family, ["num_key_value_heads": NSNull()])
      }
    }
    expectError(.badData, "k_proj.weight: expected shape [16, 16], found shape [8, 16]") {
      try other("llama", ["num_key_value_heads": nil])
    }
  }

  /// What is read from a folder of its own.
  private func other(_ family: String, _ changes: [String: Any?]) throws -> ImportPlan {
    let test = try FamilyDefaultTests()
    test.configure(family, changes)
    return try test.folder.plan()
  }

  @Test func headDim() throws {
    for family in ["llama", "mistral", "qwen2"] {
      for value: Any? in [nil, NSNull()] {
        let folder = try FamilyDefaultTests()
        folder.configure(family, ["head_dim": value])
        #expect(try folder.folder.plan().contents.configuration.headDim == 4)
      }
    }
    expectError(.badData, "q_proj.weight: expected shape [512, 16]") {
      try other("qwen3", ["head_dim": nil])
    }
    expectError(.badData, "head_dim", "found null") {
      try other("qwen3", ["head_dim": NSNull()])
    }
  }

  /// A size that is not stated is the family's, and where the weights have another it is the one to blame.
  @Test func sizes() throws {
    for (key, size) in [
      ("vocab_size", 32_000), ("hidden_size", 4_096), ("intermediate_size", 11_008),
      ("num_hidden_layers", 32), ("num_attention_heads", 32),
    ] {
      let test = try FamilyDefaultTests()
      test.configure("llama", [key: nil])
      expectError(.badData, "key \(key)", "\(size), this family's default", "found nothing") {
        try test.folder.plan()
      }
    }
  }

  @Test func biases() throws {
    configure("mistral", ["attention_bias": true])
    expectError(.badData, "attention_bias", "mistral with biases") { try folder.plan() }
    configure("qwen2")
    #expect(try folder.plan().contents.configuration.kinds[0].projectionBias)
  }

  // MARK: Windows

  private func context(_ family: String, _ changes: [String: Any?]) throws -> ImportPlan {
    try other(family, ["max_position_embeddings": 8_192].merging(changes) { $1 })
  }

  @Test func aMistralSlidesUnlessItsWindowIsNull() throws {
    let cases: [(changes: [String: Any?], context: Int, warnings: Int)] = [
      ([:], 4_096, 1), (["sliding_window": NSNull()], 8_192, 0), (["sliding_window": 48], 48, 1),
      (["sliding_window": 9_000], 8_192, 0),
      // transformers does not look at these switches of other families.
      (["sliding_window": 48, "use_sliding_window": false], 48, 2),
      (["sliding_window": 48, "layer_types": ["full_attention", "full_attention"]], 48, 2),
    ]
    for (changes, expected, warnings) in cases {
      let plan = try context("mistral", changes)
      #expect(plan.contents.configuration.maxPositions == expected, "\(changes)")
      #expect(plan.warnings.count == warnings, "\(plan.warnings)")
    }
  }

  @Test(arguments: ["qwen2", "qwen3"])
  func aQwenSlidesWhereItsSwitchesSaySo(family: String) throws {
    let full = ["full_attention", "attention"]
    let mixed = ["full_attention", "sliding_attention"]
    // The context, and the window of the second of two layers where it alone has one.
    let cases: [(changes: [String: Any?], context: Int, window: Int?)] = [
      ([:], 8_192, nil),
      (["sliding_window": 48], 8_192, nil),
      // From layer 28 on, of two.
      (["use_sliding_window": true, "sliding_window": 48], 8_192, nil),
      (["use_sliding_window": true, "sliding_window": 48, "max_window_layers": 2], 8_192, nil),
      (["use_sliding_window": true, "sliding_window": 48, "max_window_layers": 1], 8_192, 48),
      // A window of the whole context is none.
      (["use_sliding_window": true, "sliding_window": 9_000, "max_window_layers": 1], 8_192, nil),
      (["use_sliding_window": true, "sliding_window": 48, "max_window_layers": 0], 48, nil),
      (["use_sliding_window": true, "max_window_layers": 0], 4_096, nil),
      (
        ["use_sliding_window": true, "sliding_window": NSNull(), "max_window_layers": 0], 8_192,
        nil
      ),
      (
        [
          "use_sliding_window": true, "sliding_window": 48, "max_window_layers": 0,
          "layer_types": full,
        ], 8_192, nil
      ),
      (["use_sliding_window": true, "sliding_window": 48, "layer_types": mixed], 8_192, 48),
    ]
    for (changes, expected, window) in cases {
      let plan = try context(family, changes)
      #expect(plan.contents.configuration.kinds.map(\.window) == [nil, window], "\(changes)")
      #expect(plan.contents.configuration.maxPositions == expected, "\(changes)")
      #expect(plan.warnings.count == (expected == 8_192 ? 0 : 1), "\(plan.warnings)")
    }
  }

  @Test func contradictionsAreRefused() throws {
    let sliding = ["full_attention", "sliding_attention"]
    for family in ["llama", "qwen2", "qwen3"] {
      expectError(.badData, "layer_types", "no window is switched on") {
        try context(family, ["layer_types": sliding, "sliding_window": 48])
      }
    }
    expectError(.badData, "layer_types", "expected 2 texts, one per layer, found 3") {
      try context(
        "qwen2", ["layer_types": sliding + ["full_attention"], "use_sliding_window": true])
    }
    expectError(.badData, "layer_types", "\"chunked_attention\"") {
      try context("llama", ["layer_types": ["full_attention", "chunked_attention"]])
    }
  }

  @Test func aLlamaHasNoWindow() throws {
    let plan = try context("llama", ["sliding_window": 48])
    #expect(plan.contents.configuration.maxPositions == 8_192)
    #expect(plan.warnings.first?.contains("a llama has no window") == true)
  }
}
