import HeapModule

/// Merges the symbols of one piece; its memory is used again for the next.
///
/// Symbols are a linked list and possible merges a heap, so that n symbols take O(n log n) steps. The
/// order is that of Hugging Face's `Word::merge_all`: lowest rank first, leftmost first among equals.
struct MergeWorkspace {
  private static let none = Int32(-1)

  private var tokens: [Int32] = []
  private var previous: [Int32] = []
  private var next: [Int32] = []
  /// rank << 32 | position of the left symbol.
  private var candidates = Heap<UInt64>()

  /// Forgets the symbols of the last piece.
  mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
  }

  /// Appends a symbol.
  mutating func append(_ token: Int32) {
    let position = Int32(truncatingIfNeeded: tokens.count)
    if position > 0 { next[Int(position) - 1] = position }
    tokens.append(token)
    previous.append(position - 1)
    next.append(Self.none)
  }

  /// Does all merges and appends what is left to `output`.
  mutating func merge(with table: MergeTable, into output: inout [Int32]) {
    if tokens.isEmpty { return }
    for position in tokens.indices { addCandidate(Int32(position), table) }
    while let candidate = candidates.popMin() { apply(candidate, table) }
    var position: Int32 = 0
    while position != Self.none {
      output.append(tokens[Int(position)])
      position = next[Int(position)]
    }
  }

  /// Notes the merge of the symbol at `position` with the one behind it, if there is one.
  private mutating func addCandidate(_ position: Int32, _ table: MergeTable) {
    guard position != Self.none else { return }
    let right = next[Int(position)]
    guard right != Self.none,
      let merge = table.merge(tokens[Int(position)], tokens[Int(right)])
    else { return }
    candidates.insert(UInt64(merge.rank) << 32 | UInt64(UInt32(bitPattern: position)))
  }

  /// Does the merge that a candidate stands for, unless its symbols have changed since.
  private mutating func apply(_ candidate: UInt64, _ table: MergeTable) {
    let left = Int(candidate & 0xFFFF_FFFF)
    let right = next[left]
    // A symbol that was merged into the one on its left holds no token.
    guard tokens[left] != Self.none, right != Self.none,
      let merge = table.merge(tokens[left], tokens[Int(right)]),
      UInt64(merge.rank) == candidate >> 32
    else { return }
    let behind = next[Int(right)]
    tokens[left] = merge.token
    tokens[Int(right)] = Self.none
    next[left] = behind
    if behind != Self.none { previous[Int(behind)] = Int32(left) }
    addCandidate(previous[left], table)
    addCandidate(Int32(left), table)
  }
}
