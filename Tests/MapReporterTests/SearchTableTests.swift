import GateOptimizer
import MapReporter
import Support
import TestSupport
import Testing
import Transformer

/// Tables of searched maps: written, read, refused.
@Suite struct SearchTableTests {
  private func maps(_ unit: MapUnit) -> SearchedMaps {
    let width = unit.perLayer(heads: 2)
    let sets = (0...3).map { streaming in
      SearchedSet(
        kept: (0..<3 * width).map { $0 >= streaming * width }, loss: 0.1 * Double(streaming))
    }
    return SearchedMaps(unit: unit, space: MapSpace(layers: 3, heads: 2), sets: sets)
  }

  private func read(_ text: String, _ unit: MapUnit) throws -> SearchedMaps? {
    let scratch = try TemporaryFolder()
    let path = try scratch.write(text, to: "search.csv")
    return try SearchTable.read(path, unit: unit, space: MapSpace(layers: 3, heads: 2))
  }

  @Test(arguments: MapUnit.allCases) func tablesReadBack(_ unit: MapUnit) throws {
    #expect(try read(SearchTable.text(maps(unit)), unit) == maps(unit))
    let scratch = try TemporaryFolder()
    #expect(
      try SearchTable.read(
        scratch.path("none.csv"), unit: unit, space: MapSpace(layers: 3, heads: 2)) == nil)
  }

  @Test func unitsAreNamedByLayerAndHead() {
    #expect(
      SearchTable.text(maps(.heads)).split(separator: "\n").prefix(3)
        == ["streaming,loss,retrieval", "0,0.0,0.0 0.1 1.0 1.1 2.0 2.1", "2,0.1,1.0 1.1 2.0 2.1"])
    #expect(SearchTable.text(maps(.layers)).contains("\n1,0.1,1 2\n"))
  }

  @Test func sparsityIsThatOfTheRankings() throws {
    let (layers, heads) = (maps(.layers), maps(.heads))
    for sparsity in [0, 0.33, 0.5, 0.7, 1] {
      let streaming = try Sparsity.streaming(of: 3, at: sparsity)
      #expect(try layers.set(sparsity: sparsity).streaming == streaming)
      #expect(try heads.set(sparsity: sparsity).streaming == 2 * streaming)
      let expected = (0..<3).map { layer in [layer >= streaming, layer >= streaming] }
      #expect(try layers.retrievalHeads(sparsity: sparsity).rows == expected)
      #expect(try heads.retrievalHeads(sparsity: sparsity).rows == expected)
    }
    let map = try layers.layerMap(sparsity: 0.33)
    #expect(map.criterion == .search && map.cost == 0.1)
    #expect(map.scores == [0.25, 0.5, 0.75])
    #expect(throws: GateOptimizerError.self) { try layers.set(sparsity: 1.5) }
  }

  @Test(arguments: [
    ("0,0,0 1 2\n1,0,1 2\n2,0,2", "4 lines"), ("0,0,0 1 2\n2,0,1", "streaming"),
    ("0,0,0 1 3", "\"3\""), ("0,0,0 1 1", "all layers but 0"), ("0,x,0 1 2", "loss"),
    ("0,0,0 1.0 2", "\"1.0\""), ("0,0,0 1.x 2", "\"1.x\""), ("", "4 lines"),
  ])
  func damagedTablesAreRefused(lines: String, named: String) throws {
    let error = #expect(throws: FileError.self) {
      try read("streaming,loss,retrieval\n\(lines)\n", .layers)
    }
    #expect(error?.description.contains(named) == true, "\(error?.description ?? "")")
  }
}
