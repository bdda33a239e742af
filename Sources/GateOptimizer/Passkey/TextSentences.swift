import Foundation
import ModelLoader
import Support

/// The sentences of a text, as pieces that can be tokenized one by one.
enum TextSentences {
  /// A sentence is cut after this many words: lists and verse have no full stops.
  static let maximumWords = 60

  /// The sentences of the UTF-8 text file at `path`.
  static func ofFile(at path: String) throws(FileError) -> [String] {
    let text = try TextFile.text(at: path, what: "text for a haystack", limit: FileLimit.text)
    let sentences = pieces(of: text)
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
