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

  @Test(arguments: [ExportFormat.huggingFace, .vllm, .sglang, .swaa, .tensorRT, .mlx, .gguf])
  func headMixedMapIsRefusedWhereLayersAreWhole(_ format: ExportFormat) throws {
    let error = #expect(throws: MapReporterError.self) {
      try format.exporter.export(try MapSamples.mixed())
    }
    #expect(
      error?.description
        == "\(format.rawValue) describes whole layers, but this map of 3 layers × 2 key-value heads "
        + "mixes retrieval and streaming heads in layer 2; choose a layer-exclusive map, or a "
        + "format of single heads (duo-attention, fluentllm, rtp-llm).")
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
    for format in [ExportFormat.huggingFace, .vllm, .tensorRT, .mlx, .gguf] {
      let told = try format.exporter.export(try MapSamples.layers()).warnings
      #expect(told.contains { $0.contains("lose their 16 first tokens") })
      let nothingLost = try format.exporter.export(try MapSamples.layers(sink: 0)).warnings
      #expect(!nothingLost.contains { $0.contains("lose their") })
    }
    for format in [ExportFormat.sglang, .fluentLLM, .swaa, .rtpLLM] {
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

  @Test(arguments: [ExportFormat.sglang, .fluentLLM])
  func blocksAreRoundedUpAndTold(_ format: ExportFormat) throws {
    let warnings = try format.exporter.export(try MapSamples.layers()).warnings
    #expect(
      warnings.contains(
        "The kernels work in blocks of 128: sink 16 becomes 128 and recent 64 becomes 128."))
    #expect(warnings.contains { $0.contains("a token sees the last 1 to 128 tokens") })
    let exact = try format.exporter.export(try MapSamples.layers(sink: 128, recent: 256)).warnings
    #expect(!exact.contains { $0.contains("becomes") })
    #expect(exact.contains { $0.contains("a token sees the last 129 to 256 tokens") })
  }

  @Test func familiesThatIgnoreTheKeysAreTold() throws {
    let qwen = try MapSamples.layers(modelType: "qwen3")
    #expect(
      try ExportFormat.mlx.exporter.export(qwen).warnings.contains {
        $0.contains("ignores layer_types in silence for qwen3")
      })
    #expect(
      try !ExportFormat.mlx.exporter.export(try MapSamples.layers()).warnings.contains {
        $0.contains("in silence")
      })
    #expect(
      try ExportFormat.gguf.exporter.export(qwen).warnings.contains {
        $0.contains("check that qwen3 honours it")
      })
    #expect(throws: MapReporterError.self) {
      try ExportFormat.gguf.exporter.export(try MapSamples.layers(modelType: nil))
    }
  }

  @Test func headMixedMapsAreCautionedWhereKernelsDealHeadsOut() throws {
    let mixed = try #require(ExportMaps.heads.first).map
    #expect(
      try ExportFormat.rtpLLM.exporter.export(mixed).warnings.contains {
        $0.contains("meet keys that are not theirs")
      })
    #expect(
      try !ExportFormat.rtpLLM.exporter.export(try MapSamples.layers()).warnings.contains {
        $0.contains("meet keys")
      })
  }

  @Test func filesLandInTheFolder() throws {
    try withTemporaryFolder { folder in
      let export = try ExportFormat.duoAttention.exporter.export(try MapSamples.layers())
      let places = try export.write(to: folder)
      #expect(places.count == 5)
      for (file, place) in zip(export.files, places) {
        #expect(try String(contentsOf: place, encoding: .utf8) == file.text)
      }
    }
  }
}
