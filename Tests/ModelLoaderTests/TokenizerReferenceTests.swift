import Foundation
import ModelLoader
import TestSupport
import Testing

/// Token for token the ids of Hugging Face's tokenizers.
@Suite struct TokenizerReferenceTests {
  @Test(arguments: ["gpt2", "llama3", "qwen2", "llama2"])
  func smallTokenizer(name: String) throws {
    try expectReference(name, TokenizerFixture.tokenizer(name))
  }

  private static let smolLM2Path = URL(fileURLWithPath: #filePath)
    .appendingPathComponent("../../../models/smollm2-135m-instruct.h5").standardizedFileURL.path

  /// 1.4 MB of mixed text with the real tokenizer, where the model is present.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: smolLM2Path)))
  func smolLM2() throws {
    let json = try #require(try ModelFile.open(path: Self.smolLM2Path).tokenizerJSON)
    let tokenizer = try Tokenizer(json: json)
    #expect(tokenizer.vocabularySize == 49152)
    try expectReference("smollm2", tokenizer)
  }

  /// Folders of NAME.txt and NAME.ids.json, made with any tokenizer; tokenizer.json lies beside them.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ZIGZAG_TOKENIZER_CHECK"] != nil))
  func folderFromEnvironment() throws {
    let path = try #require(ProcessInfo.processInfo.environment["ZIGZAG_TOKENIZER_CHECK"])
    let folder = URL(fileURLWithPath: path)
    let tokenizer = try Tokenizer(
      json: Data(contentsOf: folder.appendingPathComponent("tokenizer.json")))
    var bytes = 0
    for file in try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    where file.hasSuffix(".txt") {
      let data = try Data(contentsOf: folder.appendingPathComponent(file))
      let expected = try JSONDecoder().decode(
        [Int32].self,
        from: Data(contentsOf: folder.appendingPathComponent("\(file.dropLast(4)).ids.json")))
      let ids = tokenizer.encode(String(decoding: data, as: UTF8.self))
      #expect(ids == expected, "\(file)")
      bytes += data.count
    }
    #expect(bytes > 0, "no texts in \(path)")
  }

  private func expectReference(_ name: String, _ tokenizer: Tokenizer) throws {
    let reference = try TokenizerReference(name)
    let texts = try TokenizerFixture.texts()
    try #require(texts.count == reference.strings.count)
    for (index, text) in texts.enumerated() {
      #expect(
        tokenizer.encode(text) == reference.strings[index], "\(name): \(text.debugDescription)")
      // `==` of String would let canonically equivalent texts pass.
      let decoded = Array(tokenizer.decode(reference.strings[index]).utf8)
      #expect(
        decoded == Array(reference.decoded[index].utf8), "\(name): \(text.debugDescription)")
    }
    #expect(
      tokenizer.encode("Hello, world", addSpecialTokens: true) == reference.withSpecialTokens)

    let mixed = reference.mixed
    let text = TokenizerTestText.mixed(texts, seed: mixed.seed, pieces: mixed.pieces)
    try #require(text.utf8.count == mixed.bytes)
    let ids = tokenizer.encode(text)
    #expect(ids.count == mixed.count)
    let idBytes = ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> ($0 * 8)) } }
    #expect(TokenizerTestText.hash(idBytes) == mixed.idsHash)
    #expect(TokenizerTestText.hash(tokenizer.decode(ids).utf8) == mixed.decodedHash)
  }
}
