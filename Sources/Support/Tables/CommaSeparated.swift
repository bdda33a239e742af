/// Comma-separated text as RFC 4180 has it: a header line, quotes around fields that need them.
///
/// Commas, quotes and line ends are looked for as bytes: a combining mark behind a comma makes one
/// character of both, and yet the comma ends the field.
package struct CommaSeparated {
  /// Names of the columns.
  package let header: [String]
  /// Rows with as many fields as the header, and the line each starts at.
  package let rows: [(line: Int, fields: [String])]

  /// Reads `text`; `path` names the file in errors.
  package init(_ text: String, path: String) throws(FileError) {
    let records = try Self.records(of: text, path: path)
    guard let first = records.first else {
      throw .invalid(path: path, place: "line 1", expected: "a header", found: "empty")
    }
    header = first.fields
    rows = Array(records.dropFirst())
    for row in rows where row.fields.count != header.count {
      throw .invalid(
        path: path, place: "line \(row.line)", expected: "\(header.count) fields",
        found: "\(row.fields.count)")
    }
  }

  /// A line of fields, quoted where they hold a comma, a quote or a line break.
  package static func line(_ fields: [String]) -> String {
    let quoted = fields.map { field in
      let needsQuotes = field.unicodeScalars.contains { scalar in
        scalar == "," || scalar == "\"" || Character(scalar).isNewline
      }
      guard needsQuotes else { return field }
      var doubled = String.UnicodeScalarView()
      for scalar in field.unicodeScalars {
        doubled.append(scalar)
        if scalar == "\"" { doubled.append(scalar) }
      }
      return "\"" + String(doubled) + "\""
    }
    return quoted.joined(separator: ",") + "\n"
  }

  private static func records(
    of text: String, path: String
  ) throws(FileError) -> [(line: Int, fields: [String])] {
    var records: [(line: Int, fields: [String])] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var line = 1
    var start = 1
    func finished() -> String { String(decoding: field, as: UTF8.self) }
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      let next = index + 1 < bytes.count ? bytes[index + 1] : nil
      index += 1
      let isLineEnd =
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") && next != UInt8(ascii: "\n")
      if isLineEnd { line += 1 }
      switch byte {
      case UInt8(ascii: "\"") where isQuoted && next == UInt8(ascii: "\""):
        field.append(byte)
        index += 1
      case UInt8(ascii: "\"") where isQuoted || field.isEmpty: isQuoted.toggle()
      case UInt8(ascii: ",") where !isQuoted:
        fields.append(finished())
        field = []
      case UInt8(ascii: "\r") where !isQuoted && next == UInt8(ascii: "\n"): break
      case _ where isLineEnd && !isQuoted:
        if !fields.isEmpty || !field.isEmpty { records.append((start, fields + [finished()])) }
        (fields, field, start) = ([], [], line)
      default: field.append(byte)
      }
    }
    if isQuoted {
      throw .invalid(
        path: path, place: "line \(start)", expected: "a closing quote",
        found: "the end of the file")
    }
    if !fields.isEmpty || !field.isEmpty { records.append((start, fields + [finished()])) }
    return records
  }
}

/// One row of comma-separated text with typed access by column name.
package struct CommaSeparatedRow {
  package let path: String
  package let line: Int
  /// The place of each column, the same for all rows of a file.
  private let columns: [String: Int]
  private let fields: [String]

  /// The rows of a file; the first column of a repeated name wins.
  package static func read(
    _ text: String, path: String
  ) throws(FileError) -> [CommaSeparatedRow] {
    let table = try CommaSeparated(text, path: path)
    let columns = Dictionary(
      zip(table.header, 0...), uniquingKeysWith: { first, _ in first })
    return table.rows.map { row in
      CommaSeparatedRow(path: path, line: row.line, columns: columns, fields: row.fields)
    }
  }

  private func field(_ column: String) -> String? { columns[column].map { fields[$0] } }

  package func text(_ column: String) throws(FileError) -> String {
    guard let text = field(column) else { throw wrong(column, "a column of this name", "none") }
    return text
  }

  package func integer(_ column: String) throws(FileError) -> Int {
    let text = try text(column)
    guard let value = Int(text) else { throw wrong(column, "a whole number", "\"\(text)\"") }
    return value
  }

  package func number(_ column: String) throws(FileError) -> Double {
    let text = try text(column)
    guard let value = Double(text), value.isFinite else {
      throw wrong(column, "a finite number", "\"\(text)\"")
    }
    return value
  }

  /// Whether the column exists and the field holds something.
  package func has(_ column: String) -> Bool {
    field(column).map { !$0.isEmpty } ?? false
  }

  package func wrong(_ column: String, _ expected: String, _ found: String) -> FileError {
    .invalid(
      path: path, place: "line \(line), column \(column)", expected: expected, found: found)
  }
}
