/// The replacement of every occurrence of a text, from left to right, in time linear in the text.
///
/// The search is Knuth, Morris and Pratt's: a long pattern that almost occurs everywhere costs no more.
struct TextReplacement: Sendable {
  private let pattern: [UInt8]
  private let content: [UInt8]
  /// For each beginning of the pattern the length of the longest beginning that also ends it.
  private let borders: [Int]

  /// Replaces `pattern`, which is not empty, by `content`.
  init(_ pattern: [UInt8], with content: [UInt8]) {
    (self.pattern, self.content) = (pattern, content)
    var borders = [0]
    var border = 0
    for byte in pattern.dropFirst() {
      while border > 0, byte != pattern[border] { border = borders[border - 1] }
      if byte == pattern[border] { border += 1 }
      borders.append(border)
    }
    self.borders = borders
  }

  /// How many times longer a text can become, at least 1.
  var growth: Double { max(1, Double(content.count) / Double(max(pattern.count, 1))) }

  /// `bytes` with every occurrence replaced.
  func applied(to bytes: some Collection<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    guard let first = pattern.first else { return Array(bytes) }
    if pattern.count == 1 {
      for byte in bytes {
        if byte == first { result += content } else { result.append(byte) }
      }
      return result
    }
    var matched = 0
    for byte in bytes {
      while matched > 0, byte != pattern[matched] { matched = borders[matched - 1] }
      if byte == pattern[matched] { matched += 1 }
      result.append(byte)
      if matched == pattern.count {
        result.removeLast(matched)
        result += content
        matched = 0
      }
    }
    return result
  }
}
