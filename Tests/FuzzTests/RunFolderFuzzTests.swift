import Bench
import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Runs
import TestSupport
import Testing

/// The records of runs and sweeps, sweep files, and what other tools' folders say of a model.
extension FuzzTests {
  private static func mutator(
    _ corpus: [[UInt8]], _ words: [String] = []
  ) -> (inout TestRandom) -> [UInt8] {
    TextMutator(corpus: corpus, words: words).callAsFunction
  }

  @Test func runRecords() throws {
    let folder = try TemporaryFolder()
    try folder.write(FuzzCorpus.configuration, to: "run.yaml")
    let document = try ConfigurationDocument(contentsOf: folder.path("run.yaml"))
    var record = RunRecord()
    let empty = Array(try record.json().utf8)
    record.configuration = try RunConfiguration(document)
    record.model = HeadMap.Model(
      modelType: "llama", layers: 3, queryHeads: 4, keyValueHeads: 2,
      weightsSHA256: String(repeating: "0a", count: 32))
    record.texts = ["a.txt": String(repeating: "1b", count: 32)]
    record.seconds = ["calibration": 1.5, "search": 0]
    let corpus = [empty, Array(try record.json().utf8)]
    try FuzzCampaign(
      parser: "run-record", suffix: ".json", seeds: corpus,
      mutate: Self.mutator(corpus, ["model", "texts", "null", "seed", "weights_sha256"])
    ).run { path in
      let record = try RunRecord.read(path)
      // What was read is written and read again as the same.
      guard let text = try? record?.json() else { return }
      let again = "\(path)-again"
      defer { try? FileManager.default.removeItem(atPath: again) }
      try text.write(toFile: again, atomically: false, encoding: .utf8)
      #expect(try RunRecord.read(again) == record, "\(path)")
      // As a run is made again from it.
      if record?.configuration != nil {
        _ = try RunOrigin(contentsOf: path)
        _ = try RunConfiguration(try ConfigurationDocument(record: path))
      }
    }
  }

  @Test func sweepRecords() throws {
    let hash = String(repeating: "2c", count: 32)
    let mark = "{\"configuration\": \"\(hash)\", \"gates\": \"\(hash)\", \"curves\": \"\(hash)\"}"
    let corpus = [
      Array("{\"runs\": {\"base\": \(mark), \"seed-1\": \(mark)}}".utf8),
      Array(try SweepRecord().json().utf8),
    ]
    try FuzzCampaign(
      parser: "sweep-record", suffix: ".json", seeds: corpus,
      mutate: Self.mutator(corpus, ["runs", "gates", "null"])
    ).run { path in
      _ = try SweepRecord.read(path).json()
    }
  }

  @Test func sweepFiles() throws {
    let folder = try TemporaryFolder()
    let base = try folder.write(FuzzCorpus.configuration, to: "base.yaml")
    let sweep = """
      # Two seeds and windows.
      name: two-seeds
      base: \(base)
      set: {calibration.steps: 4, evaluation: {samples: 2}}
      vary:
        seed: &seeds [1, 2]
        window:
          narrow: {window: {recent: 8}}
          wide: {window.recent: 128, window.sink: 4}
      grid:
        calibration.learning_rate: [0.01, 0.02]
        task.length: [2, 3]
      """
    let corpus = [Array(sweep.utf8)]
    let words = [
      "*seeds", "&a", "*a", "seed", "window.recent", "grid", "vary", "set", "base", "name", "<<",
      "task.passkeys", "[1, 2, 3]",
    ]
    try FuzzCampaign(
      parser: "sweep", suffix: ".yaml", seeds: corpus, mutate: Self.mutator(corpus, words),
      named: ""
    ).run { path in
      let sweep = try Sweep(contentsOf: path, overrides: ["calibration.batch=1"])
      #expect(!sweep.runs.isEmpty && Set(sweep.runs.map(\.name)).count == sweep.runs.count)
    }
  }

  /// `--model config.json`: the sizes alone.
  @Test func modelSizes() throws {
    let corpus = [
      try FuzzCorpus.fixture("ModelLoaderTests/Fixtures/tiny-qwen2/config.json"),
      Array(
        "{\"model_type\": \"llama\", \"num_hidden_layers\": 3, \"num_attention_heads\": 4}".utf8),
    ]
    try FuzzCampaign(
      parser: "model-sizes", suffix: ".json", seeds: corpus,
      mutate: Self.mutator(corpus, ["num_hidden_layers", "num_key_value_heads", "null", "32"])
    ).run { path in
      let model = try HeadMap.Model(contentsOf: path)
      #expect(model.layers >= 1 && model.keyValueHeads >= 1)
    }
  }

  /// DuoAttention's config.json beside a table.
  @Test func windows() throws {
    let folder = try TemporaryFolder()
    try folder.write("0.5\t1\n", to: "full_attention_heads.tsv")
    let source = try GateSource(path: folder.path)
    let corpus = [Array("{\"sink_size\": 64, \"recent_size\": 256, \"other\": [null]}".utf8)]
    try FuzzCampaign(
      parser: "window", suffix: ".json", seeds: corpus,
      mutate: Self.mutator(corpus, ["sink_size", "recent_size", "null", "1.5"]),
      named: folder.path
    ).run { path in
      try? FileManager.default.removeItem(atPath: folder.path("config.json"))
      try FileManager.default.copyItem(atPath: path, toPath: folder.path("config.json"))
      _ = try source.window()
    }
  }

  @Test func stepRecords() throws {
    let parts = "{\"teacher\": 0.5, \"student\": 1, \"backward\": 2.25, \"total\": 4}"
    let record = """
      {"tokens": 100, "labelRows": [50, 60], "sink": 16, "recent": 64, "loss": 0.125,
       "seconds": \(parts), "samples": [4, 4.5], "peakBytes": 1048576, "peakAnonymousBytes": 4096,
       "studentRows": 300, "gflop": 1.5, "share": 0.75, "weightsSHA256": "3d"}
      """
    let folder = try TemporaryFolder()
    let corpus = [Array(record.utf8)]
    try FuzzCampaign(
      parser: "step", suffix: ".json", seeds: corpus,
      mutate: Self.mutator(corpus, ["labelRows", "null", "seconds"]), named: folder.path
    ).run { path in
      try? FileManager.default.removeItem(atPath: folder.path("step.json"))
      try FileManager.default.copyItem(atPath: path, toPath: folder.path("step.json"))
      _ = try StepFolder(path: folder.path).readRecord().json()
    }
  }
}
