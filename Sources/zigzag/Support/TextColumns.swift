import Foundation
import Support

/// A number with a fixed count of decimals, whatever the locale.
func fixed(_ value: Double, digits: Int) -> String {
  String(format: "%.\(digits)f", locale: Locale(identifier: "en_US_POSIX"), value)
}

/// `text` with blanks before it up to `width` characters.
func padded(_ text: String, to width: Int) -> String {
  String(repeating: " ", count: max(width - text.count, 0)) + text
}

/// A count of bytes for people: 98.4 MB.
func byteCount(_ bytes: Int) -> String {
  let units = ["bytes", "kB", "MB", "GB", "TB"]
  var (value, unit) = (Double(bytes), 0)
  while value >= 1000 && unit + 1 < units.count {
    (value, unit) = (value / 1000, unit + 1)
  }
  return "\(fixed(value, digits: unit == 0 ? 0 : 1)) \(units[unit])"
}

/// Rows as lines of aligned columns, two blanks apart: the first to the left, the others to the right.
func aligned(_ rows: [[String]]) -> [String] {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    row.enumerated().map { column, text in
      guard column == 0 else { return padded(text, to: widths[column]) }
      return text + String(repeating: " ", count: max(widths[0] - text.count, 0))
    }.joined(separator: "  ")
  }
}
