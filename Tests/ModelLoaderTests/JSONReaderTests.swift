import Foundation
import ModelLoader
import Support
import TestSupport
import Testing

/// The one reader of JSON: one meaning for each file, or a sentence.
@Suite struct JSONReaderTests {
  private func error(_ text: String) -> JSONError? {
    error(Array(text.utf8))
  }

  private func error(_ bytes: [UInt8]) -> JSONError? {
    #expect(throws: JSONError.self) { try JSONReader.read(bytes) }
  }

  @Test(arguments: [
    ("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", 3, "\"a\"", 1),
    ("{\n\"a\": {\"x\": 1,\n\"x\": 1}}", 3, "\"x\"", 2),
    ("[{}, {\"k\": null, \"k\": 1}]", 1, "\"k\"", 1),
    ("{\"\": 0,\n\"\": 0}", 2, "\"\"", 1),
    // The same key with an escape.
    ("{\"ab\": 1,\n\n\"\\u0061b\": 2}", 3, "\"ab\"", 1),
    ("{\"a\": [\"}\", {\"b\": \"a\"}],\n\"b\": 1,\n\"b\": 2}", 3, "\"b\"", 2),
    // Keys before it that hold the letters, and the objects around.
    ("{\"a\":{\"a\":{\"a\":1,\n\"c\":{},\"a\":2}}}", 2, "\"a\"", 1),
  ])
  func aKeyTwiceIsRefused(text: String, line: Int, key: String, first: Int) {
    let error = self.error(text)
    #expect(error?.isKeyTwice == true && error?.line == line)
    #expect(error?.problem.contains("key \(key) is there twice, first on line \(first)") == true)
    #expect(error?.description.contains("keep one of them") == true)
  }

  /// Large objects keep a set of their keys.
  @Test(arguments: [7, 8, 9, 10, 100, 5000])
  func aKeyTwiceInALargeObject(count: Int) throws {
    let keys = (0..<count).map { "\"key number \($0)\": \($0)" }
    let text = "{" + keys.joined(separator: ",\n")
    let sound = try JSONReader.read("\(text)}".utf8)
    #expect(sound.members?.count == count)
    for twice in [0, count / 2, count - 1] {
      let error = self.error("\(text),\n\"key number \(twice)\": 0}")
      #expect(error?.line == count + 1 && error?.isKeyTwice == true)
      #expect(error?.problem.contains("first on line \(twice + 1)") == true)
    }
  }

