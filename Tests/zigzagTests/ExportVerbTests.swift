import Foundation
import GateOptimizer
import MapReporter
import TestSupport
import Testing

/// `zigzag export` and `zigzag rank` on gates that were learned elsewhere.
@Suite struct ExportVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: scratch.path("pattern"), withIntermediateDirectories: true)
    // The largest gates are in layers 1 and 3, the largest sums in layers 2 and 3.
    let table = "0.1\t0.1\n0.9\t-0.001\n0.5\t0.6\n0.9\t0.8\n"
    try scratch.write(table, to: "pattern/full_attention_heads.tsv")
    try scratch.write(#"{"sink_size": 7, "recent_size": 9}"#, to: "pattern/config.json")
    try scratch.write(table, to: "bare.tsv")
    try scratch.write(
      #"{"model_type": "qwen2", "num_hidden_layers": 4, "num_attention_heads": 6, "#
        + #""num_key_value_heads": 2}"#, to: "model.json")
  }

  private func map(_ path: String) throws -> HeadMap {
    try HeadMap.read(from: URL(fileURLWithPath: scratch.path(path)))
  }

  @Test func aPatternFolderBecomesAMapOfItsWindow() throws {
    let outcome = try scratch.zigzag("export", "pattern", "-s", "0.5", "--model", "model.json")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("pattern/export/headmap.json\n"))
    let map = try map("pattern/export/headmap.json")
    #expect(map.layerFull == [false, true, false, true])
    #expect(map.window == HeadMap.Window(sink: 7, recent: 9))
    #expect(map.gates[1] == [0.9, 0])
    #expect(
      map.model == HeadMap.Model(modelType: "qwen2", layers: 4, queryHeads: 6, keyValueHeads: 2))
    #expect(map.calibration.source == "pattern/full_attention_heads.tsv")
  }

  @Test func aBareTableTakesItsWindowFromOptions() throws {
    let outcome = try scratch.zigzag(
      "export", "bare.tsv", "-s", "0.5", "-c", "balance", "--sink", "2", "--recent", "3", "--out",
      "maps")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let map = try map("maps/headmap.json")
    #expect(map.layerFull == [false, false, true, true])
    #expect(map.window == HeadMap.Window(sink: 2, recent: 3))
    #expect(map.model.modelType == nil && map.model.queryHeads == nil)
  }

  @Test func aTableOfZerosAndOnesIsSaid() throws {
    try scratch.write("1\t1\n0\t0\n0\t0\n1\t1\n", to: "cut.tsv")
    let outcome = try scratch.zigzag(
      "export", "cut.tsv", "-s", "0.5", "--sink", "2", "--recent", "3", "--out", "maps")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains("cut.tsv holds only 0 and 1"))
    #expect(try map("maps/headmap.json").layerFull == [true, false, false, true])
  }

  @Test func headMixedMapsGoWhereSingleHeadsAreDescribed() throws {
    let arguments = ["export", "pattern", "-s", "0.5", "-c", "head-mixed", "--model", "model.json"]
    let outcome = try ToolRunner.run(arguments + ["-f", "rtp-llm"], in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let bytes = try Data(
      contentsOf: URL(fileURLWithPath: scratch.path("pattern/export/rtp_llm.json")))
    let file = try JSONSerialization.jsonObject(with: bytes) as? [String: [String: Any]]
    let keys = try #require(file?["headwise_config"])
    #expect(keys["1"] as? [Int] == [1, 1, 1, 0, 0, 0])
    #expect(keys["2"] as? [Int] == [0, 0, 0, 1, 1, 1])
    expectRefusal(
      try ToolRunner.run(arguments + ["-q", "-f", "vllm"], in: scratch.path), code: 64,
      saying: "vllm describes whole layers", "4 layers × 2 key-value heads")
  }

  @Test func everyFormatCanBeWrittenIntoOneFolder() throws {
    let formats = ExportFormat.allCases.flatMap { ["--format", $0.rawValue] }
    let outcome = try ToolRunner.run(
      ["export", "pattern", "-s", "0.5", "--model", "model.json", "--out", "all"] + formats,
      in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let names = outcome.output.split(separator: "\n")
    #expect(Set(names).count == names.count)
    #expect(names.count { $0.hasSuffix(".golden.json") } == ExportFormat.allCases.count)
  }

  @Test func scoresOfQueryHeadsAreRankedAndExported() throws {
    let scores = (0..<4).flatMap { layer in
      (0..<6).map { "\"\(layer)-\($0)\": [\(layer == 2 && $0 == 4 ? 0.9 : 0.1)]" }
    }
    try scratch.write("{\(scores.joined(separator: ", "))}", to: "scores.json")
    let ranked = try scratch.zigzag("rank", "scores.json", "-s", "0.75", "--kv-heads", "3")
    #expect(ranked.code == 0, "\(ranked.errors)")
    #expect(ranked.output.contains("    2   0.900000  retrieval\n"))
    let exported = try scratch.zigzag(
      "export", "scores.json", "-s", "0.75", "--model", "model.json", "--sink", "1", "--recent",
      "2",
      "--out", "maps")
    #expect(exported.code == 0, "\(exported.errors)")
    #expect(try map("maps/headmap.json").layerFull == [false, false, true, false])
    expectRefusal(
      try scratch.zigzag("rank", "scores.json", "-s", "0.5"), code: 64,
      saying: "--kv-heads or --model")
    expectRefusal(
      try scratch.zigzag("rank", "scores.json", "-s", "0.5", "--kv-heads", "4"), code: 65,
      saying: "scores.json", "share evenly")
  }

  @Test func whatIsMissingIsSaid() throws {
    expectRefusal(
      try scratch.zigzag("export", "nowhere", "--format", "vllm"), code: 66,
      saying: "nowhere: there is no such map, run folder or table of gates")
    expectRefusal(
      try scratch.zigzag("export", "pattern"), code: 64, saying: "pattern holds gates", "--sparsity"
    )
    expectRefusal(
      try scratch.zigzag("export", "bare.tsv", "-s", "0.5"), code: 64,
      saying: "bare.tsv says nothing",
      "--sink and --recent")
    expectRefusal(
      try scratch.zigzag("export", "none.tsv", "-s", "0.5"), code: 66, saying: "none.tsv")
    expectRefusal(
      try scratch.zigzag("export", "pattern", "-s", "0.5", "--recent", "0"), code: 64,
      saying: "window.recent")
    expectRefusal(try scratch.zigzag("export", scratch.path), code: 66, saying: "config.yaml")
    expectRefusal(
      try scratch.zigzag("export", "pattern", "-s", "0.5", "-f", "rtp-llm"), code: 64,
      saying: "rtp-llm cannot hold this map", "--model")
    #expect(try scratch.zigzag("export", "pattern", "-s", "0.5", "--out", "maps").code == 0)
    expectRefusal(
      try scratch.zigzag("export", "maps/headmap.json", "--sink", "3"), code: 64,
      saying: "finished map")
    // A map is read before it is written, and its model's configuration never replaced.
    expectRefusal(
      try scratch.zigzag("export", "maps/headmap.json"), code: 64,
      saying: "would replace", "maps/headmap.json")
    for _ in 0..<2 {
      #expect(try scratch.zigzag("export", "maps/headmap.json", "--out", "again").code == 0)
      #expect(try scratch.zigzag("export", "pattern", "-s", "0.5", "--out", "pattern").code == 0)
    }
    #expect(try map("again/headmap.json") == map("maps/headmap.json"))
    expectRefusal(
      try scratch.zigzag("export", "pattern", "-s", "0.5", "--kv-heads", "2"), code: 64,
      saying: "full_attention_heads.tsv is a table", "leave it out")
  }

  /// What a configuration does is what the map asks for, or the first layer that differs is named.
  @Test func aConfigurationIsHeldAgainstItsMap() throws {
    func write(_ type: String, window: Int = 9) throws {
      try scratch.write(
        #"{"model_type": "\#(type)", "num_hidden_layers": 4, "num_attention_heads": 6, "#
          + #""num_key_value_heads": 2, "sliding_window": \#(window), "layer_types": "#
          + #"["sliding_attention", "full_attention", "sliding_attention", "full_attention"]}"#,
        to: "config.json")
    }
    let map = ["pattern", "-s", "0.5"]
    func check(_ arguments: [String] = []) throws -> ToolOutcome {
      try ToolRunner.run(["export", "--check", "config.json"] + arguments, in: scratch.path)
    }
    try write("ministral")
    let good = try check(map)
    #expect(good.code == 0, "\(good.errors)")
    #expect(
      good.output.hasPrefix("layer 0\tsliding window of 9, no sink\nlayer 1\tfull attention\n"))
    #expect(good.errors.contains("does in transformers what pattern asks for"))
    #expect(good.errors.contains("in transformers that becomes streaming everywhere, no sink"))
    #expect(try check().code == 0)
    for (type, window, words) in [
      ("ministral", 10, "config.json: layer 0: expected sliding window of 9"),
      ("llama", 9, "2 of 4 layers differ; transformers' llama ignores layer_types in silence"),
    ] {
      try write(type, window: window)
      let bad = try check(map)
      #expect(bad.code == 65 && bad.errors.contains(words), "\(bad.errors)")
      #expect(bad.output.split(separator: "\n").count == 4)
    }
    #expect(try check().output.contains("layer 0\tfull attention\n"))
    try write("qwen2")
    expectRefusal(try check(), code: 65, saying: "use_sliding_window: expected true")
    try write("unheard")
    expectRefusal(try check(), code: 65, saying: "model_type: expected one of")
    expectRefusal(try check(["-f", "vllm"]), code: 64, saying: "--check writes nothing")
    expectRefusal(try scratch.zigzag("export"), code: 64, saying: "SOURCE")
  }

  @Test func otherModelsAreRefusedWithBothShapes() throws {
    try scratch.write(
      #"{"model_type": "llama", "num_hidden_layers": 5, "num_attention_heads": 3}"#,
      to: "other.json")
    let words = "for 4 layers × 2 key-value heads, but other.json has 5 × 3"
    expectRefusal(
      try scratch.zigzag("export", "pattern", "-s", "0.5", "--model", "other.json"), code: 65,
      saying: words)
    expectRefusal(
      try scratch.zigzag("rank", "pattern", "-s", "0.5", "--model", "other.json"), code: 65,
      saying: "4 layers × 2 key-value heads, but other.json has 5 × 3")
    // Key-value heads that are not stated are the family's, and not guessed.
    for (configuration, words) in [
      (
        #"{"model_type": "mistral", "num_hidden_layers": 4, "num_attention_heads": 16}"#,
        "but other.json has 4 × 8"
      ),
      (
        #"{"model_type": "gemma", "num_hidden_layers": 4, "num_attention_heads": 2}"#,
        "key num_key_value_heads: expected a whole number, found nothing"
      ),
      (
        #"{"model_type": "llama", "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_head": 2}"#,
        "did you mean num_key_value_heads?"
      ),
    ] {
      try scratch.write(configuration, to: "other.json")
      expectRefusal(
        try scratch.zigzag("rank", "pattern", "-s", "0.5", "--model", "other.json"), code: 65,
        saying: words)
    }
    try scratch.write(
      #"{"model_type": "llama", "num_hidden_layers": 0, "num_attention_heads": 3}"#, to: "none.json"
    )
    expectRefusal(
      try scratch.zigzag("export", "pattern", "-s", "0.5", "--model", "none.json"), code: 65,
      saying: "none.json: num_hidden_layers: expected at least 1")
    try scratch.write("{}", to: "pattern/config.json")
    expectRefusal(
      try scratch.zigzag("export", "pattern", "-s", "0.5"), code: 64, saying: "--sink and --recent")
    try scratch.write("{", to: "pattern/config.json")
    expectRefusal(
      try scratch.zigzag("export", "pattern", "-s", "0.5"), code: 65, saying: "pattern/config.json")
  }
}

