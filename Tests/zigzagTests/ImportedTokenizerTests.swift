import Foundation
import TestSupport
import Testing

/// A tokenizer that cannot be used: said on import, which goes on, and refused by `inspect --check`.
@Suite struct ImportedTokenizerTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try FileManager.default.copyItem(
      atPath: ToolFixture.path("tiny-qwen2"), toPath: scratch.path("m"))
    // The fixture's own is no tokenizer.
    try scratch.write(
      """
      {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
       "decoder": {"type": "ByteLevel"},
       "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}
      """, to: "m/tokenizer.json")
  }

  /// Imports the folder after `change` and returns what import and `inspect --check` said.
  private func outcomes(
    _ change: () throws -> Void
  ) throws -> (imported: ToolOutcome, checked: ToolOutcome) {
    try change()
    return (
      try scratch.zigzag("import", "m", "m.h5", "-q"),
      try scratch.zigzag("inspect", "m.h5", "--check", "-q")
    )
  }

  @Test func aSoundTokenizerIsNoMatter() throws {
    let (imported, checked) = try outcomes {}
    #expect(imported.code == 0)
    #expect(imported.errors.isEmpty)
    #expect(checked.code == 0, "\(checked.errors)")
  }

  @Test(arguments: [
    (
      "{\"model\": nonsense", "tokenizer.json is damaged: it is not valid JSON",
      "left out when the model was imported"
    ),
    (
      "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 9085657\n",
      "tokenizer.json is a Git LFS pointer", "a Git LFS pointer"
    ),
    (
      "{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}",
      "tokenizer.json cannot be used: model.type is the text \"Unigram\"",
      "m.h5: /tokenizer/tokenizer.json: the tokenizer cannot be used: model.type"
    ),
    (
      "{\"model\": {\"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}}", "its id 0 is also that of",
      "/tokenizer/tokenizer.json"
    ),
  ])
  func whatCannotBeUsedIsSaid(text: String, warning: String, refusal: String) throws {
    let (imported, checked) = try outcomes { try scratch.write(text, to: "m/tokenizer.json") }
    #expect(imported.code == 0)
    #expect(imported.errors.hasPrefix("warning: m: "), "\(imported.errors)")
    #expect(imported.errors.contains(warning), "\(imported.errors)")
    expectRefusal(checked, code: 65, saying: "m.h5: ", refusal)
    #expect(!checked.errors.contains("m/tokenizer.json"))
    // Later verbs say the same.
    try scratch.write(TinyRun.configuration(steps: 1, checkpointEvery: 1), to: "run.yaml")
    let run = try scratch.zigzag("samples", "run.yaml", "--set", "model=m.h5")
    expectRefusal(run, code: 65, saying: refusal)
  }

  @Test func aPointerInPlaceOfTheWeightsIsNamed() throws {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 9\n"
    try scratch.write(pointer, to: "m/model-00001-of-00002.safetensors")
    expectRefusal(
      try scratch.zigzag("import", "m", "m.h5", "-q"), code: 65,
      saying: "m/model-00001-of-00002.safetensors", "a Git LFS pointer", "run `git lfs pull`")
    try scratch.write(pointer, to: "m/config.json")
    expectRefusal(
      try scratch.zigzag("import", "m", "m.h5", "-q"), code: 65, saying: "m/config.json",
      "run `git lfs pull`")
    #expect(!scratch.holds("m.h5"))
  }

  /// The two files may say different things; tokenizer.json counts.
  @Test func aConfigurationThatSaysOtherwiseIsNamed() throws {
    let (imported, checked) = try outcomes {
      try scratch.write(
        "{\"add_bos_token\": true, \"add_eos_token\": false}", to: "m/tokenizer_config.json")
    }
    #expect(imported.code == 0)
    #expect(imported.errorLines.count == 1)
    #expect(
      imported.errors.contains(
        "tokenizer_config.json has add_bos_token true, but tokenizer.json puts no token before a text"
      ))
    #expect(checked.code == 0)
  }

  /// A GGUF file with the first `old` replaced by `new`, of the same length.
  private func gguf(_ old: String, _ new: String) throws -> (ToolOutcome, ToolOutcome) {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: ToolFixture.tinyLlama))
    let range = try #require(bytes.range(of: Data(old.utf8)))
    bytes.replaceSubrange(range, with: Data(new.utf8))
    try bytes.write(to: URL(fileURLWithPath: scratch.path("m.gguf")))
    return (
      try scratch.zigzag("import", "m.gguf", "m.h5", "-q"),
      try scratch.zigzag("inspect", "m.h5", "--check", "-q")
    )
  }

  @Test func aGGUFFileThatDoesNotSayHowTextIsSplit() throws {
    let (imported, checked) = try gguf("tokenizer.ggml.pre", "tokenizer.ggml.prx")
    #expect(imported.code == 0, "\(imported.errors)")
    #expect(imported.errors.contains("the tokenizer is left out: tokenizer.ggml.pre should be"))
    expectRefusal(
      checked, code: 65, saying: "left out when the model was imported", "pre should be")
    #expect(!checked.errors.contains("tokenizer.json"))
  }
}
