import Foundation

/// Unicode normalisation form C (UAX #15) as Hugging Face's tokenizers do it.
///
/// Foundation on Linux is asked about single characters only. On texts it is wrong in places: it leaves
/// a syllable and a final consonant of Hangul apart, composes U+20041 as if it were "A", and loses
/// characters in long runs of marks.
enum CanonicalComposition {
  /// The Unicode version of the normalisation in Hugging Face's tokenizers.
  ///
  /// Characters that are younger are left where they stand, as they are there.
  private static let engineUnicodeVersion = 9

  /// The composed form of a text.
  ///
  /// Nothing composes with an ASCII character on its right, so that a run of ASCII stays as it is but for
  /// its last character.
  static func composed(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = 0
    while let start = text[index...].firstIndex(where: { $0 >= 0x80 }) {
      let lower = max(index, start - 1)
      result += text[index..<lower]
      let upper = text[start...].firstIndex { $0 < 0x80 } ?? text.count
      let run = String(decoding: text[lower..<upper], as: UTF8.self)
      for part in run.unicodeScalars.split(
        omittingEmptySubsequences: false, whereSeparator: isYoung)
      {
        // The separator, one young character, is put back before every part but the first.
        if part.startIndex > run.startIndex {
          result += run.unicodeScalars[run.unicodeScalars.index(before: part.startIndex)].utf8
        }
        result += composed(run: String(part)).utf8
      }
      index = upper
    }
    result += text[index...]
    return result
  }

  private static func isYoung(_ scalar: Unicode.Scalar) -> Bool {
    guard !scalar.isASCII, let age = scalar.properties.age else { return false }
    return age.major > engineUnicodeVersion
  }

  /// A character with its canonical combining class, 0 for a starter.
  private struct Character {
    var scalar: Unicode.Scalar
    var combiningClass: UInt8

    init(_ scalar: Unicode.Scalar) {
      self.scalar = scalar
      combiningClass = scalar.properties.canonicalCombiningClass.rawValue
    }
  }

  /// Decomposes, then joins each character with the last starter unless another mark blocks it.
  private static func composed(run: String) -> String {
    var result: [Character] = []
    var starter: Int?
    for character in decomposed(run) {
      if let starter, starter == result.count - 1 || isJoinable(character, behind: result.last),
        let composite = composite(result[starter].scalar, character.scalar)
      {
        result[starter].scalar = composite
        continue
      }
      if character.combiningClass == 0 { starter = result.count }
      result.append(character)
    }
    return text(result.map(\.scalar))
  }

  /// Whether nothing between the last starter and a mark blocks the mark, `previous` being before it.
  private static func isJoinable(_ mark: Character, behind previous: Character?) -> Bool {
    guard let previous else { return false }
    return previous.combiningClass != 0 && previous.combiningClass < mark.combiningClass
  }

  /// The full decomposition, marks in canonical order: by class, otherwise as they come.
  private static func decomposed(_ run: String) -> [Character] {
    var result: [Character] = []
    var marks: [Character] = []
    for scalar in run.unicodeScalars {
      for part in decompositions[scalar] ?? [scalar] {
        let character = Character(part)
        if character.combiningClass == 0 {
          result += marks.sorted { $0.combiningClass < $1.combiningClass }
          marks.removeAll(keepingCapacity: true)
          result.append(character)
        } else {
          marks.append(character)
        }
      }
    }
    // `sorted` is stable.
    return result + marks.sorted { $0.combiningClass < $1.combiningClass }
  }

  private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// The character that two characters compose to, if there is one.
  private static func composite(
    _ first: Unicode.Scalar, _ second: Unicode.Scalar
  ) -> Unicode.Scalar? {
    hangul(first.value, second.value) ?? composites[key(first, second)]
  }

  /// Hangul composes by arithmetic (The Unicode Standard, section 3.12): 19 leading consonants from
  /// U+1100, 21 vowels from U+1161, 27 trailing consonants from U+11A8, syllables from U+AC00.
  private static func hangul(_ first: UInt32, _ second: UInt32) -> Unicode.Scalar? {
    if (0x1100..<0x1113).contains(first), (0x1161..<0x1176).contains(second) {
      return Unicode.Scalar(0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28)
    }
    if (0xAC00..<0xD7A4).contains(first), (first - 0xAC00) % 28 == 0,
      (0x11A8..<0x11C3).contains(second)
    {
      return Unicode.Scalar(first + second - 0x11A7)
    }
    return nil
  }

  private static func key(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt64 {
    UInt64(first.value) << 32 | UInt64(second.value)
  }

  /// The full decompositions of the characters that have one; those of Hangul are not needed, as what
  /// is decomposed is composed again.
  private static let decompositions: [Unicode.Scalar: [Unicode.Scalar]] = {
    var table: [Unicode.Scalar: [Unicode.Scalar]] = [:]
    // Alphabets up to Kana, compatibility forms, Indic scripts, musical symbols, compatibility ideographs.
    let ranges = [
      0xC0..<0x3100, 0xF900..<0xFB50, 0x11000..<0x12000, 0x1D100..<0x1D200, 0x2F800..<0x2FA20,
    ]
    for value in ranges.joined() {
      guard let scalar = Unicode.Scalar(UInt32(value)), !isYoung(scalar) else { continue }
      let parts = Array(String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars)
      if parts != [scalar] { table[scalar] = parts }
    }
    return table
  }()

  /// The characters that two others compose to: those that are their own composed form.
  private static let composites: [UInt64: Unicode.Scalar] = {
    var table: [UInt64: Unicode.Scalar] = [:]
    for (scalar, parts) in decompositions {
      let composed = String(scalar).precomposedStringWithCanonicalMapping.unicodeScalars
      guard let last = parts.last, parts.count > 1, composed.elementsEqual([scalar]) else {
        continue
      }
      let front = text(parts.dropLast()).precomposedStringWithCanonicalMapping.unicodeScalars
      if front.count == 1, let first = front.first { table[key(first, last)] = scalar }
    }
    return table
  }()
}
