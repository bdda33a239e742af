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

/// Finds at each place of a text the longest of many byte strings that begins there.
///
/// An automaton of the strings read backwards (Aho and Corasick 1975, doi 10.1145/360825.360855) goes over the
/// text from right to left: its state is the longest text from here on that ends some string's end, so that each
/// state knows the longest string that begins here. A search costs a few steps for each byte of the text,
/// whatever the strings are; building it costs a few steps for each of their bytes, but for sorting them.
struct LongestPatternSearch: Sendable {
  /// So many places of a text are looked at together.
  private static let block = 1 << 14
  private static let none = Int32(-1)

  /// The length of each string, by its position in the list given to `init`.
  private let lengths: [Int]
  /// The most bytes that a string has.
  private let longest: Int
  // The nodes of the automaton, level by level; the children of a node are neighbours, in ascending order of
  // their bytes. Node 0 is the root.
  /// The first child of each node; the next node's first child is behind the last one.
  private var children: [Int32] = []
  /// The byte that leads to each node.
  private var bytes: [UInt8] = [0]
  /// The node of the longest proper end of a node's text that is a node.
  private var fallbacks: [Int32] = [0]
  /// The position of the longest string that a node's text ends with.
  private var found: [Int32] = [none]
  /// The children of the root, 0 for none.
  private var roots = [Int32](repeating: 0, count: 256)

  /// Builds the search; of equal strings only the first is found, and empty ones never.
  init(_ strings: [[UInt8]]) {
    lengths = strings.map(\.count)
    longest = max(1, lengths.max() ?? 0)
    let reversed = strings.map { [UInt8]($0.reversed()) }
    var order = strings.indices.filter { !strings[$0].isEmpty }
    order.sort { left, right in
      if reversed[left] == reversed[right] { return left < right }
      return reversed[left].lexicographicallyPrecedes(reversed[right])
    }
    var last: Int?
    order = order.filter { position in
      defer { last = position }
      return last.map { reversed[$0] != reversed[position] } ?? true
    }
    build(reversed, order)
  }

  /// Makes the nodes of the strings of `order`, which is their ascending order.
  private mutating func build(_ strings: [[UInt8]], _ order: [Int]) {
    // The strings, as a range of `order`, below each node of one level, and the first node of it.
    var level: [Range<Int>] = order.isEmpty ? [] : [0..<order.count]
    var (first, depth) = (0, 0)
    while !level.isEmpty {
      var next: [Range<Int>] = []
      for (place, range) in level.enumerated() {
        children.append(Int32(bytes.count))
        var low = range.lowerBound
        // The string that ends here comes first.
        if strings[order[low]].count == depth { low += 1 }
        while low < range.upperBound {
          let byte = strings[order[low]][depth]
          let high =
            order[low..<range.upperBound].firstIndex { strings[$0][depth] != byte }
            ?? range.upperBound
          let isEnd = strings[order[low]].count == depth + 1
          append(byte, below: Int32(first + place), isEnd ? Int32(order[low]) : Self.none)
          next.append(low..<high)
          low = high
        }
      }
      first += level.count
      (level, depth) = (next, depth + 1)
    }
    // Behind the last node, which has no children.
    children.append(Int32(bytes.count))
  }

  /// Makes the node for `byte` behind `parent`; `string` is the one whose whole text it is.
  private mutating func append(_ byte: UInt8, below parent: Int32, _ string: Int32) {
    let node = Int32(bytes.count)
    var fallback: Int32 = 0
    if parent == 0 {
      roots[Int(byte)] = node
    } else {
      fallback = step(fallbacks[Int(parent)], byte)
    }
    bytes.append(byte)
    fallbacks.append(fallback)
    found.append(string == Self.none ? found[Int(fallback)] : string)
  }

  /// The node behind `node` for `byte`: that of the longest end of its text and the byte that is a node.
  @inline(__always)
  private func step(_ node: Int32, _ byte: UInt8) -> Int32 {
    var node = node
    while node != 0 {
      let end = children[Int(node) + 1]
      var (low, high) = (children[Int(node)], end)
      while low < high {
        let middle = low + (high - low) / 2
        if bytes[Int(middle)] < byte { low = middle + 1 } else { high = middle }
      }
      if low < end, bytes[Int(low)] == byte { return low }
      node = fallbacks[Int(node)]
    }
    return roots[Int(byte)]
  }

  /// Whether there is nothing to find.
  var isEmpty: Bool { bytes.count == 1 }

  /// What is found at the places of one text, which are asked for from left to right.
  struct Matches {
    private let search: LongestPatternSearch
    private let text: [UInt8]
    /// The places that ``positions`` are of.
    private var places = 0..<0
    private var positions: [Int32] = []

    init(_ search: LongestPatternSearch, in text: [UInt8]) {
      (self.search, self.text) = (search, text)
    }

    /// The longest string that the text has at `place`: its length and its position in the list.
    @inline(__always)
    mutating func longest(at place: Int) -> (length: Int, position: Int)? {
      if !places.contains(place) { read(from: place) }
      let position = Int(positions[place - places.lowerBound])
      return position < 0 ? nil : (search.lengths[position], position)
    }

    /// Looks at a block of places; what begins there may end behind it.
    private mutating func read(from start: Int) {
      places = start..<min(start + LongestPatternSearch.block, text.count)
      if positions.isEmpty {
        positions = Array(repeating: LongestPatternSearch.none, count: places.count)
      }
      var node: Int32 = 0
      let end = min(places.upperBound + search.longest - 1, text.count)
      for place in (places.upperBound..<end).reversed() { node = search.step(node, text[place]) }
      for place in places.reversed() {
        node = search.step(node, text[place])
        positions[place - start] = search.found[Int(node)]
      }
    }
  }
}
