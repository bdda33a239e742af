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
