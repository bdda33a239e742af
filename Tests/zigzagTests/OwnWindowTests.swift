import Foundation
import GateOptimizer
import MapReporter
import Support
import TestSupport
import Testing
import Transformer

/// A model with windows of its own in some layers, from learning to exports.
@Suite struct OwnWindowTests {
  private let folder: TemporaryFolder
  /// Layers 0, 2 and 4 slide a window of 12 tokens, with a RoPE of their own.
  private static let configuration: ModelConfiguration = {
    var kind = LayerKind()
    kind.norms = .around
    kind.headNorm = .perHead
    kind.activation = .geluTanh
    kind.rotary = Rotary(theta: 1e6)
    kind.attentionScale = 0.25
    var configuration = ModelConfiguration(
      modelType: "gemma3_text", layers: 6, hidden: 16, feedForward: 32, queryHeads: 4,
      keyValueHeads: 2, headDim: 8, vocabulary: 256, rmsNormEpsilon: 1e-6, maxPositions: 512,
      tiedEmbeddings: true, embeddingScale: 4, kind: kind)
    for layer in [0, 2, 4] {
      configuration.kinds[layer].window = 12
      configuration.kinds[layer].rotary = Rotary(theta: 10_000)
    }
    return configuration
  }()

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(Self.configuration, to: folder.path("tiny.h5"))
    let run = TinyRun.configuration(steps: 2, checkpointEvery: 1)
      .replacing("ranking: {criteria: [max", with: "ranking: {criteria: [search, max")
      .replacing("sparsities: [0, 0.5, 1]", with: "sparsities: [0, 0.33, 1]\n  baselines: [last]")
    try folder.write(
      run + "\nsearch: {samples: 1, units: [layers, heads], swap_rounds: 1}\n", to: "tiny.yaml")
  }

  private func tool(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(arguments, in: folder.path)
  }

  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: folder.path("runs/tiny/\(name)"), encoding: .utf8)
  }

  @Test func mapsChooseAmongGlobalLayers() throws {
    let outcome = try tool("run", "tiny.yaml", "-q")
    #expect(outcome.code == 0, "\(outcome.errors)")
    // Gates exist for global layers alone.
    let gates = try GateMatrix(contentsOf: folder.path("runs/tiny/gates.tsv")).rows
    for (layer, row) in gates.enumerated() {
      #expect(row.allSatisfy { ($0 == 0) == (layer % 2 == 0) }, "layer \(layer): \(row)")
    }
    // A search has a set for each number of global layers, and names no other layer.
    let layers = try text("search-layers.csv").split(separator: "\n")
    #expect(layers.count == 1 + 4)
    #expect(layers[1].hasSuffix(",1 3 5"))
    let heads = try text("search-heads.csv").split(separator: "\n")
    #expect(heads.count == 1 + 4)
    #expect(heads[1].hasSuffix(",1.0 1.1 3.0 3.1 5.0 5.1"))
    // One of three global layers streams, and with the others four of six.
    let points = try CurveTable.read(
      from: URL(fileURLWithPath: folder.path("runs/tiny/curves.csv")))
    let third = points.filter { $0.requestedSparsity == 0.33 }
    #expect(!third.isEmpty && third.allSatisfy { abs($0.achievedSparsity - 1 / 3) < 1e-5 })
    #expect(points.filter { $0.method == .full }.allSatisfy { $0.kvShare == 1 })
    // Every layer keeps its window of 12 in a cache of 128 tokens, and streaming ones 2 + 8.
    let share = Double(3 * 12 + 3 * 10) / Double(3 * 12 + 3 * 128)
    let streaming = points.filter { $0.method == .streaming }
    #expect(streaming.allSatisfy { abs(($0.kvShare ?? 0) - share) < 1e-6 })
    let page = try text("report.html")
    #expect(page.contains("global layers"))
    #expect(page.contains("3 layers slide a window of their own (12 tokens)"))
    #expect(page.contains("layer 0: window of its own"))
    #expect(page.contains("layer 0: window of its own, no gate"))
    // No runtime takes maps of a model whose sliding layers turn positions otherwise.
    #expect(page.contains("How many layers may stream, by deployment"))
    for runtime in ["gguf", "vllm", "duo-attention", "kvpress"] {
      #expect(!page.contains("<small>\(runtime)") && !page.contains(", \(runtime)"), "\(runtime)")
    }
    #expect(!page.contains("zigzag export . --format"))
  }

  @Test func aMapStatesTheWindowsAndBothSparsities() throws {
    #expect(try tool("run", "tiny.yaml", "-q").code == 0)
    let exported = try tool(
      "export", "runs/tiny", "--sparsity", "0.33", "--criterion", "max", "--out", "maps")
    #expect(exported.code == 0, "\(exported.errors)")
    let path = folder.path("maps/headmap.json")
    let map = try HeadMap.read(from: URL(fileURLWithPath: path))
    #expect(map.model.ownWindows == [12, nil, 12, nil, 12, nil])
    #expect(map.model.ownPositions == true)
    #expect(abs(map.sparsity.achieved - 4 / 6) < 1e-9)
    #expect(abs((map.sparsity.achievedGlobal ?? 0) - 1 / 3) < 1e-9)
    // A file that has such a layer retrieve is damaged.
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let first = try #require(text.range(of: "false"))
    try folder.write(text.replacingCharacters(in: first, with: "true"), to: "wrong.json")
    let wrong = try tool("export", "wrong.json", "--out", "none")
    #expect(wrong.code == 65)
    #expect(wrong.errors.contains("head_full[0]") && wrong.errors.contains("window of its own"))
  }

  @Test func aRunIsContinuedStageByStage() throws {
    for verb in ["calibrate", "search", "evaluate", "run", "run"] {
      let outcome = try tool(verb, "tiny.yaml", "-q")
      #expect(outcome.code == 0, "\(verb): \(outcome.errors)")
    }
    let points = try CurveTable.read(
      from: URL(fileURLWithPath: folder.path("runs/tiny/curves.csv")))
    #expect(
      points.filter { $0.requestedSparsity == 0.33 }.allSatisfy {
        abs($0.achievedSparsity - 1 / 3) < 1e-5 && $0.kvShare ?? 1 < 0.9
      })
    let bench = try tool(
      "bench", "tiny.h5", "--measure", "maps", "--lengths", "64", "--sink", "2", "--recent", "8",
      "--gates", "runs/tiny", "--sparsities", "0.33", "--repeats", "1", "--json", "-q")
    #expect(bench.code == 0, "\(bench.errors)")
    #expect(bench.output.contains("0.3333"))
    let inspected = try tool("inspect", "tiny.h5")
    #expect(inspected.output.contains("12 - 12 - 12 -"))
    #expect(inspected.output.contains("1000000.0"))
    #expect(inspected.output.contains("sliding_rope"))
    #expect(inspected.output.contains("theta 10000.0"))
    #expect(!inspected.output.contains("experts") && !inspected.output.contains("rope_scaling"))
    // A record whose windows are not those of the layers.
    let record = try text("run.json")
    for (windows, words) in [
      ("[12, null]", "6 values"), ("[12, null, 12, null, 12, null, null]", "6 values"),
      ("[12, 12, 12, 12, 12, 12]", "null for one"),
      ("[0, null, 12, null, 12, null]", "own_windows[0]"),
    ] {
      let range = try #require(
        record.range(of: #""own_windows" : \[[^\]]*\]"#, options: .regularExpression))
      try record.replacingCharacters(in: range, with: #""own_windows" : "# + windows)
        .write(toFile: folder.path("runs/tiny/run.json"), atomically: true, encoding: .utf8)
      let outcome = try tool("report", "runs/tiny")
      #expect(outcome.code == 65 && outcome.errors.contains(words), "\(outcome)")
    }
  }

  @Test(arguments: ExportFormat.allCases)
  func exportsLeaveTheOtherLayersAlone(_ format: ExportFormat) throws {
    func export(
      positions: Bool, recent: Int, sink: Int = 0, phase: Deployment.Phase = .everywhere
    ) throws -> MapExport {
      var model = HeadMap.Model(modelType: "qwen3", layers: 4, queryHeads: 4, keyValueHeads: 2)
      model.ownWindows = [32, nil, 32, nil]
      model.ownPositions = positions
      return try format.export(
        HeadMap(
          model: model,
          window: HeadMap.Window(
            Deployment(StreamingWindow(sink: sink, recent: recent), phase: phase)),
          gates: Array(repeating: [0, 0], count: 4),
          heads: HeadSet(retrievalLayers: [false, true, false, false], heads: 2),
          criterion: HeadMap.Criterion(name: "max"), requestedSparsity: 0.5,
          calibration: HeadMap.Calibration(source: "test")))
    }
    switch format {
    case .headMap: _ = try export(positions: true, recent: 8)
    case .huggingFace, .vllm, .mlx:
      #expect(try export(positions: false, recent: 32).files[0].text.contains("32"))
      try expectRefusal("recent is 8", "recent: 32") { try export(positions: false, recent: 8) }
      try expectRefusal("positions") { try export(positions: true, recent: 32) }
      // No configuration keeps the sink, and masks that do would show it to the model's own windows.
      try expectRefusal("sink of 4", "2 layers", "{sink: 0, recent: 32}", "the format headmap") {
        try export(positions: false, recent: 32, sink: 4)
      }
      let decoding = try export(positions: false, recent: 32, phase: .decode).warnings
      #expect(decoding.contains { $0.contains("streaming in decoding only") })
      #expect(!decoding.contains { $0.contains("attention_mask") })
    default:
      try expectRefusal("2 of the 4 layers", "replace") {
        try export(positions: false, recent: 32)
      }
    }
    func expectRefusal(_ words: String..., by export: () throws -> MapExport) throws {
      let error = try #require(throws: MapReporterError.self) { _ = try export() }
      #expect(error.category == .usage)
      for word in [format.rawValue] + words {
        #expect(error.description.contains(word), "\(error)")
      }
    }
  }

  /// A runtime takes the maps that its format can hold.
  @Test func runtimesThatRefuseAModelAreNotNamed() {
    var model = HeadMap.Model(modelType: "qwen3", layers: 4, queryHeads: 4, keyValueHeads: 2)
    func taking(sink: Int, recent: Int) -> [Runtime] {
      Runtime.allCases.filter {
        $0.takesMaps(of: model, window: StreamingWindow(sink: sink, recent: recent))
      }
    }
    #expect(taking(sink: 4, recent: 8) == Runtime.allCases)
    model.ownWindows = [32, nil, 32, nil]
    model.ownPositions = false
    #expect(taking(sink: 0, recent: 32) == [.huggingFace, .vllm, .sglangTransformers, .mlx])
    #expect(taking(sink: 4, recent: 32) == [] && taking(sink: 0, recent: 8) == [])
  }

  /// Where nothing can be recommended, the export says what was measured, and why that is not enough.
  @Test func anExportWithoutARecommendationSaysWhy() throws {
    #expect(try tool("run", "tiny.yaml", "-q").code == 0)
    // As if full attention had nothing right, in a folder of an earlier build, which keeps no hashes.
    try FileManager.default.removeItem(atPath: folder.path("runs/tiny/results.json"))
    var lines = try text("curves.csv").split(separator: "\n").map(String.init)
    let header = lines[0].split(separator: ",")
    let columns = try ["value", "low", "high"].map { try #require(header.firstIndex(of: $0)) }
    for row in lines.indices where lines[row].hasPrefix("full,") {
      var fields = lines[row].split(separator: ",", omittingEmptySubsequences: false)
      for column in columns { fields[column] = "0.000000" }
      lines[row] = fields.joined(separator: ",")
    }
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: folder.path("runs/tiny/curves.csv"), atomically: true, encoding: .utf8)
    let outcome = try tool("export", "runs/tiny", "--out", "maps")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(!outcome.errors.contains("no accuracy is measured yet"))
    #expect(
      outcome.errors.contains(
        "accuracy is measured, but full attention has nothing right on words: no map can be recommended, so that "
          + "half of the layers stream; give --sparsity"), "\(outcome.errors)")
  }

  @Test func otherGatesAreCutAmongGlobalLayers() throws {
    try folder.write(String(repeating: "0.9\t0.8\n0.5\t0.1\n", count: 3), to: "gates.tsv")
    let ranked = try tool("rank", "gates.tsv", "--model", "tiny.h5", "--sparsity", "0.33", "--json")
    #expect(ranked.code == 0, "\(ranked.errors)")
    #expect(ranked.output.contains("\"sparsity_achieved_global\""))
    #expect(
      ranked.output.replacing(" ", with: "").replacing("\n", with: "")
        .contains("\"retrieval_layers\":[1,3]"))
  }
}
