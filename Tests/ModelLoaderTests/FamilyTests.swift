import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Checkpoints as Hugging Face transformers saves them, and what it computes from them.
///
/// Fixtures/families/make_families.py makes them: random weights, norms and biases.
struct FamilyTests {
  /// The largest difference over the largest value: both sides compute in float32.
  private let tolerance = 5e-6

  /// Every family, and the options that a family leaves open.
  static let all = [
    "llama-3.1", "llama-biased", "llama-gelu", "mistral", "qwen2", "qwen3", "qwen3-moe",
    "qwen3-moe-all", "mixtral", "smollm3", "phi3-long", "phi3-short", "olmo2", "granite",
    "granite-moe", "glm4", "olmo3", "gemma3", "cohere2", "gpt-oss",
  ]

  @Test(arguments: all)
  func importedModelsComputeWhatTransformersComputes(family: String) throws {
    let folder = try Fixture.path("families/\(family)")
    let scratch = try ModelTestFolder()
    let path = scratch.file("model.h5")
    _ = try Importer { _ in Data() }.run(source: folder, destination: path)
    let model = try ModelFile.open(path: path)
    let c = model.configuration
    let ids = try NumpyFile.readTokens(path: "\(folder)/ids.npy", vocabulary: c.vocabulary)
    let decoder = model.decoder
    let window = StreamingWindow(sink: 4, recent: 16)
    let mixed = HeadSet(
      (0..<c.layers).map { _ in (0..<c.keyValueHeads).map { $0 == 0 } })
    for (name, pattern) in [
      ("hidden", AttentionPattern.full(c)), ("streaming", .streaming(c, window: window)),
      ("mixed", AttentionPattern(mixed, window: window)),
    ] {
      let expected = try NumpyFile.readFloats(path: "\(folder)/\(name).npy")
      #expect(expected.shape == [ids.count, c.hidden])
      expectClose(
        decoder.finalHidden(ids, pattern: pattern).values, expected.values.map(Double.init),
        tolerance: tolerance, "\(name)")
    }
    let logits = try NumpyFile.readFloats(path: "\(folder)/logits.npy")
    let hidden = decoder.finalHidden(ids, pattern: .full(c))
    let last = decoder.logits(hidden).values.suffix(logits.values.count)
    expectClose(
      Array(last), logits.values.map(Double.init), tolerance: tolerance, "logits")
  }

  /// A model file states all of a family's configuration: what is read back is what was imported.
  @Test(arguments: all) func theModelFileKeepsTheConfiguration(family: String) throws {
    let scratch = try ModelTestFolder()
    let path = scratch.file("model.h5")
    let summary = try Importer { _ in Data() }.run(
      source: try Fixture.path("families/\(family)"), destination: path)
    // Of the tokenizer, which these have not.
    #expect(summary.warnings.allSatisfy { !$0.contains("architectures") && !$0.contains("key") })
    let reader = try ModelFileReader(path: path)
    #expect(reader.contents.configuration == summary.configuration)
    #expect(reader.warnings.isEmpty)
  }

  /// The same model from a GGUF file: the same configuration and the same values.
  @Test(arguments: [
    "qwen3-moe-all", "mixtral", "smollm3", "phi3-long", "olmo2", "granite", "granite-moe", "glm4",
    "olmo3", "gemma3", "cohere2", "gpt-oss",
  ])
  func ggufFilesHoldTheSameModel(family: String) throws {
    let folder = try Fixture.path("families/\(family)")
    let scratch = try ModelTestFolder()
    let (path, other) = (scratch.file("model.h5"), scratch.file("gguf.h5"))
    let importer = Importer(elementType: .float32) { _ in Data() }
    let summary = try importer.run(source: folder, destination: path)
    let fromGGUF = try importer.run(source: "\(folder)/model.gguf", destination: other)
    #expect(fromGGUF.warnings.isEmpty, "\(fromGGUF.warnings)")
    #expect(fromGGUF.sha256 == summary.sha256)
    // GGUF holds floats of 32 bits.
    var expected = summary.configuration
    expected.kinds = fromGGUF.configuration.kinds
    #expect(fromGGUF.configuration == expected)
    for (one, two) in zip(summary.configuration.kinds, fromGGUF.configuration.kinds) {
      var kind = two
      kind.rotary?.scaling = one.rotary?.scaling
      #expect(kind == one)
    }
    let ids = try NumpyFile.readTokens(
      path: "\(folder)/ids.npy", vocabulary: summary.configuration.vocabulary)
    let hidden = try [path, other].map { path in
      let decoder = try ModelFile.open(path: path).decoder
      return decoder.finalHidden(ids, pattern: .full(summary.configuration)).values
    }
    expectClose(hidden[1], hidden[0].map(Double.init), tolerance: tolerance, "hidden states")
  }