  /// "é" of one scalar and of two are two keys.
  @Test func keysAreComparedByTheirBytes() throws {
    let text = "{\"caf\u{E9}\": 1, \"cafe\u{301}\": 2}"
    let document = try JSONReader.read(text.utf8)
    #expect(document.members?.count == 2)
    // A dictionary of Swift's would hold only one of them.
    let error = #expect(throws: FileError.self) {
      try MetadataValue.object(json: text.utf8, path: "config.json")
    }
    #expect(error?.description.contains("keep one of them") == true)
  }

  @Test(arguments: [
    ("{\"a\": NaN}", "NaN is none in JSON"), ("[1, Infinity]", "Infinity is none"),
    ("[-Infinity]", "-Infinity is none"), ("1e400", "1e400 is out of range"),
    ("-1e400", "out of range"), ("01", "without zeros"), ("1.", "behind the point"),
    (".5", "a value was expected"), ("+1", "a value was expected"), ("1e", "exponent"),
    ("-", "a value was expected"), ("nan", "unknown word"), ("[1,]", "a value was expected"),
    ("{\"a\":1,}", "a key was expected"), ("'a'", "a value was expected"),
  ])
  func otherWordsAreRefused(text: String, words: String) {
    #expect(error(text)?.description.contains(words) == true, "\(String(describing: error(text)))")
  }

  @Test func thePlaceIsTheLineAndTheByte() {
    let error = self.error("{\n  \"a\": 1,\n  \"b\": NaN\n}")
    #expect(error?.line == 3 && error?.byteOffset == 19)
    #expect(error?.description == "not JSON: \(error?.problem ?? "") on line 3 (byte 19)")
  }

  @Test func textsAreUTF8() throws {
    #expect(error([0x22, 0xC0, 0x80, 0x22])?.problem == "a text that is not UTF-8")
    #expect(error([0x7B, 0x22, 0xFF, 0x22])?.problem == "a text that is not UTF-8")
    #expect(error([0xFF, 0xFE, 0x7B, 0])?.problem.contains("UTF-16") == true)
    let marked = try JSONReader.read([0xEF, 0xBB, 0xBF] + "{}".utf8)
    #expect(marked.members?.isEmpty == true)
    #expect(error("[\"\u{1}\"]")?.problem.contains("control character") == true)
    guard case .string(let text) = try JSONReader.read(#""\ud83e\udd93\u00E9\/""#.utf8) else {
      Issue.record("no text")
      return
    }
    #expect(text == "\u{1F993}\u{E9}/")
  }

  @Test func depthIsLimited() throws {
    let open = String(repeating: "[", count: 63)
    _ = try JSONReader.read((open + "0" + String(repeating: "]", count: 63)).utf8)
    #expect(error(open + "[[0")?.problem == "nested too deeply")
    #expect(error(String(repeating: "{\"a\":", count: 9000))?.problem == "nested too deeply")
  }

  /// What the tree takes is drawn from the file's budget.
  @Test func theBudgetIsDrawnFrom() throws {
    let text = Array(("[" + String(repeating: "0,", count: 10_000) + "0]").utf8)
    let budget = ReadingBudget(path: "x", byteCount: 0)
    try budget.charge(ReadingBudget.floor - 100_000, for: "the rest")
    let error = #expect(throws: JSONError.self) { try JSONReader.read(text, budget: budget) }
    #expect(error?.problem.contains("more than a file of this size") == true)
    _ = try JSONReader.read(text)
  }

  // MARK: Decodable types

  private struct Record: Codable, Equatable {
    var seed: UInt64
    var count = 0
    var share: Float = 0
    var rows: [[Double]] = []
    var flags: [Bool?] = []
    var names: [String: [Int]] = [:]
    var inner: [Record]?
  }

  private func decode(_ text: String) throws -> Record {
    try JSONReader.read(text.utf8).decode(Record.self)
  }

  @Test func typesAreDecodedAsFoundationDoes() throws {
    let records = [
      Record(seed: .max, count: .min, share: 0.25, rows: [[1, 0.1], []], flags: [true, nil]),
      Record(
        seed: 0, names: Dictionary(uniqueKeysWithValues: (0..<40).map { ("n\($0)", [$0]) }),
        inner: [
          Record(seed: 1),
          Record(seed: 1 << 63, rows: [[1e300, -0.0, Double.leastNonzeroMagnitude]]),
        ]),
    ]
    for record in records {
      let bytes = try JSONEncoder().encode(record)
      let again = try JSONReader.read(bytes).decode(Record.self)
      #expect(again == record)
    }
    let sound = #""share": 1, "rows": [], "flags": [], "names": {}"#
    let whole = try decode("{\"seed\": 7.0, \"count\": 3, \(sound), \"inner\": null}")
    #expect(whole.seed == 7)
  }

  @Test(arguments: [
    (#""seed": -1, "count": 1"#, "seed", "the number -1"),
    (#""seed": 1, "count": 1.5"#, "count", "the number 1.5"),
    (#""seed": 1, "count": 9223372036854775808"#, "count", "the number 9223372036854775808"),
    (#""seed": 18446744073709551616, "count": 1"#, "seed", "the number 1.8446744073709552e+19"),
    (#""seed": 1, "count": "1""#, "count", "the text \"1\""),
    (#""seed": true, "count": 1"#, "seed", "true"),
    (#""seed": 1, "count": null"#, "count", "null"),
  ])
  func whatDoesNotFitIsNamed(text: String, key: String, found: String) {
    let sound = #""share": 1, "rows": [], "flags": [], "names": {}"#
    do {
      _ = try decode("{\(text), \(sound)}")
      Issue.record("no error")
    } catch DecodingError.typeMismatch(_, let context) {
      #expect(context.codingPath.last?.stringValue == key && context.debugDescription == found)
    } catch DecodingError.valueNotFound(_, let context) {
      #expect(context.codingPath.last?.stringValue == key && context.debugDescription == found)
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test func placesWithinListsAreNamed() throws {
    let text = #"{"seed": 1, "count": 1, "share": 1, "rows": [[1], [2, "x"]], "flags": []}"#
    let error = #expect(throws: DecodingError.self) { try decode(text) }
    guard case .typeMismatch(_, let context)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(
      context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
        == ["rows", "1", "1"])
  }

  // MARK: Metadata

  @Test func metadataKeepsWhatItDoesNotUnderstand() throws {
    let values = try MetadataValue.object(
      json: """
        {"none": null, "i": 3, "r": 3.0, "f": 0.5, "big": 18446744073709551615, "t": "x",
         "is": [1, 2.0], "rs": [1, 0.5], "ts": ["a"], "bs": [true, false], "empty": [],
         "mixed": ["a", 1, null, {"b": [2]}], "nested": [[1, 2], [3]], "o": {"n": null}}
        """.utf8, path: "config.json")
    #expect(values["none"] == nil && values["o"] == .object(["n": .null]))
    #expect(values["i"] == .integer(3) && values["r"] == .integer(3) && values["f"] == .real(0.5))
    #expect(values["big"]?.integer == nil && values["big"]?.real == 18446744073709551616)
    #expect(values["is"] == .integers([1, 2]) && values["rs"] == .reals([1, 0.5]))
    #expect(values["ts"] == .texts(["a"]) && values["bs"] == .bools([true, false]))
    #expect(values["empty"] == .integers([]))
    #expect(
      values["mixed"] == .list([.text("a"), .integer(1), .null, .object(["b": .integers([2])])]))
    #expect(values["nested"] == .list([.integers([1, 2]), .integers([3])]))
  }

  /// Each key and name of a model's files, and the sentence for it.
  @Test func filesOfModelsHaveEachKeyOnce() throws {
    let folder = try TemporaryFolder()
    let fixtures = try Fixture.path("tiny-qwen2")
    for name in try FileManager.default.contentsOfDirectory(atPath: fixtures) {
      try FileManager.default.copyItem(
        atPath: "\(fixtures)/\(name)", toPath: folder.path(name))
    }
    for (name, key) in [
      ("config.json", "vocab_size"), ("model.safetensors.index.json", "weight_map"),
    ] {
      let sound = try folder.text(of: name)
      let line = sound.split(separator: "\n").firstIndex { $0.contains("\"\(key)\"") }
      #expect(line != nil)
      for twice in ["null", "1"] {
        try folder.write(
          sound.replacing("\"\(key)\":", with: "\"\(key)\": \(twice),\n\"\(key)\":"), to: name)
        let error = #expect(throws: FileError.self) {
          try HuggingFaceFolder(path: folder.path).plan()
        }
        let sentence = error?.description ?? ""
        #expect(sentence.contains("\(name): line \((line ?? 0) + 2): expected each key once"))
        #expect(sentence.contains("\"\(key)\"") && sentence.contains("keep one of them"))
      }
      try folder.write(sound, to: name)
    }
  }
}
