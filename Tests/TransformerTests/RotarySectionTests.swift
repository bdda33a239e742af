import TestSupport
import Testing

@testable import Transformer

/// Positions of three axes: which pair turns by which, and by how much.
@Suite struct RotarySectionTests {
  private static func configuration(_ sections: RotarySections) -> ModelConfiguration {
    var configuration = Architectures.qwen2
    configuration.eachKind { $0.rotary?.sections = sections }
    return configuration
  }

  @Test func axesByHand() {
    let behind = RotarySections(pairs: [1, 1, 2])
    #expect((0..<4).map(behind.axis) == [0, 1, 2, 2])
    let inTurn = RotarySections(pairs: [2, 1, 1], takeTurns: true)
    #expect((0..<4).map(inTurn.axis) == [0, 1, 2, 0])
    // Qwen3-VL's: what is left belongs to time.
    let large = RotarySections(pairs: [24, 20, 20], takeTurns: true)
    let axes = (0..<64).map(large.axis)
    #expect((0..<3).map { axis in axes.count { $0 == axis } } == [24, 20, 20])
    #expect(axes.suffix(6) == [1, 2, 0, 0, 0, 0])
  }

  /// Each pair turns as it does in a text at the position of its axis.
  @Test(arguments: [false, true]) func pairsTurnByTheirAxis(takeTurns: Bool) {
    let sections = RotarySections(pairs: [2, 1, 1], takeTurns: takeTurns)
    let c = Self.configuration(sections)
    let positions = [[0, 4, 4, 4, 9], [0, 4, 5, 4, 9], [3, 4, 6, 5, 200]]
    var random = TestRandom(seed: 71)
    let x = random.matrix(5, c.headDim, scale: 1).joined().map(Float.init)
    func turned(_ axes: [[Int]]) -> [Float] {
      let table = RotaryTable(c, first: 0, positions: axes, length: 201)
      var rows = Tensor(rows: 5, columns: c.headDim, values: x)
      do {
        var view = rows.mutableView
        table.rotate(&view, rows: .all(5), layer: 1)
      }
      return rows.values
    }
    let (found, single) = (turned(positions), positions.map { turned([$0]) })
    for row in 0..<5 {
      for feature in 0..<c.headDim {
        let place = row * c.headDim + feature
        let axis = sections.axis(ofPair: feature % (c.headDim / 2))
        #expect(found[place] == single[axis][place], "row \(row), feature \(feature)")
      }
    }
    #expect(single[0] != single[2])
  }

  /// A table of the last rows is the end of one of all.
  @Test(arguments: Architectures.all)
  func aTableOfTheLastRows(c: ModelConfiguration) {
    let table = RotaryTable(c, positions: 9)
    let last = RotaryTable(c, first: 6, positions: [[6, 7, 8]], length: 9)
    var random = TestRandom(seed: 72)
    let values = random.matrix(3, 2 * c.headDim, scale: 1).joined().map(Float.init)
    func turned(_ table: borrowing RotaryTable, _ layer: Int) -> [Float] {
      var rows = Tensor(rows: 3, columns: 2 * c.headDim, values: values)
      do {
        var view = rows.mutableView
        table.rotate(&view, rows: RowSet(sink: 0, tail: 6..<9), layer: layer)
      }
      return rows.values
    }
    for layer in 0..<c.layers { #expect(turned(table, layer) == turned(last, layer)) }
  }
}
