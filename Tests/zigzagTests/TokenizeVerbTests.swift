import Foundation
import ModelLoader
import TestSupport
import Testing

/// `zigzag tokenize` on every kind of file that has a tokenizer.
@Suite struct TokenizeVerbTests {
  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  private struct Shown: Decodable {
    struct Token: Decodable {
      let id: Int32
      let piece: String
      let offset: Int?
      let bytes: String
      let text: String
    }

    let ids: [Int32]
    let tokens: [Token]
  }

  private struct Reference: Decodable {
    let strings: [[Int32]]
    let decoded: [String]
    let withSpecialTokens: [Int32]
  }

  private func tokenize(_ arguments: String..., input: String = "") throws -> ToolOutcome {
    try scratch.write(input, to: "input")
    return try ToolRunner.run(
      ["tokenize"] + arguments, in: scratch.path, shell: "exec \"$@\" < input")
  }

  private static let byteLevel = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}"

  /// The ids, as a script gets them, are those of Hugging Face's tokenizers.
  @Test(arguments: ["gpt2", "llama3", "qwen2", "llama2"])
  func idsAreThoseOfTheReference(name: String) throws {
    let file = ToolFixture.path("tokenizer/\(name).json")
    let texts = try JSONDecoder().decode(
      [String].self,
      from: Data(contentsOf: URL(fileURLWithPath: ToolFixture.path("tokenizer/strings.json"))))
    let reference = try JSONDecoder().decode(
      Reference.self,
      from: Data(
        contentsOf: URL(fileURLWithPath: ToolFixture.path("tokenizer/\(name).expected.json"))))
    for index in stride(from: 0, to: texts.count, by: 97) {
      let outcome = try tokenize(file, "--json", "--no-special", input: texts[index])
      #expect(outcome.code == 0, "\(outcome.errors)")
      let shown = try JSONDecoder().decode(Shown.self, from: Data(outcome.output.utf8))
      #expect(shown.ids == reference.strings[index], "\(texts[index].debugDescription)")
      #expect(shown.tokens.map(\.id) == shown.ids)
      // The pieces' bytes, one after another, are the decoded text.
      let bytes = shown.tokens.map(\.bytes).joined()
      let decoded = reference.decoded[index].utf8.map {
        ($0 < 16 ? "0" : "") + String($0, radix: 16)
      }
      #expect(bytes == decoded.joined(), "\(texts[index].debugDescription)")
      var offset = 0
      for token in shown.tokens {
        #expect(token.offset == offset)
        offset += token.bytes.count / 2
      }
      let back = try tokenize(
        file, "--decode", "-", input: shown.ids.map(String.init).joined(separator: " "))
      #expect(Array(back.output.utf8) == Array(reference.decoded[index].utf8))
    }
    let whole = try tokenize(file, "--text", "Hello, world", "--ids", "--special")
    #expect(whole.output == reference.withSpecialTokens.map { "\($0)\n" }.joined())
  }

  /// As samples begin by default; the whole template or none of it where asked.
  @Test func theTemplateIsAddedAsAsked() throws {
    try TinyModel.tokenizer(before: [1], behind: [2]).write(
      to: URL(fileURLWithPath: scratch.path("tokenizer.json")))
    #expect(try tokenize(".", "--text", "ab", "--ids").output == "1\n97\n98\n")
    #expect(try tokenize(".", "--text", "ab", "--ids", "--special").output == "1\n97\n98\n2\n")
    #expect(try tokenize(".", "--text", "ab", "--ids", "--no-special").output == "97\n98\n")
    let table = try tokenize("tokenizer.json", "--text", "a\n\"")
    #expect(
      table.output == """
        offset  id  piece  text
             -   1  ā
             0  97  a      "a"
             1  10  Ċ      "\\n"
             2  34  \\"     "\\""

        """)
    #expect(table.errors.isEmpty)
  }

  @Test func everyKindOfFileHasItsTokenizer() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    #expect(try tokenize("tiny.h5", "--ids", input: "hi").output == "104\n105\n")
    try FileManager.default.createDirectory(
      atPath: scratch.path("folder"), withIntermediateDirectories: false)
    try TinyModel.tokenizer().write(
      to: URL(fileURLWithPath: scratch.path("folder/tokenizer.json")))
    #expect(try tokenize("folder", "--ids", "--text", "hi").output == "104\n105\n")
    var file = GGUFBytes()
    file.set("tokenizer.ggml.model", .text("gpt2"))
    file.set("tokenizer.ggml.pre", .text("gpt-2"))
    file.set("tokenizer.ggml.tokens", .texts(["a", "b", "ab"]))
    file.set("tokenizer.ggml.merges", .texts(["a b"]))
    try file.bytes.write(to: URL(fileURLWithPath: scratch.path("l.gguf")))
    let gguf = try tokenize("l.gguf", "--ids", "--text", "abba")
    #expect(gguf.output == "2\n1\n0\n", "\(gguf.errors)")
    let imported = try ToolRunner.run(["import", "l.gguf", "l.h5", "-q"], in: scratch.path)
    #expect(imported.code == 0 && imported.errors.isEmpty, "\(imported.errors)")
    #expect(try tokenize("l.h5", "--ids", "--text", "abba").output == gguf.output)
  }

  @Test func textsComeFromAFileTheOptionOrStandardInput() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write("hé", to: "text")
    for outcome in [
      try tokenize("tiny.h5", "text", "--ids"), try tokenize("tiny.h5", "--text", "hé", "--ids"),
      try tokenize("tiny.h5", "--ids", input: "hé"),
      try tokenize("tiny.h5", "-", "--ids", input: "hé"),
    ] {
      #expect(outcome.output == "104\n195\n169\n")
    }
    #expect(try tokenize("tiny.h5", "--decode", "--text", "[104, 195,169]").output == "hé")
    #expect(
      try tokenize("tiny.h5", "--decode", "--json", "--text", "104").output.contains(
        "\"text\" : \"h\""))
    #expect(try tokenize("tiny.h5", input: "").output == "offset  id  piece  text\n")
  }

  @Test func whatIsWrongIsOneSentence() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    expectRefusal(try tokenize("none.h5"), code: 66, saying: "none.h5", "there is no such")
    expectRefusal(try tokenize("tiny.h5", "none.txt"), code: 66, saying: "none.txt")
    expectRefusal(
      try tokenize("tiny.h5", "--decode", input: "1 256"), code: 65, saying: "standard input",
      "number 2 is \"256\"", "0 to 255")
    expectRefusal(
      try tokenize("tiny.h5", "--decode", "--text", "1 x"), code: 65, saying: "--text", "\"x\"")
    expectRefusal(
      try tokenize("tiny.h5", "tiny.h5"), code: 65, saying: "expected text in UTF-8", "an HDF5 file"
    )
    try scratch.write("{\"model\": nonsense", to: "broken.json")
    expectRefusal(
      try tokenize("broken.json"), code: 65, saying: "broken.json", "not valid JSON", "line 1")
    try scratch.write(
      "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", to: "l.json")
    expectRefusal(try tokenize("l.json"), code: 65, saying: "l.json", "git lfs pull")
    for arguments in [["--text", "a", "text"], ["--ids", "--json"], ["--ids", "--decode"]] {
      let outcome = try ToolRunner.run(["tokenize", "tiny.h5"] + arguments, in: scratch.path)
      #expect(outcome.code == 64)
      #expect(outcome.output.isEmpty)
    }
  }

  /// What stands behind --text is the text, whatever it begins with.
  @Test func aTextMayBeginWithADash() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    let plain = try tokenize("tiny.h5", "--ids", input: "-1")
    #expect(plain.code == 0 && plain.output.split(separator: "\n").count == 2)
    #expect(try tokenize("tiny.h5", "--ids", "--text", "-1").output == plain.output)
  }

  @Test func aByteOrderMarkIsTextAndSaid() throws {
    let scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write("\u{FEFF}A text", to: "mark.txt")
    let outcome = try scratch.zigzag("tokenize", "tiny.h5", "mark.txt", "--ids")
    #expect(outcome.code == 0)
    #expect(outcome.errors.contains("mark.txt: it begins with a byte order mark (U+FEFF)"))
    let given = try scratch.zigzag("tokenize", "tiny.h5", "--ids", "--text", "\u{FEFF}A text")
    #expect(outcome.output == given.output)
  }

  @Test func otherBytesAreNamedByLine() throws {
    let scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    let text = Data("one\ntwo ".utf8) + Data([0xC3, 0x28]) + Data("\nthree".utf8)
    try text.write(to: URL(fileURLWithPath: scratch.path("latin.txt")))
    expectRefusal(
      try scratch.zigzag("tokenize", "tiny.h5", "latin.txt"), code: 65,
      saying: "latin.txt", "line 2")
    try Data([0xFF, 0xFE, 0x41, 0x00]).write(to: URL(fileURLWithPath: scratch.path("wide.txt")))
    expectRefusal(
      try scratch.zigzag("tokenize", "tiny.h5", "wide.txt"), code: 65, saying: "wide.txt", "UTF-16")
  }

  @Test func aClosedInputIsSaid() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    let outcome = try ToolRunner.run(
      ["tokenize", "tiny.h5"], in: scratch.path, shell: "exec \"$@\" <&-")
    expectRefusal(outcome, code: 66, saying: "standard input: cannot be read")
  }
}
