import Support

/// Sets of query heads as QRHead's configurations (arXiv 2506.09944) name them: `attn_head_set: "13-18,13-21"` in YAML.
///
/// Of the configuration only that line is read: a key without indentation, its value plain or in quotation marks, with a
/// comment behind at most. The heads are ranked, best first, without numbers.
enum HeadSetFile {
  /// The key of the set.
  static let key = "attn_head_set"

  /// Whether a line of `text` has the key.
  static func isSet(_ text: String) -> Bool { lines(of: text).contains { value(of: $0) != nil } }

  /// Reads the set in `text`; `file` names it in errors.
  static func parse(_ text: String, file: String) throws(FileError) -> HeadList {
    let found = zip(1..., lines(of: text)).compactMap { number, line in
      value(of: line).map { (number: number, value: $0) }
    }
    guard let set = found.first else {
      throw flaw(file, nil, expected: "a line \(key): \"13-18,13-21\"", found: "none")
    }
    guard found.count == 1 else {
      throw flaw(file, found[1].number, expected: "one \(key)", found: "another")
    }
    guard let names = scalar(set.value) else {
      throw flaw(
        file, set.number, expected: "heads on this line, such as \"13-18,13-21\"",
        found: String(set.value).quotedForMessage)
    }
    guard names != "full_heads" else {
      throw flaw(
        file, set.number, expected: "heads by name", found: "full_heads, which ranks none of them")
    }
    var places: [HeadPlace] = []
    for name in names.split(separator: ",", omittingEmptySubsequences: false) {
      let trimmed = name.trimming { $0 == " " }
      guard let place = HeadPlace(trimmed) else {
        throw flaw(
          file, set.number, expected: "a layer and a query head such as 13-18",
          found: String(trimmed).quotedForMessage)
      }
      places.append(place)
    }
    return try HeadList(places, scores: nil, file: file)
  }

  /// The lines of a text, without their ends.
  private static func lines(of text: String) -> [Substring.UTF8View] {
    text[...].utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  }

  /// What stands behind the key on a line that begins with it; nil for any other line.
  private static func value(of line: Substring.UTF8View) -> Substring? {
    guard line.starts(with: key.utf8) else { return nil }
    let rest = Substring(line).dropFirst(key.count).drop { $0 == " " }
    guard rest.first == ":" else { return nil }
    return rest.dropFirst().trimming { [" ", "\t", "\r"].contains($0) }
  }

  /// The text that a YAML value on one line stands for; nil where it is no such value.
  private static func scalar(_ value: Substring) -> Substring? {
    guard let quote = value.first, quote == "\"" || quote == "'" else {
      let plain = value.hasPrefix("#") ? "" : value.prefix(upTo: comment(in: value))
      let text = plain.trimming { $0 == " " || $0 == "\t" }
      return text.first.map { $0.isNumber || $0.isLetter } == true ? text : nil
    }
    let inner = value.dropFirst().prefix { $0 != quote }
    let rest = value.dropFirst(inner.count + 2)
    let isClosed = value.count >= inner.count + 2
    let after = rest.drop { $0 == " " || $0 == "\t" }
    let isComment = after.first == "#" && after.startIndex > rest.startIndex
    return isClosed && (after.isEmpty || isComment) ? inner : nil
  }

  /// Where a comment behind a plain value begins: at a "#" behind a space.
  private static func comment(in value: Substring) -> Substring.Index {
    value.indices.dropFirst().first {
      value[$0] == "#" && [" ", "\t"].contains(value[value.index(before: $0)])
    } ?? value.endIndex
  }

  private static func flaw(
    _ file: String, _ line: Int?, expected: String, found: String
  ) -> FileError {
    .invalid(
      path: file, place: line.map { "line \($0)" } ?? "the file", expected: expected, found: found,
      fix: "QRHead's sets name query heads as \(key): \"LAYER-HEAD,LAYER-HEAD\", best first")
  }

  /// The set of the first `count` of `heads`, in QRHead's layout.
  static func text(of heads: [HeadPlace], count: Int) -> String {
    "\(key): \"\(heads.prefix(count).map(\.description).joined(separator: ","))\"\n"
  }
}

extension Substring {
  /// This text without the characters at its ends that `isBlank` is true for.
  fileprivate func trimming(_ isBlank: (Character) -> Bool) -> Substring {
    var text = drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return text
  }
}
