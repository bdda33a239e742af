import Foundation
import Support

/// Sorted lists of query heads in JSON: QRHead's (arXiv 2506.09944) and MMRetHead's (arXiv 2605.27243).
///
/// Both are `[["13-18", 0.41], …]`, best first; MMRetHead's is the value of `head_score_list`, beside `args`.
enum HeadListFile {
  /// MMRetHead's key of the list.
  static let key = "head_score_list"

  /// Whether a JSON document looks like QRHead's list: its first entry is a list that begins with a name.
  static func isList(_ document: JSONValue) -> Bool {
    guard case .array(let entries) = document, case .array(let first)? = entries.first,
      case .string? = first.first
    else { return false }
    return true
  }

  /// Reads the list in `document`, a list or an object with it; `file` names it in errors.
  static func parse(_ document: JSONValue, file: String) throws(FileError) -> HeadList {
    let list = document.members?.first { $0.key == key }?.value ?? document
    guard case .array(let entries) = list else {
      throw flaw(file, "a list", found: list.kind)
    }
    var (places, scores): ([HeadPlace], [Double]) = ([], [])
    for (index, entry) in entries.enumerated() {
      let expected = "a pair such as [\"13-18\", 0.41] at place \(index)"
      guard case .array(let pair) = entry, pair.count == 2 else {
        throw flaw(file, expected, found: entry.kind)
      }
      guard case .string(let name) = pair[0], let score = pair[1].real else {
        throw flaw(file, expected, found: "\(pair[0].kind) and \(pair[1].kind)")
      }
      guard let place = HeadPlace(name) else {
        throw flaw(
          file, "a layer and a query head such as \"13-18\" at place \(index)",
          found: name.quotedForMessage)
      }
      guard HeadScores.believed.contains(score) else {
        throw flaw(file, "\(HeadScores.believedWords) for the head \(place)", found: "\(score)")
      }
      places.append(place)
      scores.append(score)
    }
    return try HeadList(places, scores: scores, file: file)
  }

  private static func flaw(_ file: String, _ expected: String, found: String) -> FileError {
    .invalid(
      path: file, place: "the list of heads", expected: expected, found: found,
      fix: "a list has one pair of head and number for each query head")
  }

  /// QRHead's list of the `scores` of `heads`, best first; a pair a line.
  static func text(of heads: [HeadPlace], _ scores: HeadScores) -> String {
    list(of: heads, scores, indent: "") + "\n"
  }

  /// MMRetHead's object: `arguments` as `args`, and the list.
  static func text(
    of heads: [HeadPlace], _ scores: HeadScores, arguments: [String: String]
  ) -> String {
    let args = arguments.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { JSONValue.Member(key: $0.key, value: .string($0.value)) }
    return "{\n  \"args\": \(JSONValue.object(args).text),\n  \"\(key)\": "
      + list(of: heads, scores, indent: "  ") + "\n}\n"
  }

  private static func list(
    of heads: [HeadPlace], _ scores: HeadScores, indent: String
  ) -> String {
    let pairs = heads.map { place in
      let value = scores.values[place.layer * scores.heads + place.head]
      return "\(indent)  [\"\(place)\", \(JSONValue.number(value).text)]"
    }
    return "[\n" + pairs.joined(separator: ",\n") + "\n\(indent)]"
  }
}

extension JSONValue {
  /// This value as text on one line.
  var text: String { String(decoding: serialized(), as: UTF8.self) }
}
