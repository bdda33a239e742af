import Foundation
import ModelLoader
import Support

/// Where the text comes from that passkeys are hidden in.
public struct HaystackSource: Codable, Sendable, Equatable {
  /// A generator's subject; two subjects share no sentence.
  public enum Subject: String, SettingChoice {
    /// Life in a village: for learning.
    case village
    /// Life on a coast: for judging.
    case coast
  }

  /// Text files in UTF-8, read as one text that wraps round; empty for the generator.
  public var files: [String]
  /// The subject of generated prose where no files are named.
  public var generator: Subject?

  /// The keys of a config, all optional.
  public enum CodingKeys: String, CodingKey, CaseIterable {
    case files, generator
  }

  /// Generated prose about `subject`.
  public static func generated(_ subject: Subject = .village) -> HaystackSource {
    HaystackSource(files: [], generator: subject)
  }

  /// The text of `files`.
  public static func text(files: [String]) -> HaystackSource {
    HaystackSource(files: files, generator: nil)
  }

  /// Decodes a source; with neither key it is generated prose about a village.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.strictContainer(keyedBy: CodingKeys.self)
    files = try values.decodeIfPresent([String].self, forKey: .files) ?? []
    generator = try values.decodeIfPresent(Subject.self, forKey: .generator)
  }

  /// The text of one of the files.
  ///
  /// - Throws: `FileError`.
  package static func text(at path: String) throws(FileError) -> String {
    do {
      return try TextFile.text(at: path, what: "text for a haystack", limit: FileLimit.text)
    } catch .missing(let path, let what, _) {
      throw .missing(
        path: path, what: what,
        fix: "name another file under haystack, or none for generated text")
    }
  }

  private init(files: [String], generator: Subject?) {
    self.files = files
    self.generator = generator
  }

  /// Checks that one source is named; `key` is its place in the config.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)``.
  public func validate(at key: String = "haystack") throws(GateOptimizerError) {
    if !files.isEmpty, let generator {
      throw .option(
        name: key, expected: "either files or generator",
        found: "files and generator \(generator.rawValue)")
    }
  }
}

/// A haystack ready for sampling: sentences as tokens.
enum Haystack: Sendable {
  /// Text tokenized once, one entry per sentence.
  case text([[Int32]])
  /// Prose made as it is needed.
  case generated(ProseGenerator)

  /// A run of sentences as tokens, with the places a needle can go.
  struct Window {
    /// The tokens.
    var tokens: [Int32] = []
    /// Token counts before which a sentence begins, ascending, 0 first.
    var boundaries: [Int] = []
  }

  /// Reads and tokenizes the text of `source`, or sets up its generator.
  init(
    _ source: HaystackSource, encode: (String) -> [Int32]
  ) throws {
    try source.validate()
    guard !source.files.isEmpty else {
      self = .generated(ProseGenerator(subject: source.generator ?? .village))
      return
    }
    var sentences: [[Int32]] = []
    for file in source.files {
      let pieces = try TextSentences.ofFile(at: file).map(encode).filter { !$0.isEmpty }
      guard !pieces.isEmpty else {
        throw FileError.invalid(
          path: file, place: "the text", expected: "text the tokenizer knows", found: "none",
          fix: "name another text file as haystack")
      }
      sentences += pieces
    }
    self = .text(sentences)
  }

  /// Exactly `count` tokens of whole sentences but the last, from a place drawn from `generator`.
  ///
  /// Text is a ring: after its last sentence comes its first.
  func window(
    of count: Int, from generator: inout SeededGenerator, encode: (String) -> [Int32]
  ) -> Window {
    var window = Window()
    switch self {
    case .text(let sentences):
      var next = generator.below(sentences.count)
      while window.tokens.count < count {
        window.append(sentences[next])
        next = next + 1 == sentences.count ? 0 : next + 1
      }
    case .generated(let prose):
      var isFirst = true
      while window.tokens.count < count {
        window.append(encode((isFirst ? "\n" : prose.gap(&generator)) + prose.sentence(&generator)))
        isFirst = false
      }
    }
    window.tokens.removeLast(window.tokens.count - count)
    return window
  }
}

extension Haystack.Window {
  mutating func append(_ sentence: [Int32]) {
    boundaries.append(tokens.count)
    tokens += sentence
  }
}

/// The sentences of a text, as pieces that can be tokenized one by one.
enum TextSentences {
  /// A sentence is cut after this many words: lists and verse have no full stops.
  static let maximumWords = 60

  /// The sentences of the UTF-8 text file at `path`.
  static func ofFile(at path: String) throws(FileError) -> [String] {
    let sentences = pieces(of: try HaystackSource.text(at: path))
    guard !sentences.isEmpty else {
      throw .invalid(
        path: path, place: "the text", expected: "at least one sentence", found: "none",
        fix: "name another text file as haystack")
    }
    return sentences
  }

  /// Splits `text` into sentences, each with what separates it from the one before.
  ///
  /// Paragraphs are parted by empty lines; their first sentence begins with a line feed, the others
  /// with a blank. Line breaks inside a paragraph become blanks, so that hard-wrapped text reads on.
  static func pieces(of text: String) -> [String] {
    var pieces: [String] = []
    var paragraph: [Substring] = []
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.isEmpty {
        pieces += sentences(of: paragraph)
        paragraph = []
      } else {
        paragraph += words
      }
    }
    return pieces + sentences(of: paragraph)
  }

  /// Words gathered into sentences: one ends with a word that ends in a full stop, ! or ?.
  private static func sentences(of words: [Substring]) -> [String] {
    var sentences: [String] = []
    var current: [Substring] = []
    for (place, word) in words.enumerated() {
      current.append(word)
      let isLast = place + 1 == words.count
      guard isLast || endsSentence(word) || current.count == maximumWords else { continue }
      sentences.append((sentences.isEmpty ? "\n" : " ") + current.joined(separator: " "))
      current = []
    }
    return sentences
  }

  private static func endsSentence(_ word: Substring) -> Bool {
    let closing = "\"')]”’_"
    let core = word.reversed().drop { closing.contains($0) }
    return core.first.map { ".!?…".contains($0) } ?? false
  }
}
