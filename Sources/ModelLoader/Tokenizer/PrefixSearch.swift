/// Finds which of many byte strings a text begins with, whatever their number.
///
/// The strings are sorted, so that those with a common beginning are neighbours; each byte of the text
/// narrows the range by binary search. Building costs a sort; a search costs the longest string times the
/// logarithm of their number, at most.
struct PrefixSearch: Sendable {
  /// In ascending order of their bytes.
  private let strings: [[UInt8]]
  /// The position in the list given to `init` of each of ``strings``.
  private let positions: [Int32]
  /// The range of strings that begin with each byte.
  private let beginnings: [Range<Int32>]

  /// Sorts `strings`; of equal ones only the first is found, and empty ones never.
  init(_ strings: [[UInt8]]) {
    var order = strings.indices.filter { !strings[$0].isEmpty }
    order.sort { left, right in
      if strings[left] == strings[right] { return left < right }
      return strings[left].lexicographicallyPrecedes(strings[right])
    }
    var sorted: [[UInt8]] = []
    var positions: [Int32] = []
    var counts = [Int32](repeating: 0, count: 256)
    for position in order where sorted.last != strings[position] {
      sorted.append(strings[position])
      positions.append(Int32(position))
      counts[Int(strings[position][0])] += 1
    }
    var beginnings: [Range<Int32>] = []
    for count in counts {
      let start = beginnings.last?.upperBound ?? 0
      beginnings.append(start..<start + count)
    }
    (self.strings, self.positions, self.beginnings) = (sorted, positions, beginnings)
  }

  /// Calls `body` with the length and the position of every string that `text` has at `start`, the shortest
  /// first.
  @inline(__always)
  func forEachPrefix(
    of text: [UInt8], at start: Int, _ body: (_ length: Int, _ position: Int) -> Void
  ) {
    let first = beginnings[Int(text[start])]
    var (low, high) = (Int(first.lowerBound), Int(first.upperBound))
    var length = 1
    // The strings from `low` to `high` agree with the text in their first `length` bytes.
    while low < high {
      if strings[low].count == length {
        body(length, Int(positions[low]))
        low += 1
      }
      guard low < high, start + length < text.count else { return }
      if high - low == 1 { return matchLast(low, of: text, at: start, from: length, body) }
      let byte = text[start + length]
      low = boundary(from: low, to: high) { strings[$0][length] >= byte }
      high = boundary(from: low, to: high) { strings[$0][length] > byte }
      length += 1
    }
  }

  /// Compares the one string that is left with the text from its byte `length` on.
  private func matchLast(
    _ index: Int, of text: [UInt8], at start: Int, from length: Int, _ body: (Int, Int) -> Void
  ) {
    let string = strings[index]
    guard string.count <= text.count - start else { return }
    for place in length..<string.count where string[place] != text[start + place] { return }
    body(string.count, Int(positions[index]))
  }

  /// The first index from `low` on for which `isBehind` is true, which it stays up to `high`.
  @inline(__always)
  private func boundary(from low: Int, to high: Int, _ isBehind: (Int) -> Bool) -> Int {
    var (low, high) = (low, high)
    while low < high {
      let middle = low + (high - low) / 2
      if isBehind(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
