import Foundation
import ModelLoader
import Support
import TestSupport
import Testing

/// Prefixes before the names of tensors, adapters, and tensors that a decoder does not have.
struct TensorNameTests {
  private let folder: CheckpointFolder

  init() throws { folder = try CheckpointFolder() }

  private func rename(_ change: (String) -> String) {
    for index in folder.tensors.indices {
      folder.tensors[index].name = change(folder.tensors[index].name)
    }
  }

  private func rename(body: String, head: String = "lm_head.") {
    rename { name in
      name.hasPrefix("model.") ? body + name.dropFirst(6) : head + name.dropFirst(8)
    }
  }

  @Test(arguments: [
    "", "_orig_mod.model.", "module.model.", "base_model.model.model.", "module._orig_mod.model.",
  ])
  func oneForAllIsTakenOff(prefix: String) throws {
    let expected = try folder.imported().sha256
    rename(body: prefix)
    #expect(try folder.imported().sha256 == expected)
    #expect(try folder.plan().warnings.isEmpty)
  }

  /// Where transformers 4 and 5 keep the text part of a model that sees.
  @Test(arguments: [
    ("language_model.model.", "language_model.lm_head."), ("model.language_model.", "lm_head."),
    ("model.language_model.model.", "model.language_model.lm_head."),
  ])
  func theTextPartOfALargerModelIsNamed(body: String, head: String) throws {
    folder.add("lm_head.weight", like: "model.embed_tokens.weight") { $0 * 2 }
    folder.configuration["tie_word_embeddings"] = false
    let expected = try folder.imported().sha256
    rename(body: body, head: head)
    let part = body.hasPrefix("model.") ? "model.visual.blocks.0.weight" : "vision_tower.x.weight"
    folder.tensors.append(TestTensor(part, [3], [1, 2, 3]))
    let warnings = try folder.plan().warnings
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("text part") == true)
    #expect(warnings.first?.contains("the 1 tensors of its other parts are left out") == true)
    #expect(try folder.imported().sha256 == expected)
  }

  /// Without a part for text there is no other part to leave out.
  @Test func otherPartsOfAPlainModelAreRefused() throws {
    folder.tensors.append(TestTensor("vision_tower.x.weight", [3], [1, 2, 3]))
    expectError(.badData, "vision_tower.x.weight", "does not have") { try folder.plan() }
  }

  @Test func severalAreRefused() throws {
    rename { $0.contains("layers.1.") ? "module.\($0)" : $0 }
    expectError(.badData, "one prefix", "model.embed_tokens.weight and module.model.layers.1") {
      try folder.plan()
    }
  }

  /// The same model twice, under two prefixes.
  @Test func oneModelTwiceIsRefused() throws {
    folder.tensors += folder.tensors.map { TestTensor("ema.\($0.name)", $0.shape, $0.values) }
    expectError(.badData, "ema.model.", "does not have") { try folder.plan() }
    rename { $0.replacingOccurrences(of: "ema.", with: "module.") }
    expectError(.badData, "one prefix") { try folder.plan() }
  }

  @Test func aHeadElsewhereIsRefused() throws {
    folder.add("module.lm_head.weight", like: "model.embed_tokens.weight")
    expectError(.badData, "one prefix", "module.lm_head.weight") { try folder.plan() }
  }

  @Test func namesOfAnotherModelAreShown() throws {
    rename { "transformer.h.\($0)" }
    expectError(.badData, "expected a tensor", "transformer.h.model", "save it with transformers") {
      try folder.plan()
    }
  }

  @Test func adaptersAreRefusedAsSuch() throws {
    let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    try folder.write([TestTensor(name, [1], [1])], to: "adapter_model.safetensors")
    try folder.write(Data("{}".utf8), to: "adapter_config.json")
    // Without a config.json, as PEFT saves it, and with one.
    expectError(.badData, "adapter_config.json", "an adapter", "merge") {
      try HuggingFaceFolder(path: folder.path).plan()
    }
    expectError(.badData, "adapter_config.json", "an adapter") { try folder.plan() }
    try FileManager.default.removeItem(atPath: folder.folder.file("adapter_config.json"))
    folder.tensors = [TestTensor(name, [1], [1])]
    expectError(.badData, "lora_A", "an adapter") { try folder.plan() }
  }

  @Test func aScoreHeadIsRefused() throws {
    folder.tensors.append(TestTensor("score.weight", [2, 16], .init(repeating: 1, count: 32)))
    expectError(.badData, "score.weight", "does not have") { try folder.plan() }
  }

  // MARK: What may be left out

  @Test func aBiasOfZerosMayBeLeftOut() throws {
    let name = "model.layers.0.self_attn.o_proj.bias"
    let expected = try folder.imported().sha256
    folder.tensors.append(TestTensor(name, [16], .init(repeating: 0, count: 16)))
    #expect(try folder.imported().sha256 == expected)
    folder.tensors[folder.tensors.count - 1].values[7] = 1e-30
    expectError(.badData, name, "this bias") { try folder.plan() }
  }

  @Test func frequenciesAreCompared() throws {
    let name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    folder.tensors.append(TestTensor(name, [2], [1, 0.01]))
    #expect(try folder.plan().warnings.isEmpty)
    folder.configuration["rope_theta"] = 500
    let warnings = try folder.plan().warnings
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.contains("inv_freq does not hold the frequencies of rope_theta 500.0") == true
    )
    folder.configuration["rope_scaling"] = ["type": "linear", "factor": 4]
    folder.tensors[folder.tensors.count - 1].values = [0.25, 0.25 * 0.044_721_36]
    #expect(try folder.plan().warnings.isEmpty)
  }

  /// GPT-2's names of a mask and of the value behind it; a bias of that name is none.
  @Test func masksMayBeLeftOut() throws {
    let name = "model.layers.0.attn.bias"
    folder.tensors.append(TestTensor("model.layers.0.attn.masked_bias", [], [-1e4]))
    folder.tensors.append(TestTensor(name, [1, 1, 2, 2], [1, 0, 1, 1]))
    #expect(try folder.plan().warnings.isEmpty)
    folder.tensors[folder.tensors.count - 1].shape = [4]
    expectError(.badData, name, "does not have") { try folder.plan() }
  }
}
