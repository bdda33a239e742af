import TestSupport

/// Damages text files token by token and line by line, and now and then byte by byte.
struct TextMutator {
  /// The files to start from.
  let corpus: [[UInt8]]
  /// Words of the format, put where another word was.
  var words: [String] = []

  private static let numbers = [
    "0", "-1", "1", "2", "-0", "1e999", "-1e999", "1e-999", "NaN", "nan", "inf", ".inf", "-.inf",
    ".nan", "Infinity", "null", "~", "true", "no", "0x10", "0o17", "1_000", "1.5", "3.0", "0.5",
    "2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "18446744073709551616", "1e18", "1e19", "65536", "4194303",
    "268435456", "123456789012345678901234567890", "\"7\"", "[]", "{}", "[[]]", "\"\"", "1e308",
  ]
  private static let strange = [
    "\u{0}", "\u{FEFF}", "\u{2028}", "\r", "\r\n", "\t", "\u{1B}[31m", "e\u{301}", "\\u0000",
    "\\ud800", "\\", "\"", "'", "&a ", "*a", "? ", "!!binary ", "---\n", "...\n", "<<: ", "%YAML",
    "|\n", ">\n", "#", "../", "/etc/passwd", "{", "}", "[", "]", ",", ":", "🦓", "\u{85}",
  ]

  /// A file of the corpus with some damage, mostly little.
  func callAsFunction(_ random: inout TestRandom) -> [UInt8] {
    if random.chance(5) { return ByteMutator(corpus: corpus)(&random) }
    var bytes = random.pick(corpus)
    var count = 1
    while count < 12, random.chance(2) { count += 1 }
    for _ in 0..<count where !bytes.isEmpty { damage(&bytes, &random) }
    return bytes
  }

  private func damage(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    switch random.below(12) {
    case 0, 1, 2: replaceToken(&bytes, &random, isNumber: true)
    case 3, 4: replaceToken(&bytes, &random, isNumber: false)
    case 5: changeLines(&bytes, &random)
    case 6:
      let place = random.below(bytes.count)
      bytes.insert(contentsOf: Array(random.pick(Self.strange).utf8), at: place)
    case 7: nest(&bytes, &random)
    case 8: repeatToken(&bytes, &random)
    case 9: removeToken(&bytes, &random)
    case 10: swapTokens(&bytes, &random)
    default: bytes = ByteMutator(corpus: [bytes])(&random)
    }
  }

  /// A run of bytes of one kind at a random place: a number, a word, or one other byte.
  private func token(in bytes: [UInt8], _ random: inout TestRandom) -> Range<Int> {
    let place = random.below(bytes.count)
    let kind = Self.kind(bytes[place])
    guard kind > 0 else { return place..<place + 1 }
    var (lower, upper) = (place, place + 1)
    while lower > 0, Self.kind(bytes[lower - 1]) == kind { lower -= 1 }
    while upper < bytes.count, Self.kind(bytes[upper]) == kind { upper += 1 }
    return lower..<upper
  }

  private static func kind(_ byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"): 1
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): 2
    case UInt8(ascii: "_"), 0x80...0xFF: 2
    default: 0
    }
  }

  private func replaceToken(
    _ bytes: inout [UInt8], _ random: inout TestRandom, isNumber: Bool
  ) {
    var range = token(in: bytes, &random)
    for _ in 0..<20 where Self.kind(bytes[range.lowerBound]) != (isNumber ? 1 : 2) {
      range = token(in: bytes, &random)
    }
    let other =
      isNumber || words.isEmpty && random.chance(2)
      ? Array(random.pick(Self.numbers).utf8)
      : words.isEmpty || random.chance(3)
        ? Array(bytes[token(in: bytes, &random)]) : Array(random.pick(words).utf8)
    bytes.replaceSubrange(range, with: other)
  }

  private func repeatToken(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    let range = token(in: bytes, &random)
    let copies = repeatElement(bytes[range], count: 1 + random.below(random.chance(8) ? 500 : 4))
    bytes.insert(contentsOf: Array(copies.joined()), at: range.upperBound)
  }

  private func removeToken(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    bytes.removeSubrange(token(in: bytes, &random))
  }

  private func swapTokens(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    let (left, right) = (token(in: bytes, &random), token(in: bytes, &random))
    guard left.upperBound <= right.lowerBound else { return }
    let (a, b) = (Array(bytes[left]), Array(bytes[right]))
    bytes.replaceSubrange(right, with: a)
    bytes.replaceSubrange(left, with: b)
  }

  /// Doubles, removes or moves a line.
  private func changeLines(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let line = random.below(lines.count)
    switch random.below(3) {
    case 0: lines.insert(lines[line], at: random.below(lines.count))
    case 1: lines.remove(at: line)
    default: lines.swapAt(line, random.below(lines.count))
    }
    bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
  }

  /// Wraps a token into many brackets, closed or not.
  private func nest(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    let range = token(in: bytes, &random)
    let depth = random.pick([1, 2, 10, 63, 64, 65, 500, 600, 2000, 20_000])
    let (open, close) = random.pick([("[", "]"), ("{\"a\":", "}"), ("{a: ", "}"), ("- ", "")])
    let opened = String(repeating: open, count: depth)
    let closed = random.chance(2) ? String(repeating: close, count: depth) : ""
    bytes.replaceSubrange(range, with: Array(opened.utf8) + bytes[range] + Array(closed.utf8))
  }
}
