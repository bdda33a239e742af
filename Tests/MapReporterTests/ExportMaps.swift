import MapReporter
import Testing
import Transformer

/// Maps of every sort that exports have to carry.
enum ExportMaps {
  /// A layer-exclusive map, named for what is special about it.
  struct Sample: Sendable, CustomTestStringConvertible {
    let name: String
    let map: HeadMap
    var testDescription: String { name }
  }

  /// All retrieval, all streaming, one layer, K = 1, no sink, a window of one, and irregular ones.
  static let layers: [Sample] = {
    var samples = [
      sample("all retrieval", [true, true, true]), sample("all streaming", [false, false]),
      sample("one layer", [true]), sample("first and last", [true, false, false, true]),
      sample("one key-value head", [true, false], heads: 1, group: 4),
      sample("no sink", [false, true, false], sink: 0, recent: 5),
      sample("a window of one token", [false, true], sink: 3, recent: 1),
      sample("whole blocks", [true, false], sink: 128, recent: 256),
      sample("odd blocks", [true, false], sink: 129, recent: 127),
    ]
    var state: UInt64 = 1
    for round in 0..<8 {
      let kinds = (0..<(3 + round)).map { _ in next(&state) % 2 == 0 }
      samples.append(
        sample(
          "random \(round)", kinds, heads: 1 + Int(next(&state) % 4),
          group: 1 + Int(next(&state) % 3), sink: Int(next(&state) % 40),
          recent: 1 + Int(next(&state) % 300)))
    }
    return samples.compactMap { $0 }
  }()

  /// Maps of single heads, of which some layers mix kinds.
  static let heads: [Sample] = {
    var state: UInt64 = 7
    return (0..<6).compactMap { round in
      let (layers, heads) = (2 + round, 2 + round % 3)
      var rows = (0..<layers).map { _ in (0..<heads).map { _ in next(&state) % 2 == 0 } }
      rows[0] = (0..<heads).map { $0 == 0 }
      return sample("mixed \(round)", rows, group: 2, sink: 4, recent: 9)
    }
  }()

  private static func sample(
    _ name: String, _ layers: [Bool], heads: Int = 2, group: Int = 3, sink: Int = 16,
    recent: Int = 64
  ) -> Sample? {
    sample(
      name, layers.map { Array(repeating: $0, count: heads) }, group: group, sink: sink,
      recent: recent)
  }

  private static func sample(
    _ name: String, _ heads: [[Bool]], group: Int, sink: Int, recent: Int
  ) -> Sample? {
    let map = try? HeadMap(
      model: HeadMap.Model(
        modelType: "llama", layers: heads.count, queryHeads: heads[0].count * group,
        keyValueHeads: heads[0].count),
      window: HeadMap.Window(sink: sink, recent: recent),
      gates: heads.map { $0.map { $0 ? 0.75 : 0.25 } }, heads: HeadSet(heads),
      criterion: HeadMap.Criterion(name: "max"), requestedSparsity: 0.5,
      calibration: HeadMap.Calibration(source: "gates.tsv"))
    return map.map { Sample(name: name, map: $0) }
  }

  /// A linear congruential generator's next number.
  private static func next(_ state: inout UInt64) -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33
  }
}
