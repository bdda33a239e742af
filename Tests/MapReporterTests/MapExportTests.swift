import Foundation
import GateOptimizer
import MapReporter
import TestSupport
import Testing
import Transformer

@Suite struct MapExportTests {
  @Test(arguments: ExportFormat.allCases)
  func filesAreAsTheConsumerReadsThem(_ format: ExportFormat) throws {
    for file in try format.export(try MapSamples.layers()).files {
      try expectSnapshot(file.text, "export/\(format.rawValue)/\(file.path)")
    }
  }

  @Test(arguments: [ExportFormat.huggingFace, .vllm, .sglang, .swaa, .tensorRT, .mlx, .gguf])
  func headMixedMapIsRefusedWhereLayersAreWhole(_ format: ExportFormat) throws {
    let error = #expect(throws: MapReporterError.self) {
      try format.export(try MapSamples.mixed())
    }
    #expect(
      error?.description
        == "\(format.rawValue) describes whole layers, but this map of 3 layers × 2 key-value heads "
        + "mixes retrieval and streaming heads in layer 2; choose a layer-exclusive map, or a "
        + "format of single heads (duo-attention, kvpress, fluentllm, rtp-llm).")
    #expect(error?.category == .usage)
  }

  @Test func duoAttentionTakesSingleHeads() throws {
    let export = try ExportFormat.duoAttention.export(try MapSamples.mixed())
    let exact = try #require(export.files.first { $0.path.hasPrefix("duo-attention-exact/full") })
    let rows = exact.text.split(separator: "\n")
      .map { $0.split(separator: "\t").compactMap { Double($0) } }
    #expect(rows == [[1, 1], [0, 0], [0, 1]])
  }

  @Test func duoAttentionTableIsReadAsGates() throws {
    let map = try MapSamples.layers()
    let export = try ExportFormat.duoAttention.export(map)
    let matrix = GateMatrix(layers: 3, heads: 2, values: map.gates.flatMap { $0 })
    #expect(try GateMatrix(tsv: export.files[0].text, file: "gates.tsv") == matrix)
  }

  private func deploymentWarnings(_ format: ExportFormat, _ map: HeadMap) throws -> [String] {
    try format.export(map).warnings.filter { $0.hasPrefix("The map is for ") }
  }

  @Test func aRuntimeWithAnotherDeploymentIsNamedOnce() throws {
    #expect(ExportFormat.allCases.allSatisfy { $0 == .headMap || !$0.runtimes.isEmpty })
    #expect(
      try deploymentWarnings(.vllm, MapSamples.layers()) == [
        "The map is for streaming everywhere, sink 16, recent 64, but in vLLM that becomes streaming everywhere, no "
          + "sink, recent 64, which can cost much accuracy; search for that with window: {runtime: vllm}."
      ])
    for format in ExportFormat.allCases {
      let all = try format.export(MapSamples.layers()).warnings
      #expect(all.count { $0.contains("no sink") || $0.contains("loses") } <= 1)
      for runtime in format.runtimes {
        let told = try deploymentWarnings(format, MapSamples.layers())
        let same = MapSamples.layersDeployment == runtime.deployment(sink: 16, recent: 64)
        #expect(told.count { $0.contains("runtime: \(runtime.rawValue)}") } == (same ? 0 : 1))
      }
    }
  }

  /// A map that was searched for a runtime is not warned of in its format; nor is one without streaming heads.
  @Test(arguments: ExportFormat.allCases)
  func aMapForTheRuntimeIsNotWarnedOf(_ format: ExportFormat) throws {
    for runtime in format.runtimes {
      let map = try MapSamples.layers(deployed: runtime.deployment(sink: 16, recent: 64))
      let told = try deploymentWarnings(format, map)
      #expect(!told.contains { $0.contains("runtime: \(runtime.rawValue)}") })
      #expect(told.count == format.runtimes.count - 1)
    }
    let full = try #require(ExportMaps.layers.first { $0.name == "all retrieval" }).map
    #expect(try deploymentWarnings(format, full) == [])
  }

  @Test func phasesAreToldApart() throws {
    let window = StreamingWindow(sink: 16, recent: 64)
    let pruned = try MapSamples.layers(
      deployed: Deployment(window, phase: .decode, boundary: .answer, after: .keep))
    #expect(try deploymentWarnings(.kvpress, pruned) == [])
    let read = try deploymentWarnings(.duoAttention, pruned)
    #expect(read.count == 1 && read[0].contains("in DuoAttention that becomes streaming"))
    let plain = try deploymentWarnings(.duoAttention, MapSamples.layers())
    #expect(plain.count == 1 && plain[0].contains("in kvpress that becomes cache pruned once"))
    let sliding = try MapSamples.layers(deployed: Deployment(window, phase: .decode))
    #expect(try deploymentWarnings(.kvpress, sliding).count == 1)
    let prompt = try deploymentWarnings(.rtpLLM, sliding)
    #expect(prompt.count == 1 && prompt[0].contains("becomes streaming in the prompt only"))
  }

  @Test func theTableOfRuntimesIsTheirs() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/exports.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    for format in ExportFormat.allCases {
      for runtime in format.runtimes {
        let once = runtime.after == .keep ? ", prunes once" : ""
        let row =
          "| `\(format.rawValue)` | \(runtime.title) | \(runtime.phase.rawValue)\(once) | "
          + "\(runtime.keepsSink ? "kept" : "lost") | \(runtime.block) "
          + "\(runtime.block == 1 ? "token" : "tokens") |\n"
        #expect(text.contains(row), "\(row)")
      }
      #expect(text.contains("\n## \(format.rawValue)\n") || format == .headMap)
    }
  }

  @Test func aKeyThatNoReleaseReadsIsTold() throws {
    let warnings = try ExportFormat.sglang.export(MapSamples.layers()).warnings
    #expect(warnings.contains { $0.contains("18093") && $0.contains("closed unmerged") })
    #expect(warnings.contains { $0.contains("one token more") })
    let yaml = try ExportFormat.tensorRT.export(MapSamples.layers())
    #expect(yaml.warnings.contains { $0.contains("removed") })
    #expect(!yaml.files.contains { $0.text.contains("sink_token_length") })
  }

  @Test func llamaIsLoadedAsMinistralAndSaysSo() throws {
    let export = try ExportFormat.huggingFace.export(try MapSamples.layers())
    #expect(export.files[0].text.contains("\"model_type\": \"ministral\""))
    #expect(export.warnings.contains { $0.contains("llama ignores layer_types") })
  }

  @Test(arguments: ["qwen2", "qwen3"])
  func qwenIsSwitchedToItsWindow(_ type: String) throws {
    let map = try MapSamples.layers(modelType: type)
    let patch = try ExportFormat.huggingFace.export(map)
    try expectSnapshot(patch.files[0].text, "export/huggingface/qwen.json")
    let overrides = try ExportFormat.vllm.export(map)
    #expect(overrides.warnings.contains { $0.contains("--model-impl transformers") })
  }

  @Test func unknownFamilyIsTold() throws {
    let map = try MapSamples.layers(modelType: "gpt_bigcode")
    for format in [ExportFormat.huggingFace, .swaa] {
      let warnings = try format.export(map).warnings
      #expect(warnings.contains { $0.contains("gpt_bigcode") })
    }
  }

  @Test(arguments: [ExportFormat.sglang, .fluentLLM])
  func blocksAreRoundedUpAndTold(_ format: ExportFormat) throws {
    let warnings = try format.export(try MapSamples.layers()).warnings
    #expect(warnings.contains { $0.contains("sink 128, recent 128, blocks of 128") })
    #expect(warnings.contains { $0.contains("a token sees the last 1 to 128 tokens") })
    let exact = try format.export(try MapSamples.layers(sink: 128, recent: 256)).warnings
    #expect(exact.contains { $0.contains("a token sees the last 129 to 256 tokens") })
  }

  @Test func familiesThatIgnoreTheKeysAreTold() throws {
    let qwen = try MapSamples.layers(modelType: "qwen3")
    #expect(
      try ExportFormat.mlx.export(qwen).warnings.contains {
        $0.contains("ignores layer_types in silence for qwen3")
      })
    #expect(
      try !ExportFormat.mlx.export(try MapSamples.layers()).warnings.contains {
        $0.contains("in silence")
      })
    #expect(
      try ExportFormat.gguf.export(qwen).warnings.contains {
        $0.contains("check that qwen3 honours it")
      })
    #expect(throws: MapReporterError.self) {
      try ExportFormat.gguf.export(try MapSamples.layers(modelType: nil))
    }
  }

  @Test func headMixedMapsAreCautionedWhereKernelsDealHeadsOut() throws {
    let mixed = try #require(ExportMaps.heads.first).map
    #expect(
      try ExportFormat.rtpLLM.export(mixed).warnings.contains {
        $0.contains("meet keys that are not theirs")
      })
    #expect(
      try !ExportFormat.rtpLLM.export(try MapSamples.layers()).warnings.contains {
        $0.contains("meet keys")
      })
  }

  @Test func filesLandInTheFolder() throws {
    try withTemporaryFolder { folder in
      let export = try ExportFormat.duoAttention.export(try MapSamples.layers())
      let places = try export.write(to: folder)
      #expect(places.count == 5)
      for (file, place) in zip(export.files, places) {
        #expect(try String(contentsOf: place, encoding: .utf8) == file.text)
      }
    }
  }
}
