import Foundation
import ModelLoader
import Testing

/// What Hugging Face's tokenizers gave for the texts of the fixtures.
struct TokenizerReference: Decodable {
  struct Mixed: Decodable {
    var seed: UInt64
    var pieces: Int
    var bytes: Int
    var count: Int
    var idsHash: String
    var decodedHash: String
  }

  /// The ids of each of ``texts()``.
  var strings: [[Int32]]
  /// The text of these ids.
  var decoded: [String]
  /// The ids of "Hello, world" with special tokens added.
  var withSpecialTokens: [Int32]
  /// A long mixed text.
  var mixed: Mixed

  init(_ name: String) throws {
    self = try JSONDecoder().decode(
      Self.self, from: TokenizerFixture.data("\(name).expected.json"))
  }
}

/// The files in Fixtures/tokenizer.
enum TokenizerFixture {
  static func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: Fixture.path("tokenizer/\(name)")))
  }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(json: data("\(name).json"))
  }

  /// Some 300 short texts, each hard in its own way.
  static func texts() throws -> [String] {
    try JSONDecoder().decode([String].self, from: data("strings.json"))
  }
}