  // MARK: Models of several parts

  /// The text part alone, named by one line; positions of several axes are plain in text.
  @Test(arguments: [
    ("qwen2.5-vl", "qwen2"), ("qwen3-vl", "qwen3"), ("gemma3-vision", "gemma3_text"),
  ])
  func theTextPartOfAModelThatSeesIsRead(model: String, family: String) throws {
    let folder = try Fixture.path("families/\(model)")
    let scratch = try ModelTestFolder()
    let path = scratch.file("model.h5")
    let summary = try Importer { _ in Data() }.run(source: folder, destination: path)
    let c = summary.configuration
    #expect(c.modelType == family)
    #expect(summary.warnings.count { $0.contains("the text part of a") } == 1)
    #expect(summary.warnings.contains { $0.contains("other parts are left out") })
    let ids = try NumpyFile.readTokens(path: "\(folder)/ids.npy", vocabulary: c.vocabulary)
    let decoder = try ModelFile.open(path: path).decoder
    let hidden = decoder.finalHidden(ids, pattern: .full(c))
    for (name, values) in [("hidden", hidden.values), ("logits", decoder.logits(hidden).values)] {
      let expected = try NumpyFile.readFloats(path: "\(folder)/\(name).npy").values
      expectClose(
        Array(values.suffix(expected.count)), expected.map(Double.init), tolerance: tolerance, name)
    }
    #expect(try ModelFileReader(path: path).contents.configuration == c)
  }

