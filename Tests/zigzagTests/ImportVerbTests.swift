import Foundation
import ModelLoader
import Support
import TestSupport
import Testing
import Transformer

/// What `zigzag import` and the verbs that open a model say about their input.
@Suite struct ImportVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    let variants = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../ModelLoaderTests/Fixtures/variants")
    try FileManager.default.createDirectory(
      atPath: scratch.path("model"), withIntermediateDirectories: true)
    for (name, copy) in [
      ("tied-and-different.json", "config.json"), ("llama.safetensors", "model.safetensors"),
    ] {
      try FileManager.default.copyItem(
        atPath: variants.appending(path: name).path, toPath: scratch.path("model/\(copy)"))
    }
  }

  private func importModel(_ options: String...) throws -> ToolOutcome {
    try ToolRunner.run(["import", "model", "out.h5"] + options, in: scratch.path)
  }

  @Test func warningsAreOnStandardError() throws {
    let warning = "warning: model: tie_word_embeddings is true"
    for options in [[], ["--quiet"]] {
      let outcome = try ToolRunner.run(["import", "model", "out.h5"] + options, in: scratch.path)
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errorLines.filter { $0.contains(warning) }.count == 1, "\(outcome.errors)")
      #expect(!outcome.output.contains("tie_word_embeddings"))
    }
    #expect(try importModel("--log-level", "error").errors.contains("warning:") == false)
  }

  @Test func jsonListsTheWarnings() throws {
    let outcome = try importModel("--json", "--quiet")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    let warnings = try #require(json?["warnings"] as? [String])
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("lm_head.weight differs") == true)
    #expect(json?["num_hidden_layers"] as? Int == 2)
    #expect((json?["sha256"] as? String)?.count == 64)
  }

  @Test func aKeyThatNobodyKnowsIsNamedOnceOnOpening() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    do {
      let file = try HDF5Node(opening: scratch.path("tiny.h5"))
      try file.child("config")?.setAttribute("colour", .text("blue"))
    }
    let outcome = try ToolRunner.run(["inspect", "tiny.h5"], in: scratch.path)
    #expect(outcome.code == 0)
    #expect(outcome.errorLines.filter { $0.contains("the key colour") }.count == 1)
    try TinyModel.write(to: scratch.path("tiny.h5"))
    do {
      let file = try HDF5Node(opening: scratch.path("tiny.h5"))
      try file.child("config")?.setAttribute("rope_thetta", .real(5e5))
    }
    expectRefusal(
      try ToolRunner.run(["inspect", "tiny.h5"], in: scratch.path), code: 65,
      saying: "rope_thetta", "did you mean rope_theta?")
  }

  /// Experts, stretched RoPE and layers without it are shown where there are some.
  @Test func whatFewModelsHaveIsShown() throws {
    try TinyModel.write(to: scratch.path("plain.h5"))
    let plain = try ToolRunner.run(["inspect", "plain.h5"], in: scratch.path).output
    for name in ["experts", "rope_scaling", "rope_layers", "sliding_rope"] {
      #expect(!plain.contains(name))
    }
    var c = TinyModel.configuration
    c.modelType = "qwen3_moe"
    for layer in 0..<c.layers {
      c.kinds[layer].headNorm = .perHead
      c.kinds[layer].rotary?.scaling = .yarn(
        YarnScaling(factor: 4, originalMaxPositions: 128, attentionFactor: 1.1))
    }
    c.kinds[1].experts = Experts(count: 8, active: 2, width: 12, normalises: true)
    try TinyModel.write(c, to: scratch.path("tiny.h5"))
    let outcome = try ToolRunner.run(["inspect", "tiny.h5"], in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("8, 2 active, 12 features each, in 1 of 2 layers"))
    #expect(outcome.output.contains("yarn × 4.00 over 128 positions"))
    let json = try ToolRunner.run(["inspect", "tiny.h5", "--json"], in: scratch.path)
    #expect(json.output.contains("\"rope_scaling\""))
  }

  /// What is written never replaces what is read, nor a device.
  @Test func whatIsReadIsNotReplaced() throws {
    let model = scratch.path("tiny.h5")
    try TinyModel.write(to: model)
    try NumpyFile.write([Int32](1...2), shape: [2], to: scratch.path("ids.npy"))
    let before = FileManager.default.contents(atPath: model)
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path("link.npy"), withDestinationPath: "tiny.h5")
    for out in ["tiny.h5", "./tiny.h5", "link.npy", "ids.npy"] {
      expectRefusal(
        try scratch.zigzag("forward", "tiny.h5", "--tokens", "ids.npy", "--out", out), code: 64,
        saying: out, "would replace", "name another place")
    }
    expectRefusal(
      try scratch.zigzag("bench", "tiny.h5", "--measure", "gemm", "--out", "tiny.h5"), code: 64,
      saying: "would replace tiny.h5")
    #expect(FileManager.default.contents(atPath: model) == before)
    let named = scratch.path("marks.npy")
    try TinyModel.write(to: named)
    try scratch.write(
      TinyRun.configuration(steps: 1, checkpointEvery: 1).replacing("tiny.h5", with: "marks.npy"),
      to: "named.yaml")
    let whole = FileManager.default.contents(atPath: named)
    expectRefusal(
      try scratch.zigzag("samples", "named.yaml", "--out", "."), code: 64,
      saying: "would replace marks.npy")
    #expect(FileManager.default.contents(atPath: named) == whole)
    try FileManager.default.removeItem(atPath: named)
    try scratch.write(
      TinyRun.configuration(steps: 1, checkpointEvery: 1), to: "marks.npy")
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path("link.yaml"), withDestinationPath: "marks.npy")
    try FileManager.default.copyItem(
      atPath: ToolFixture.path("tiny-qwen2"), toPath: scratch.path("m"))
    expectRefusal(
      try scratch.zigzag("import", "m", "m/config.json"), code: 64,
      saying: "would replace m/config.json")
    // A model file in the folder is not read by an import, and may be made again.
    for _ in 0..<2 { #expect(try scratch.zigzag("import", "m", "m/out.h5", "-q").code == 0) }
    try scratch.write("my notes", to: "m/README.md")
    expectRefusal(
      try scratch.zigzag("import", "m", "m/README.md"), code: 64,
      saying: "would replace m/README.md")
    expectRefusal(
      try scratch.zigzag("samples", "link.yaml", "--out", "."), code: 64,
      saying: "would replace link.yaml")
    // Only root makes devices: one like /dev/full.
    guard unsafe mknod(scratch.path("full"), S_IFCHR | 0o600, dev_t(1 << 8 | 7)) == 0 else {
      return
    }
    let outcome = try scratch.zigzag("import", "m", "full", "-q")
    #expect(outcome.code == 73 && outcome.errors.contains("is a device"), "\(outcome.errors)")
  }
}