/// The published gates as maps: each model at 25, 50 and 75 %.
@Suite(
  .enabled(
    if: !GateFixtures.publishedTables.isEmpty,
    "needs the published DuoAttention tables in ../*/patterns or ZIGZAG_PATTERNS"))
struct PublishedGatesTests {
  @Test(arguments: GateFixtures.publishedTables, ["max", "balance"])
  func everyModelBecomesMaps(table: String, criterion: String) throws {
    let scratch = try TemporaryFolder()
    let folder = URL(fileURLWithPath: table).deletingLastPathComponent().path
    var kept: Set<Int> = []
    for (sparsity, streaming) in [("0.75", 24), ("0.5", 16), ("0.25", 8)] {
      let outcome = try ToolRunner.run([
        "export", folder, "-s", sparsity, "-c", criterion, "-f", "headmap", "-f", "sglang", "--out",
        scratch.path,
      ])
      #expect(outcome.code == 0, "\(outcome.errors)")
      let map = try HeadMap.read(from: URL(fileURLWithPath: scratch.path("headmap.json")))
      let layers = try #require(map.layerFull)
      #expect(layers.count == 32 && layers.count { !$0 } == streaming)
      #expect(map.window == HeadMap.Window(sink: 128, recent: 256))
      // Less sparsity only adds retrieval layers.
      let now = Set(layers.indices.filter { layers[$0] })
      #expect(kept.isSubset(of: now))
      kept = now
    }
  }
}
