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
