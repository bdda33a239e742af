import Foundation
import MapReporter
import Testing

/// Each export read back by its consumer's rules gives the map again, but for what the format loses.
@Suite struct ExportReadingTests {
  /// Formats that describe single heads; the others take whole layers.
  static let headFormats: Set<ExportFormat> = [
    .headMap, .duoAttention, .kvpress, .fluentLLM, .rtpLLM,
  ]
  /// Formats that keep no sink.
  static let sinkless: Set<ExportFormat> = [.huggingFace, .vllm, .mlx, .tensorRT, .gguf]

  @Test(arguments: ExportFormat.allCases, ExportMaps.layers)
  func layerMapsComeBack(_ format: ExportFormat, _ sample: ExportMaps.Sample) throws {
    let map = sample.map
    let keepsNone = !map.heads.rows.contains { $0.contains(true) }
    if keepsNone && (format == .fluentLLM || format == .mlx) {
      let error = #expect(throws: MapReporterError.self) { try format.export(map) }
      #expect(error?.description.hasPrefix("\(format.rawValue) cannot hold this map: ") == true)
      #expect(error?.description.contains("keep at least one retrieval layer") == true)
      return
    }
    try expectSame(map, format)
  }

  @Test(arguments: headFormats, ExportMaps.heads)
  func headMapsComeBack(_ format: ExportFormat, _ sample: ExportMaps.Sample) throws {
    try expectSame(sample.map, format)
  }

  private func expectSame(_ map: HeadMap, _ format: ExportFormat) throws {
    let read = try ExportReader.read(format.export(map), format: format)
    #expect(read.full == expectedHeads(map, format))
    guard map.heads.rows.contains(where: { $0.contains(false) }) else { return }
    let blocks = format == .sglang || format == .fluentLLM
    let sink = Self.sinkless.contains(format) ? 0 : map.window.sink
    #expect(read.sink == (blocks ? wholeBlocks(sink) : sink))
    #expect(read.reach == (blocks ? wholeBlocks(map.window.recent) : map.window.recent) - 1)
  }

  /// The map as the format shows it: by layer, by key-value head or by query head.
  private func expectedHeads(_ map: HeadMap, _ format: ExportFormat) -> [[Bool]] {
    guard Self.headFormats.contains(format) else { return map.heads.rows.map { [$0[0]] } }
    let group = (map.model.queryHeads ?? 0) / map.model.keyValueHeads
    let byQueryHead = format == .rtpLLM || (format == .fluentLLM && map.model.keyValueHeads == 1)
    return map.heads.rows.map { row in
      row.flatMap { Array(repeating: $0, count: byQueryHead ? group : 1) }
    }
  }

  private func wholeBlocks(_ tokens: Int) -> Int {
    var blocks = 0
    while blocks * 128 < tokens { blocks += 1 }
    return blocks * 128
  }

  @Test(arguments: ExportFormat.allCases)
  func headMixedMapsAreRefusedExactlyWhereLayersAreWhole(_ format: ExportFormat) throws {
    for sample in ExportMaps.heads {
      if Self.headFormats.contains(format) {
        #expect(throws: Never.self) { try format.export(sample.map) }
      } else {
        let error = #expect(throws: MapReporterError.self) {
          try format.export(sample.map)
        }
        let (layers, heads) = (sample.map.model.layers, sample.map.model.keyValueHeads)
        #expect(
          error?.description.contains("\(layers) layers × \(heads) key-value heads") == true)
      }
    }
  }

  @Test func queryHeadsMustBeKnownWhereTheyAreListed() throws {
    let map = try MapSamples.mixed()
    let error = #expect(throws: MapReporterError.self) {
      try ExportFormat.rtpLLM.export(map)
    }
    #expect(error?.description.contains("name the model with --model") == true)
    let whole = try map.completed(
      by: HeadMap.Model(layers: 3, queryHeads: 4, keyValueHeads: 2), mapName: "a", modelName: "b")
    #expect(throws: Never.self) { try ExportFormat.rtpLLM.export(whole) }
  }

  @Test func aTableOfOneColumnIsNotGivenToAReaderThatCannotReadIt() throws {
    let sample = try #require(ExportMaps.layers.first { $0.name == "one key-value head" })
    let rows = try ExportFormat.fluentLLM.export(sample.map).files[1].text
      .split(separator: "\n")
    #expect(rows.allSatisfy { $0.split(separator: "\t").count == 4 })
    let bare = try HeadMap(
      model: HeadMap.Model(layers: 2, keyValueHeads: 1), window: sample.map.window,
      gates: sample.map.gates, heads: sample.map.heads, criterion: sample.map.criterion,
      requestedSparsity: 0.5, calibration: sample.map.calibration)
    let error = #expect(throws: MapReporterError.self) {
      try ExportFormat.fluentLLM.export(bare)
    }
    #expect(error?.description.contains("one column") == true)
  }
}
