/// Which rows of a sequence a matrix holds: the first `sink` positions and then a contiguous tail.
///
/// Streaming attention needs no others, so that a student's layers hold, and compute, only these
/// (the cone; docs/method.md). Row r < sink is position r; the rows after are the tail's positions.
package struct RowSet: Sendable, Equatable {
  /// Positions at the start, 0 where the tail itself starts at 0.
  package let sink: Int
  /// Positions of the remaining rows.
  package let tail: Range<Int>

  /// The first `sink` positions and `tail`; they are joined where they touch.
  package init(sink: Int, tail: Range<Int>) {
    precondition(sink >= 0 && tail.lowerBound >= 0, "rows \(sink) + \(tail)")
    if tail.lowerBound <= sink {
      self.sink = 0
      self.tail = sink == 0 ? tail : 0..<max(tail.upperBound, sink)
    } else {
      self.sink = sink
      self.tail = tail
    }
  }

  /// All of the first `count` positions.
  package static func all(_ count: Int) -> RowSet { RowSet(sink: 0, tail: 0..<count) }

  /// Number of rows.
  package var count: Int { sink + tail.count }

  /// The contiguous runs of rows with their positions, in order.
  var runs: [Run] {
    let rest = Run(firstRow: sink, positions: tail)
    return sink == 0 ? [rest] : [Run(firstRow: 0, positions: 0..<sink), rest]
  }

  /// The row of a position that the set holds.
  func row(of position: Int) -> Int {
    precondition(position < sink || tail.contains(position), "position \(position) of \(self)")
    return position < sink ? position : position - tail.lowerBound + sink
  }

  /// The rows of contiguous positions that the set holds.
  func rows(of positions: Range<Int>) -> Range<Int> {
    guard let first = positions.first, let last = positions.last else { return 0..<0 }
    let rows = row(of: first)..<row(of: last) + 1
    precondition(rows.count == positions.count, "positions \(positions) of \(self)")
    return rows
  }

  /// Rows that stand for consecutive positions.
  struct Run: Equatable {
    let firstRow: Int
    let positions: Range<Int>
    var rows: Range<Int> { firstRow..<firstRow + positions.count }

    /// The run cut into pieces of at most `limit` rows.
    func blocks(limit: Int) -> [Run] {
      let pieces = EqualPieces(positions.count, limit: limit)
      return (0..<pieces.pieces).map { index in
        let piece = pieces[index]
        let start = positions.lowerBound + piece.lowerBound
        return Run(firstRow: firstRow + piece.lowerBound, positions: start..<start + piece.count)
      }
    }
  }

  /// The rows a layer must get so that its outputs are right at these rows, when the layer is
  /// wholly streaming and all of them stream: the window before the tail, the sink, and its own rows at the start.
  package func cone(_ rule: StreamingRule) -> RowSet {
    let start = rule.kept ?? rule.window.start(of: tail.lowerBound)
    let first = min(max(0, start), tail.lowerBound)
    // The rows at the start see what is before them, which are such rows again.
    let ahead = min(max(rule.window.sink, sink), tail.upperBound)
    return RowSet(sink: ahead, tail: first..<tail.upperBound)
  }

  /// The rows whose positions are in `positions`, and their places among the rows.
  ///
  /// A part that does not begin at 0 lies in the tail.
  func part(of positions: Range<Int>) -> (set: RowSet, place: Range<Int>) {
    let inTail = tail.clamped(to: positions)
    if positions.lowerBound == 0 {
      let first = min(sink, positions.upperBound)
      if inTail.isEmpty { return (RowSet(sink: 0, tail: 0..<first), 0..<first) }
      return (RowSet(sink: first, tail: inTail), 0..<first + inTail.count)
    }
    precondition(
      sink == 0 || sink <= positions.lowerBound || positions.isEmpty, "\(positions) of \(self)")
    return (RowSet(sink: 0, tail: inTail), inTail.shifted(by: sink - tail.lowerBound))
  }

  /// Copies the rows of `x`, which holds this set, that belong to `wanted`, a subset.
  func gather(_ x: MatrixView, _ wanted: RowSet) -> Tensor {
    precondition(x.rows == count, "\(x.rows) rows for \(self)")
    var result = Tensor(rows: wanted.count, columns: x.columns)
    var view = result.mutableView
    for run in wanted.runs where !run.positions.isEmpty {
      let source = rows(of: run.positions)
      var target = view.slice(rows: run.rows)
      target.copy(x.slice(rows: source))
    }
    return result
  }
  /// ``gather(_:_:)`` of a whole tensor.
  package func gather(_ x: borrowing Tensor, _ wanted: RowSet) -> Tensor { gather(x.view, wanted) }

  /// y += x where y holds this set and x holds `part`, a subset: the gradient of ``gather(_:_:)``.
  func scatterAdd(_ x: MatrixView, from part: RowSet, to y: inout Tensor) {
    precondition(x.rows == part.count && y.rows == count, "\(part) into \(self)")
    var view = y.mutableView
    for run in part.runs where !run.positions.isEmpty {
      for (source, target) in zip(run.rows, rows(of: run.positions)) {
        var row = view.row(target)
        VectorMath.add(x.row(source), to: &row)
      }
    }
  }
}
