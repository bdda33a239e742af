import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// GGUF metadata that change what a model computes, and tensors that do not lie as the format wants.
struct GGUFMetadataTests {
  private let folder: ModelTestFolder

  init() throws { folder = try ModelTestFolder() }

  private func plan(_ file: GGUFBytes) throws -> ImportPlan {
    let path = folder.file("x.gguf")
    try file.bytes.write(to: URL(fileURLWithPath: path))
    return try GGUFModel(path: path).plan { _ in Data() }
  }

  private func plan(_ key: String, _ value: MetadataValue?) throws -> ImportPlan {
    var file = GGUFBytes()
    file.set(key, value)
    return try plan(file)
  }

  @Test func thePlainFileIsRead() throws {
    let plan = try self.plan(GGUFBytes())
    var expected = ModelTestFiles.configuration
    expected.tiedEmbeddings = true
    #expect(plan.contents.configuration == expected)
    #expect(plan.warnings.isEmpty)
  }

  // MARK: Files of other kinds

  /// A model in two files, as llama-gguf-split writes them: the second has these keys alone.
  @Test func theFilesOfASplitModelAreOne() throws {
    let scratch = try ModelTestFolder()
    var first = GGUFBytes()
    let whole = first.tensors.count
    var second = first
    first.tensors = Array(first.tensors.prefix(3))
    second.tensors = Array(second.tensors.dropFirst(3))
    first.set("split.no", .integer(0))
    first.set("split.count", .integer(2))
    first.set("split.tensors.count", .integer(whole))
    second.metadata = [("split.no", .integer(1)), ("split.count", .integer(2))]
    let paths = (1...2).map { scratch.file("tiny-0000\($0)-of-00002.gguf") }
    func write(_ file: GGUFBytes, _ path: String) throws {
      try file.bytes.write(to: URL(fileURLWithPath: path))
    }
    func plan(_ path: String) throws -> ImportPlan {
      try GGUFModel(path: path).plan { _ in Data() }
    }
    try write(first, paths[0])
    expectError(.missingInput, paths[1], "part 2 of 2") { try plan(paths[0]) }
    try write(second, paths[1])
    let one = scratch.file("whole.gguf")
    try write(GGUFBytes(), one)
    // Whichever of them is given.
    for path in paths {
      let (found, expected) = (try plan(path), try plan(one))
      #expect(found.contents.configuration == expected.contents.configuration)
      #expect(found.sources.map(\.shape) == expected.sources.map(\.shape))
      #expect(
        try found.sources.map { try $0.readValues() }
          == expected.sources.map { try $0.readValues() })
    }
    #expect(Importer.files(of: paths[1]) == paths)
    // Another name, a part of another model, a tensor twice or too few.
    try write(first, scratch.file("renamed.gguf"))
    expectError(.badData, "split.count", "…-00001-of-00002.gguf") {
      try plan(scratch.file("renamed.gguf"))
    }
    try write(first, paths[1])
    expectError(.badData, paths[1], "split.no", "expected 1") { try plan(paths[0]) }
    var more = second
    more.tensors.append(first.tensors[0])
    try write(more, paths[1])
    expectError(.badData, "each tensor in one of the files") { try plan(paths[0]) }
    var fewer = second
    fewer.tensors.removeLast()
    try write(fewer, paths[1])
    expectError(.badData, "split.tensors.count", "\(whole) tensors") { try plan(paths[0]) }
  }

  @Test(arguments: [
    ("adapter", "an adapter (LoRA)"), ("mmproj", "sees or hears"), ("vocab", "without weights"),
    ("other", "the type \"other\""),
  ])
  func filesOfOtherKindsSayWhatTheyAre(type: String, words: String) throws {
    expectError(.badData, "general.type", words) {
      try plan("general.type", .text(type))
    }
    #expect(try plan("general.type", .text("model")).warnings.isEmpty)
  }

  // MARK: RoPE

  /// llama.cpp scales linearly where there is a factor and no type, and not where the type is none.
  @Test func aFactorWithoutATypeIsLinear() throws {
    for key in ["llama.rope.scaling.factor", "llama.rope.scale_linear"] {
      #expect(
        try plan(key, .real(4)).contents.configuration.kinds[0].rotary?.scaling
          == .linear(factor: 4), "\(key)")
      #expect(try plan(key, .real(1)).contents.configuration.kinds[0].rotary?.scaling == nil)
      #expect(try plan(key, .real(0)).contents.configuration.kinds[0].rotary?.scaling == nil)
      var file = GGUFBytes()
      file.set(key, .real(4))
      file.set("llama.rope.scaling.type", .text("none"))
      #expect(try plan(file).contents.configuration.kinds[0].rotary?.scaling == nil)
      file.set("llama.rope.scaling.type", .text("linear"))
      #expect(try plan(file).contents.configuration.kinds[0].rotary?.scaling == .linear(factor: 4))
      file.set("llama.rope.scaling.type", .text("yarn"))
      file.set("llama.rope.scaling.original_context_length", .integer(32))
      #expect(
        try plan(file).contents.configuration.kinds[0].rotary?.scaling
          == .yarn(
            YarnScaling(
              factor: 4, originalMaxPositions: 32, attentionFactor: 0.1 * log(4) + 1)))
      file.set("llama.rope.scaling.type", .text("longrope"))
      file.set(key, .real(1))
      expectError(.badData, "rope.scaling.type", "short_factor") { try plan(file) }
    }
  }

  @Test func aFactorBesideATableIsRefused() throws {
    var file = GGUFBytes()
    file.add(TestTensor("rope_freqs.weight", [4], [1, 1, 1, 1]))
    #expect(try plan(file).contents.configuration.kinds[0].rotary?.scaling == nil)
    file.set("llama.rope.scaling.factor", .real(4))
    expectError(.badData, "rope_freqs.weight", "one of the two") { try plan(file) }
  }

  // MARK: Other keys

  @Test func aVocabularySizeOfOtherRowsIsSaid() throws {
    let rows = ModelTestFiles.configuration.vocabulary
    #expect(try plan("llama.vocab_size", .integer(rows)).warnings.isEmpty)
    let other = try plan("llama.vocab_size", .integer(rows + 1))
    #expect(other.contents.configuration.vocabulary == rows)
    #expect(other.warnings.count == 1)
    #expect(other.warnings.first?.contains("llama.vocab_size is \(rows + 1)") == true)
  }

  @Test(arguments: [
    ("expert_shared_count", MetadataValue.integer(1), MetadataValue.integer(0)),
    ("expert_gating_func", .integer(2), .integer(1)),
    ("expert_weights_scale", .real(2.5), .real(1)),
    ("expert_weights_norm", .bool(false), .bool(true)),
    ("expert_group_count", .integer(2), .integer(1)),
    ("interleave_moe_layer_step", .integer(2), .integer(1)),
    ("rope.scaling.yarn_log_multiplier", .real(0.1), .real(0)),
    ("attention.scale", .real(0.5), .real(0)), ("logit_scale", .real(0.5), .real(1)),
    ("residual_scale", .real(2), .real(1)), ("embedding_scale", .real(12), .real(1)),
    ("attn_logit_softcapping", .real(50), .real(0)),
    ("final_logit_softcapping", .real(30), .real(0)),
    ("attention.causal", .bool(false), .bool(true)), ("pooling_type", .integer(1), .integer(0)),
    ("rope.dimension_sections", .integers([2, 1, 1, 0]), .integers([0, 0, 0, 0])),
    ("attention.sliding_window_pattern", .integer(6), .integer(0)),
    ("attention.clamp_kqv", .real(8), .real(0)),
    ("attention.max_alibi_bias", .real(8), .real(0)),
    ("use_parallel_residual", .bool(true), .bool(false)),
    ("rope.scaling.attn_factor", .real(1.2), .real(1)),
    ("rope.scaling.yarn_ext_factor", .real(1), .real(0)),
    ("rope.some_new_thing", .real(3), .real(0)),
  ])
  func keysOfOtherComputationsAreRefused(
    key: String, value: MetadataValue, neutral: MetadataValue
  ) throws {
    expectError(.badData, "llama.\(key)") { try plan("llama.\(key)", value) }
    #expect(
      try plan("llama.\(key)", neutral).contents.configuration.kinds[0].rotary?.scaling == nil)
  }

  @Test func misspeltKeysAreRefused() throws {
    for (key, nearest) in [
      ("llama.rope.freq_bases", "llama.rope.freq_base"),
      ("llama.attention.head_count_kvs", "llama.attention.head_count_kv"),
      ("llama.rope.scaling.faktor", "llama.rope.scaling.factor"),
    ] {
      expectError(.badData, key, "did you mean \(nearest)?") { try plan(key, .real(4)) }
    }
  }

  @Test func unknownKeysShareOneWarning() throws {
    var file = GGUFBytes()
    file.set("llama.colour", .text("blue"))
    file.set("llama.flavour", .integer(3))
    // Such a key would count under the architecture's own name.
    file.set("qwen2.rope.freq_base", .real(5))
    file.set("general.anything", .integer(3))
    file.set("tokenizer.ggml.anything", .integer(3))
    let warnings = try plan(file).warnings
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("llama.colour, llama.flavour, qwen2.rope.freq_base") == true)
  }

  @Test func theEpsilonMustBeThere() throws {
    expectError(.badData, "llama.attention.layer_norm_rms_epsilon", "found nothing") {
      try plan("llama.attention.layer_norm_rms_epsilon", nil)
    }
  }

  @Test func aWindowLimitsTheContextAloud() throws {
    let plan = try self.plan("llama.attention.sliding_window", .integer(48))
    #expect(plan.contents.configuration.maxPositions == 48)
    #expect(plan.warnings.first?.contains("limited to 48 of 128 tokens") == true)
    let none = try self.plan("llama.attention.sliding_window", .integer(0))
    #expect(none.contents.configuration.maxPositions == 128)
  }

  /// llama.cpp divides by √D where a file of Granite does not state a scale of the scores.
  @Test func graniteWithoutAScaleOfTheScores() throws {
    var file = GGUFBytes(architecture: "granite")
    let c = try plan(file).contents.configuration
    #expect(c.modelType == "granite")
    #expect(c.kinds.allSatisfy { $0.attentionScale == 1 / Float(c.headDim).squareRoot() })
    file.set("granite.attention.scale", .real(0.25))
    #expect(try plan(file).contents.configuration.kinds[0].attentionScale == 0.25)
  }

  // MARK: Layout

  /// Files of the time before llama.cpp put the experts of a layer into one tensor.
  @Test func expertsInATensorEach() throws {
    var configuration = ModelTestFiles.configuration
    configuration.modelType = "mixtral"
    let width = configuration.feedForward
    configuration.eachKind {
      $0.experts = Experts(count: 3, active: 2, width: width, normalises: true)
    }
    var one = GGUFBytes(configuration)
    one.set("llama.expert_count", .integer(3))
    one.set("llama.expert_used_count", .integer(2))
    var each = one
    each.tensors = []
    for (tensor, _) in one.tensors {
      guard tensor.name.hasSuffix("_exps.weight") else {
        each.add(tensor)
        continue
      }
      let size = tensor.values.count / 3
      for expert in 0..<3 {
        let name = tensor.name.replacingOccurrences(of: "_exps", with: ".\(expert)")
        let values = tensor.values[expert * size..<(expert + 1) * size]
        each.add(TestTensor(name, Array(tensor.shape.dropFirst()), Array(values)))
      }
    }
    #expect(each.tensors.count == one.tensors.count + 2 * 3 * configuration.layers)
    func model(_ file: GGUFBytes) throws -> String {
      let path = folder.file("mixtral.gguf")
      try file.bytes.write(to: URL(fileURLWithPath: path))
      return try Importer { _ in Data() }.run(source: path, destination: folder.file("m.h5")).sha256
    }
    #expect(try model(each) == model(one))
    each.tensors.removeAll { $0.tensor.name == "blk.1.ffn_up.2.weight" }
    expectError(.badData, "blk.1.ffn_up.2.weight") { try plan(each) }
  }

  @Test func aBiasOfZerosMayBeLeftOut() throws {
    var file = GGUFBytes()
    file.add(TestTensor("blk.0.attn_output.bias", [32], .init(repeating: 0, count: 32)))
    #expect(try plan(file).warnings.isEmpty)
    file.tensors[file.tensors.count - 1].tensor.values[3] = 1
    expectError(.badData, "blk.0.attn_output.bias", "this bias") { try plan(file) }
  }

  @Test func keysTwiceAreRefused() throws {
    var file = GGUFBytes()
    file.metadata.append(("llama.context_length", .integer(64)))
    expectError(.badData, "llama.context_length", "each metadata key once") { try plan(file) }
  }

  @Test func tensorsTwiceAreRefused() throws {
    var file = GGUFBytes()
    let first = file.tensors[3].tensor
    file.add(first)
    expectError(.badData, first.name, "each tensor once") { try plan(file) }
  }

  @Test func tensorsMustLieBehindEachOther() throws {
    let valid = GGUFBytes()
    let end = valid.tensors.dropLast().reduce(0) { $0 + $1.tensor.bytes.count }
    let last = valid.tensors.count - 1
    for (offset, words) in [
      (end - 32, "two tensors share bytes"), (0, "two tensors share bytes"),
      (end + 4, "no multiple of the alignment"), (end + 32, "a hole"),
    ] {
      var file = valid
      file.tensors[last].offset = offset
      // Room for it behind the others, so that nothing but its place is at fault.
      file.add(TestTensor("spare", [64], .init(repeating: 0, count: 64)), at: end + 4_096)
      file.tensors[last + 1].tensor.values += .init(repeating: 0, count: 4_096)
      expectError(.badData, "x.gguf", words) { try plan(file) }
    }
    var beyond = valid
    beyond.tensors[last].offset = end + (1 << 20)
    expectError(.badData, "x.gguf") { try plan(beyond) }
  }

  @Test func theAlignmentIsAPowerOfTwo() throws {
    var file = GGUFBytes()
    file.alignment = 64
    file.set("general.alignment", .integer(64))
    #expect(try plan(file).warnings.isEmpty)
    file.set("general.alignment", .integer(48))
    expectError(.badData, "general.alignment", "a power of 2") { try plan(file) }
  }
}
