import Foundation

extension String {
  /// This text as an error message shows it: on one line, without control characters, and cut to
  /// `limit` characters, since it may come from a hostile file.
  package func shown(limit: Int = 160) -> String {
    let scalars = unicodeScalars.prefix(limit)
    var text = String.UnicodeScalarView()
    for scalar in scalars {
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator, .format: text.append("\u{FFFD}")
      default: text.append(scalar)
      }
    }
    if scalars.endIndex < unicodeScalars.endIndex { text.append("…") }
    return String(text)
  }
}

extension String {
  /// This text in quotation marks on one line, cut to a length that fits a sentence.
  package var quotedForMessage: String {
    let scalars = unicodeScalars.prefix(40)
    let shown = scalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : String($0) }
    return "\"" + shown.joined() + (scalars.count < unicodeScalars.count ? "…\"" : "\"")
  }
}

/// The edits that turn `a` into `b`: insertions, deletions and substitutions of a character, and
/// exchanges of two neighbours (optimal string alignment).
package func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  var (beforeLast, last) = ([Int](), Array(0...b.count))
  for (i, x) in a.enumerated() {
    var current = [i + 1]
    for (j, y) in b.enumerated() {
      var edits = min(last[j] + (x == y ? 0 : 1), last[j + 1] + 1, current[j] + 1)
      if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { edits = min(edits, beforeLast[j - 1] + 1) }
      current.append(edits)
    }
    (beforeLast, last) = (last, current)
  }
  return last[b.count]
}

/// A number with `digits` decimals and a point, whatever the locale; never "-0".
package func fixed(_ value: Double, _ digits: Int) -> String {
  let text = String(format: "%.\(digits)f", value)
  return text.hasPrefix("-") && !text.contains(where: { "123456789".contains($0) })
    ? String(text.dropFirst()) : text
}

/// A share as "84 %" or "84.3 %", with a space that does not break.
package func percent(_ share: Double, digits: Int = 0) -> String {
  fixed(share * 100, digits) + "\u{a0}%"
}

/// A whole number with thin groups of three: 1,024.
package func grouped(_ value: Int) -> String {
  let digits = String(value.magnitude)
  let head = digits.count % 3
  var groups = head > 0 ? [String(digits.prefix(head))] : []
  var rest = digits.dropFirst(head)
  while !rest.isEmpty {
    groups.append(String(rest.prefix(3)))
    rest = rest.dropFirst(3)
  }
  return (value < 0 ? "-" : "") + groups.joined(separator: ",")
}

/// A duration as m:ss or h:mm:ss.
package func clock(_ seconds: Double) -> String {
  let whole = Int(min(max(seconds, 0), 360_000_000).rounded())
  let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
  let tail = rest < 10 ? "0\(rest)" : "\(rest)"
  guard hours > 0 else { return "\(minutes):\(tail)" }
  return "\(hours):\(minutes < 10 ? "0" : "")\(minutes):\(tail)"
}

/// The UTF-8 bytes of a token or a piece of text, as a dictionary key.
///
/// `String` would compare by canonical equivalence and take distinct tokens for one.
package struct TokenBytes: Hashable, Sendable {
  package let bytes: [UInt8]

  package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  package init(_ text: String) { self.bytes = Array(text.utf8) }

  package static func == (left: TokenBytes, right: TokenBytes) -> Bool { left.bytes == right.bytes }

  /// Feeds eight bytes at a time; element by element is several times slower for words.
  package func hash(into hasher: inout Hasher) {
    var word: UInt64 = 0
    for (index, byte) in bytes.enumerated() {
      word = word << 8 | UInt64(byte)
      if index & 7 == 7 {
        hasher.combine(word)
        word = 0
      }
    }
    hasher.combine(word)
    hasher.combine(bytes.count)
  }
}

/// A number of things for people: 1 layer, 3 layers.
package func counted(_ number: Int, _ noun: String) -> String {
  "\(number) \(noun)\(number == 1 ? "" : "s")"
}

extension [String] {
  /// The first of these between semicolons, and how many more there are.
  package func joined(first count: Int) -> String {
    let more = self.count - count
    return prefix(count).joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
  }
}
