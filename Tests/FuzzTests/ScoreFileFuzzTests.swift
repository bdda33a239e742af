import Foundation
import GateOptimizer
import MapReporter
import Support
import TestSupport
import Testing
import Transformer

/// Files of head scores that others wrote, and zigzag's own.
extension FuzzTests {
  /// Reads a file for a model of 2 layers × 4 query heads and uses what it holds.
  private func use(_ path: String) throws {
    let scores = try HeadScoreFile(contentsOf: path).scores(layers: 2, queryHeads: 4)
    #expect(scores.values.count == scores.layers * scores.heads)
    let keyValueHeads = scores.heads.isMultiple(of: 2) ? scores.heads / 2 : scores.heads
    let own = scores.unit == .query ? keyValueHeads : scores.heads
    #expect(scores.gates(keyValueHeads: own).values.allSatisfy { (0...1).contains($0) })
    #expect(
      scores.gates(keyValueHeads: own, grouping: .mean).values.allSatisfy { (0...1).contains($0) })
    let record = ScoreRecord(method: "fuzz", scores: scores, keyValueHeads: own)
    for format in HeadScoreFormat.allCases {
      guard let bytes = try written(record, format, path) else { continue }
      let content = FileContent(bytes)
      #expect(HeadScoreFormat(content, path: "") == format)
      let again = try HeadScoreFile(bytes, content, format, path: path)
      if format == .zigzag { #expect(again.record == record) }
    }
  }

  /// A file of a format; nil where it has no room, which is said in words.
  private func written(
    _ record: ScoreRecord, _ format: HeadScoreFormat, _ path: String
  ) throws -> Data? {
    do {
      return try format.bytes(of: record, file: path)
    } catch {
      guard case .invalid = error, format != .zigzag else { throw error }
      return nil
    }
  }

  @Test func headScores() throws {
    var record = ScoreRecord(
      method: "qrhead",
      scores: HeadScores(unit: .query, rows: [[0.5, -1, 2, 0], [1, 0, 0, 0.25]]),
      keyValueHeads: 2)
    record.settings = ["late": "yes"]
    (record.samples, record.seed) = (3, 1)
    let corpus = [
      #"[["1-3", 0.5], ["0-0", 0.25], ["0-1", -1]]"#,
      #"{"args": {"a": [1]}, "head_score_list": [["1-3", 0.5], ["0-0", 0.25]]}"#,
      "model_base_class: x\nattn_head_set: \"1-3,0-0\"  # best\n", "attn_head_set: 0-0, 1-1\n",
      try record.json(),
    ].map { Array($0.utf8) }
    let words = [
      "0-0", "1-1", "4095-0", "1e101", "attn_head_set", "head_score_list", "query", "key-value",
      "zigzag-head-scores", "full_heads", "layers",
    ]
    try FuzzCampaign(
      parser: "head-scores", suffix: ".json", seeds: corpus,
      mutate: TextMutator(corpus: corpus, words: words).callAsFunction
    ).run(use)
  }

  @Test func headScoreTensors() throws {
    let published = try ["llama3.1-8b", "qwen2.5-7b"].map {
      try FuzzCorpus.fixture("GateOptimizerTests/Fixtures/kvzip/\($0)-scbench_qa_eng-0.pt")
    }
    let own = [UInt8](
      try HeadScoreFormat.kvzip.bytes(
        of: ScoreRecord(
          method: "x", scores: HeadScores(unit: .keyValue, rows: [[1, 0.5], [0.25, 0]]),
          keyValueHeads: 2), file: "seed"))
    let corpus = published + [own]
    let archives = try corpus.map { try StoredZip.entries(of: $0, path: "seed") }
    try FuzzCampaign(parser: "kvzip", suffix: ".pt", seeds: corpus) { random in
      if random.chance(3) { return ByteMutator(corpus: corpus)(&random) }
      // Damage that the checksums of the archive do not give away.
      var entries = random.pick(archives)
      let index = random.chance(4) ? random.below(entries.count) : 0
      let damaged = ByteMutator(
        corpus: [entries[index].bytes], keepsLength: !random.chance(3))(&random)
      entries[index] = .init(name: entries[index].name, bytes: damaged)
      return StoredZip.archive(of: entries)
    }.run(use)
  }

  /// The one reader of everything that may stand where gates do.
  @Test func importedFiles() throws {
    let map = try FuzzCorpus.fixture("MapReporterTests/Fixtures/headmap.json")
    let corpus =
      [
        #"{"0-0": [0.5], "0-1": [0], "0-2": [1], "0-3": [0], "1-0": [0], "1-1": [0], "1-2": [0], "1-3": [2]}"#,
        #"[["1-3", 0.5], ["0-0", 0.25], ["0-1", -1]]"#, "attn_head_set: 1-3,0-0\n",
        "0.5\t1\n0\t0.25\n", "1\t0\n0\t1\n", "streaming,loss,retrieval\n0,0,0 1\n1,0.1,1\n2,0.2,\n",
      ].map { Array($0.utf8) }
    let model = HeadMap.Model(layers: 2, queryHeads: 4, keyValueHeads: 2)
    try FuzzCampaign(
      parser: "imported", suffix: "", seeds: corpus,
      mutate: TextMutator(corpus: corpus + [map], words: ["head_full", "0-0", "attn_head_set"])
        .callAsFunction
    ).run { path in
      for use in [ImportedFile.Use.measuring(nil), .starting] {
        let file = try ImportedFile(
          path, model: model, space: MapSpace(layers: 2, heads: 2), for: use)
        let gates = file.content.asGates
        #expect((gates.layers, gates.heads) == (2, 2))
      }
    }
  }
}
