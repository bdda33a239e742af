import Foundation
import GateOptimizer
import MapReporter
import TestSupport
import Testing

@Suite struct MapExportTests {
  @Test(arguments: ExportFormat.allCases)
  func filesAreAsTheConsumerReadsThem(_ format: ExportFormat) throws {
    for file in try format.exporter.export(try MapSamples.layers()).files {
      try expectSnapshot(file.text, "export/\(format.rawValue)/\(file.path)")
    }
  }

  @Test(arguments: [ExportFormat.huggingFace, .vllm, .sglang, .swaa])
  func headMixedMapIsRefusedWhereLayersAreWhole(_ format: ExportFormat) throws {
    let error = #expect(throws: MapReporterError.self) {
      try format.exporter.export(try MapSamples.mixed())
    }
    #expect(
      error?.description
        == "\(format.rawValue) describes whole layers, but this map of 3 layers × 2 key-value heads "
        + "mixes retrieval and streaming heads in layer 2; choose a layer-exclusive map, or the "
        + "duo-attention format.")
    #expect(error?.category == .usage)
  }

  @Test func duoAttentionTakesSingleHeads() throws {
    let export = try ExportFormat.duoAttention.exporter.export(try MapSamples.mixed())
    let exact = try #require(export.files.first { $0.path.hasPrefix("duo-attention-exact/full") })
    let rows = exact.text.split(separator: "\n")
      .map { $0.split(separator: "\t").compactMap { Double($0) } }
    #expect(rows == [[1, 1], [0, 0], [0, 1]])
  }

  @Test func duoAttentionTableIsReadAsGates() throws {
    let map = try MapSamples.layers()
    let export = try ExportFormat.duoAttention.exporter.export(map)
    let matrix = GateMatrix(layers: 3, heads: 2, values: map.gates.flatMap { $0 })
    #expect(try GateMatrix(tsv: export.files[0].text, file: "gates.tsv") == matrix)
  }

  @Test func lostSinkIsTold() throws {
    for format in [ExportFormat.huggingFace, .vllm] {
      let told = try format.exporter.export(try MapSamples.layers()).warnings
      #expect(told.contains { $0.contains("lose their 16 first tokens") })
      let nothingLost = try format.exporter.export(try MapSamples.layers(sink: 0)).warnings
      #expect(!nothingLost.contains { $0.contains("lose their") })
    }
    for format in [ExportFormat.sglang, .swaa] {
      let kept = try format.exporter.export(try MapSamples.layers()).warnings
      #expect(!kept.contains { $0.contains("lose their") })
    }
  }

  @Test func llamaIsLoadedAsMinistralAndSaysSo() throws {
    let export = try ExportFormat.huggingFace.exporter.export(try MapSamples.layers())
    #expect(export.files[0].text.contains("\"model_type\": \"ministral\""))
    #expect(export.warnings.contains { $0.contains("llama ignores layer_types") })
  }

  @Test(arguments: ["qwen2", "qwen3"])
  func qwenIsSwitchedToItsWindow(_ type: String) throws {
    let map = try MapSamples.layers(modelType: type)
    let patch = try ExportFormat.huggingFace.exporter.export(map)
    try expectSnapshot(patch.files[0].text, "export/huggingface/qwen.json")
    let overrides = try ExportFormat.vllm.exporter.export(map)
    #expect(overrides.warnings.contains { $0.contains("--model-impl transformers") })
  }

  @Test func unknownFamilyIsTold() throws {
    let map = try MapSamples.layers(modelType: "gpt_bigcode")
    for format in [ExportFormat.huggingFace, .swaa] {
      let warnings = try format.exporter.export(map).warnings
      #expect(warnings.contains { $0.contains("gpt_bigcode") })
    }
  }

  @Test func blocksAreRoundedUpAndTold() throws {
    let warnings = try ExportFormat.sglang.exporter.export(try MapSamples.layers()).warnings
    #expect(
      warnings.last
        == "The kernels work in blocks of 128: sink 16 becomes 128 and recent 64 becomes 128.")
    let exact = try ExportFormat.sglang.exporter.export(
      try MapSamples.layers(sink: 128, recent: 256))
    #expect(exact.warnings.count == 1)
  }

  @Test func filesLandInTheFolder() throws {
    try withTemporaryFolder { folder in
      let export = try ExportFormat.duoAttention.exporter.export(try MapSamples.layers())
      let places = try export.write(to: folder)
      #expect(places.count == 4)
      for (file, place) in zip(export.files, places) {
        #expect(try String(contentsOf: place, encoding: .utf8) == file.text)
      }
    }
  }
}
