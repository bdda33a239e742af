import Foundation
import GateOptimizer
import Support
import Transformer

/// `search-layers.csv` and `search-heads.csv`: the set that was found for each number of streaming units.
package enum SearchTable {
  private static let columns = ["streaming", "loss", "retrieval"]

  /// The table as text; units are layers, `5`, or layer and head, `5.1`.
  package static func text(_ maps: SearchedMaps) -> String {
    CommaSeparated.line(columns)
      + maps.sets.map { set in
        let units = set.kept.indices.filter { set.kept[$0] }.map { name($0, maps) }
        return CommaSeparated.line([
          "\(set.streaming)", "\(set.loss)", units.joined(separator: " "),
        ])
      }.joined()
  }

  private static func name(_ unit: Int, _ maps: SearchedMaps) -> String {
    let (place, heads) = (maps.unit.place(unit, in: maps.space), maps.space.heads)
    return maps.unit == .layers ? "\(place)" : "\(place / heads).\(place % heads)"
  }

  /// Reads the table at `path`; nil where there is none.
  ///
  /// - Throws: `FileError` naming line and column of what is wrong.
  package static func read(
    _ path: String, unit: MapUnit, space: MapSpace
  ) throws(FileError) -> SearchedMaps? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let width = unit.perLayer(heads: space.heads)
    let (layers, count) = (space.globalLayers.count, unit.count(in: space))
    var sets: [SearchedSet] = []
    for row in try CommaSeparatedRow.read(
      TextFile.text(at: path, what: "table", limit: FileLimit.table), path: path)
    {
      let streaming = try row.integer("streaming")
      guard streaming == sets.count * width, sets.count <= layers else {
        throw row.wrong(
          "streaming", "0 to \(count) \(unit), each \(width) more", "\(streaming)")
      }
      var kept = Array(repeating: false, count: count)
      for name in try row.text("retrieval").split(separator: " ") {
        guard let position = position(of: name, unit: unit, space) else {
          let global = space.isWhole ? "" : ", of which \(layers) layers are global"
          throw row.wrong(
            "retrieval", "\(unit) of a model of \(space.layers) × \(space.heads)\(global)",
            "\"\(name)\"")
        }
        kept[position] = true
      }
      let streams = kept.count { !$0 }
      guard streams == streaming else {
        throw row.wrong("retrieval", "all \(unit) but \(streaming)", "all but \(streams)")
      }
      sets.append(SearchedSet(kept: kept, loss: try row.number("loss")))
    }
    guard sets.count == layers + 1 else {
      throw .invalid(
        path: path, place: "the end", expected: "\(layers + 1) lines",
        found: "\(sets.count) lines")
    }
    return SearchedMaps(unit: unit, space: space, sets: sets)
  }

  private static func position(
    of name: Substring, unit: MapUnit, _ space: MapSpace
  ) -> Int? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
    guard let layer = space.globalLayers.firstIndex(of: parts[0]) else { return nil }
    switch (unit, parts.count) {
    case (.layers, 1): return layer
    case (.heads, 2):
      return (0..<space.heads).contains(parts[1]) ? layer * space.heads + parts[1] : nil
    default: return nil
    }
  }
}