  /// The axes of positions are kept for those who compute on images; those of the class where none are stated.
  @Test func theSectionsOfPositionsAreKept() throws {
    let scratch = try ModelTestFolder()
    for (model, sections) in [
      ("qwen2.5-vl", RotarySections(pairs: [1, 1, 2])),
      ("qwen3-vl", RotarySections(pairs: [2, 1, 1], takeTurns: true)),
    ] {
      let path = scratch.file("\(model).h5")
      _ = try Importer { _ in Data() }.run(
        source: try Fixture.path("families/\(model)"), destination: path)
      let kinds = try ModelFile.open(path: path).configuration.kinds
      #expect(kinds.allSatisfy { $0.rotary?.sections == sections }, "\(model)")
    }
    func plan(_ sections: Any?) throws -> ModelConfiguration {
      let path = "\(try Fixture.path("families/qwen2.5-vl"))/config.json"
      let keys = try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: path)))
      var own = try #require((keys as? [String: Any])?["text_config"] as? [String: Any])
      var rope = try #require(own["rope_parameters"] as? [String: Any])
      rope["mrope_section"] = sections
      own["rope_parameters"] = rope
      let folder = try edited("qwen2.5-vl", ["text_config": own], in: scratch)
      return try HuggingFaceFolder(path: folder).plan().contents.configuration
    }
    #expect(try plan([0, 4, 0]).kinds[0].rotary?.sections?.pairs == [0, 4, 0])
    expectError(.badData, "key mrope_section", "of the 4 pairs", "[1, 1, 1]") {
      _ = try plan([1, 1, 1])
    }
    expectError(.badData, "key mrope_section", "three sizes") { _ = try plan([2, 2]) }
    expectError(.badData, "key mrope_section", "three sizes") { _ = try plan("4") }
    // The class has [16, 24, 24].
    expectError(.badData, "key mrope_section", "[16, 24, 24]") { _ = try plan(nil) }
  }

  @Test func sectionsOfAModelFileAreChecked() throws {
    let scratch = try ModelTestFolder()
    var configuration = ModelTestFiles.configuration
    configuration.eachKind { $0.rotary?.sections = RotarySections(pairs: [1, 1, 1]) }
    let path = scratch.file("model.h5")
    try ModelTestFiles.write(to: path, configuration: configuration)
    expectError(.badData, "/config attribute mrope_section", "of the 4 pairs", "[1, 1, 1]") {
      _ = try ModelFile.open(path: path)
    }
    // Axes that take turns need no sum: time has what is left.
    configuration.eachKind { $0.rotary?.sections?.takeTurns = true }
    try ModelTestFiles.write(to: path, configuration: configuration)
    #expect(try ModelFile.open(path: path).configuration == configuration)
  }

  @Test func textPartsOfOtherFamiliesAreRefused() throws {
    let scratch = try ModelTestFolder()
    func text(_ change: (inout [String: Any]) -> Void) throws -> String {
      let path = "\(try Fixture.path("families/qwen3-vl"))/config.json"
      let keys = try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: path)))
      var own = try #require((keys as? [String: Any])?["text_config"] as? [String: Any])
      change(&own)
      return try edited("qwen3-vl", ["text_config": own], in: scratch)
    }
    func plan(_ folder: String) throws { _ = try HuggingFaceFolder(path: folder).plan() }
    expectError(.badData, "text_config.model_type", "\"mamba\" in a qwen3_vl", "qwen3_vl_text") {
      try plan(text { $0["model_type"] = "mamba" })
    }
    expectError(.badData, "text_config.tie_word_embeddings") {
      try plan(text { $0["tie_word_embeddings"] = false })
    }
    expectError(.badData, "\"rope_parameter\"", "did you mean rope_parameters?") {
      try plan(text { $0["rope_parameter"] = ["rope_theta": 1] })
    }
  }

  // MARK: Quantised checkpoints

  /// FP8 with factors of blocks that do not divide the matrices, and experts in MXFP4.
  @Test(arguments: ["fp8", "gpt-oss-mxfp4"])
  func checkpointsOfFewBitsAreWidened(name: String) throws {
    let folder = try Fixture.path("families/\(name)")
    let scratch = try ModelTestFolder()
    let path = scratch.file("model.h5")
    let summary = try Importer { _ in Data() }.run(source: folder, destination: path)
    let decoder = try ModelFile.open(path: path).decoder
    let ids = try NumpyFile.readTokens(
      path: "\(folder)/ids.npy", vocabulary: summary.configuration.vocabulary)
    #expect(
      decoder.weights.layers.allSatisfy {
        $0.wq.type == .bfloat16 && $0.wDown.type == .bfloat16
      })
    let expected = try NumpyFile.readFloats(path: "\(folder)/hidden.npy").values
    expectClose(
      decoder.finalHidden(ids, pattern: .full(summary.configuration)).values,
      expected.map(Double.init), tolerance: tolerance, "hidden states")
  }

  @Test func otherSchemesAreNamed() throws {
    let scratch = try ModelTestFolder()
    func plan(_ quantization: [String: Any]?) throws {
      let folder = try edited("fp8", ["quantization_config": quantization], in: scratch)
      _ = try HuggingFaceFolder(path: folder).plan()
    }
    let schemes: [([String: Any], String)] = [
      (["quant_method": "awq", "bits": 4], "awq, 4 bits"),
      (["quant_method": "gptq", "bits": 4], "gptq, 4 bits"),
      (
        ["quant_method": "compressed-tensors", "format": "pack-quantized"],
        "compressed-tensors, pack-quantized"
      ),
      (["quant_method": "mxfp4"], "mxfp4"), ([:], "an unknown method"),
    ]
    for (scheme, words) in schemes {
      expectError(.badData, "quantization_config", "quantised by \(words)", "unquantised weights") {
        try plan(scheme)
      }
    }
    expectError(.badData, "F8_E4M3 without a quantization_config") { try plan(nil) }
    expectError(.badData, "_scale_inv", "shape [2, 3], a factor for each block of 16 × 16") {
      try plan(["quant_method": "fp8", "weight_block_size": [16, 16]])
    }
    expectError(.badData, "quantization_config", "one factor for each matrix", "unquantised") {
      try plan(["quant_method": "fp8", "activation_scheme": "static"])
    }
    expectError(.badData, "e5m2") { try plan(["quant_method": "fp8", "fmt": "e5m2"]) }
    expectError(.badData, "weight_block_size") {
      try plan(["quant_method": "fp8", "weight_block_size": [0, 16]])
    }
  }

  /// Checkpoints of other programs, whose config.json may say no more than fp8.
  @Test func oneFactorForEachMatrixIsNamed() throws {
    let scratch = try ModelTestFolder()
    let folder = try edited("fp8", ["quantization_config": ["quant_method": "fp8"]], in: scratch)
    let weights = URL(fileURLWithPath: "\(folder)/model.safetensors")
    var bytes = try Data(contentsOf: weights)
    let (old, new) = (Data(#"weight_scale_inv":"#.utf8), Data(#"weight_scale"    :"#.utf8))
    while let place = bytes.range(of: old) { bytes.replaceSubrange(place, with: new) }
    try bytes.write(to: weights)
    expectError(
      .badData, "quantization_config", "one factor for each matrix", "weight_scale)",
      "use a model with unquantised weights"
    ) { _ = try HuggingFaceFolder(path: folder).plan() }
  }

  // MARK: What configurations say

  /// A copy of a family's checkpoint with other keys; a nil value takes the key away.
  private func edited(
    _ family: String, _ changes: [String: Any?], in scratch: borrowing ModelTestFolder
  ) throws -> String {
    let folder = scratch.file(UUID().uuidString)
    try FileManager.default.copyItem(atPath: try Fixture.path("families/\(family)"), toPath: folder)
    let path = "\(folder)/config.json"
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    var keys = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    for (key, value) in changes { keys[key] = value }
    try JSONSerialization.data(withJSONObject: keys).write(to: URL(fileURLWithPath: path))
    return folder
  }

  private func imported(
    _ family: String, _ changes: [String: Any?], in scratch: borrowing ModelTestFolder
  ) throws -> ModelConfiguration {
    let path = scratch.file("\(UUID().uuidString).h5")
    let summary = try Importer { _ in Data() }.run(
      source: try edited(family, changes, in: scratch), destination: path)
    // Another share of RoPE or another window is another model, in the file too.
    #expect(try ModelFileReader(path: path).contents.configuration == summary.configuration)
    return summary.configuration
  }

  @Test func theShareThatRoPETurnsIsKept() throws {
    let scratch = try ModelTestFolder()
    let plain: [String: Any] = ["rope_type": "default", "rope_theta": 10_000]
    func features(_ changes: [String: Any?]) throws -> Int? {
      try imported("glm4", changes, in: scratch).kinds[0].rotary?.features
    }
    #expect(try features([:]) == 4)
    #expect(try features(["rope_parameters": plain]) == 4)
    #expect(try features(["rope_parameters": plain, "partial_rotary_factor": 1]) == nil)
    // transformers turns the whole head where the key is null.
    #expect(try features(["rope_parameters": plain, "partial_rotary_factor": NSNull()]) == nil)
    expectError(.badData, "partial_rotary_factor", "which is 5") {
      _ = try imported("glm4", ["rope_parameters": plain, "head_dim": 10], in: scratch)
    }
  }

  @Test func expertsAreCountedAsStated() throws {
    let scratch = try ModelTestFolder()
    func experts(_ changes: [String: Any?]) throws -> [Experts?] {
      try imported("qwen3-moe", changes, in: scratch).kinds.map(\.experts)
    }
    #expect(try experts([:]).map { $0 == nil } == [false, true, false])
    #expect(try experts(["norm_topk_prob": true])[0]?.normalises == true)
    #expect(try experts(["num_experts": 6])[0]?.count == 6)
    for (changes, place, words) in [
      (["num_experts": 3], "num_local_experts", "the number of num_experts, 3"),
      (["num_experts_per_tok": 7], "num_experts_per_tok", "from 1 to 6"),
      (["num_experts_per_tok": nil], "num_experts_per_tok", "stands for 8"),
      (["mlp_only_layers": [3]], "mlp_only_layers", "layers below 3"),
      (["norm_topk_probs": true], "norm_topk_probs", "did you mean norm_topk_prob?"),
      (["num_experts_per_token": 2], "num_experts_per_token", "did you mean num_experts_per_tok?"),
    ] as [([String: Any?], String, String)] {
      expectError(.badData, place, words) { _ = try experts(changes) }
    }
    // Layer 0 alone is dense: in a model file a list of one is a number. And there may be one expert.
    for count in [1, 3] {
      var configuration = TinyModel.configuration
      configuration.modelType = "qwen3_moe"
      configuration.eachKind { $0.headNorm = .perHead }
      configuration.kinds[1].experts = Experts(
        count: count, active: 1, width: 8, normalises: false)
      let path = scratch.file("\(count).h5")
      try TinyModel.write(configuration, to: path)
      #expect(try ModelFileReader(path: path).contents.configuration == configuration)
    }
  }

  @Test func everyLayerOfQwen3MoESlides() throws {
    let scratch = try ModelTestFolder()
    func positions(_ changes: [String: Any?]) throws -> Int {
      try imported("qwen3-moe", changes, in: scratch).maxPositions
    }
    let full = Array(repeating: "full_attention", count: 3)
    #expect(try positions(["use_sliding_window": true, "sliding_window": 8]) == 8)
    #expect(
      try positions(["use_sliding_window": true, "sliding_window": 8, "layer_types": full]) == 8)
    #expect(
      try positions([
        "use_sliding_window": true, "sliding_window": nil, "max_position_embeddings": 8_192,
      ]) == 4_096)
    #expect(try positions(["sliding_window": 8]) == 512)
  }

  @Test func scalingsAreReadAsTransformersReadsThem() throws {
    let scratch = try ModelTestFolder()
    func yarn(_ changes: [String: Any]) throws -> YarnScaling? {
      var members: [String: Any] = [
        "rope_type": "yarn", "rope_theta": 10_000, "factor": 4,
        "original_max_position_embeddings": 128,
      ]
      members.merge(changes) { $1 }
      let found = try imported("llama-biased", ["rope_parameters": members], in: scratch)
      guard case .yarn(let yarn)? = found.kinds[0].rotary?.scaling else { return nil }
      return yarn
    }
    let plain = try #require(try yarn([:]))
    #expect(
      plain
        == YarnScaling(
          factor: 4, originalMaxPositions: 128, attentionFactor: 0.1 * log(4) + 1))
    #expect(try yarn(["truncate": false])?.truncates == false)
    #expect(try yarn(["truncate": NSNull()])?.truncates == false)
    #expect(try yarn(["attention_factor": 1.5])?.attentionFactor == 1.5)
    let ratio = (0.1 * 2 * log(4) + 1) / (0.1 * 3 * log(4) + 1)
    #expect(try yarn(["mscale": 2, "mscale_all_dim": 3])?.attentionFactor == ratio)
    #expect(try yarn(["mscale": 2])?.attentionFactor == plain.attentionFactor)
    expectError(.badData, "a rope_theta above 1") { _ = try yarn(["rope_theta": 1]) }
    expectError(.badData, "original_max_position_embeddings above 1") {
      _ = try imported("phi3-short", ["original_max_position_embeddings": 1], in: scratch)
    }
    expectError(.badData, "attention_out_bias") {
      _ = try imported("llama-gelu", ["attention_out_bias": true], in: scratch)
    }
  }
}
