import Foundation
import TestSupport
import Testing

@Suite struct RankVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    // The largest gates are in layers 1 and 3, the largest sums in layers 2 and 3.
    try scratch.write("0.1\t0.1\n0.9\t0.0\n0.5\t0.6\n0.9\t0.8\n", to: "gates.tsv")
  }

  private struct Ranked: Decodable {
    let retrieval_layers: [Int]
    let streaming_layers: [Int]
    let sparsity_achieved: Double
    let cost: Double
  }

  private func rank(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(["rank", scratch.path("gates.tsv")] + arguments)
  }

  @Test(arguments: [("max", [1, 3]), ("balance", [2, 3])])
  func aTableIsRankedWithoutAModel(criterion: String, retrieval: [Int]) throws {
    let outcome = try rank("--sparsity", "0.5", "--criterion", criterion, "--json")
    #expect(outcome.code == 0)
    let map = try JSONDecoder().decode(Ranked.self, from: Data(outcome.output.utf8))
    #expect(map.retrieval_layers == retrieval)
    #expect(map.streaming_layers == [0, 1, 2, 3].filter { !retrieval.contains($0) })
    #expect(map.sparsity_achieved == 0.5)
  }

  @Test func peopleGetATable() throws {
    let outcome = try rank("--sparsity", "0.25")
    #expect(outcome.code == 0)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.hasPrefix("4 layers of 2 key-value heads by max: 1 stream"))
    #expect(outcome.output.contains("    0   0.100000  streaming\n"))
  }

  @Test func aRunFolderIsRankedByItsGates() throws {
    let outcome = try ToolRunner.run(["rank", scratch.path, "--sparsity", "1"])
    #expect(outcome.code == 0)
    #expect(!outcome.output.contains("retrieval"))
  }

  /// RLKV names its tables so, and lets values leave 0…1 a little.
  @Test func aFolderOfRLKVIsRanked() throws {
    let folder = try TemporaryFolder()
    try folder.write("-0.0106\t0.2\n1.0078\t0.1\n0.5\t0.4\n", to: "adapter_weights.tsv")
    try folder.write("{\"sink_size\": 16, \"recent_size\": 64}", to: "config.json")
    let outcome = try ToolRunner.run(["rank", folder.path, "--sparsity", "0.5"])
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("    1   1.000000  retrieval\n"))
    #expect(outcome.output.contains("    0   0.200000  streaming\n"))
    let window = try ToolRunner.run(
      ["export", folder.path, "--sparsity", "0.5", "--format", "duo-attention", "--out"]
        + [folder.path("out")])
    #expect(window.code == 0, "\(window.errors)")
  }

  @Test func aFolderOfTwoTablesIsRefused() throws {
    let folder = try TemporaryFolder()
    try folder.write("0.1\n0.2\n", to: "adapter_weights.tsv")
    try folder.write("0.2\n0.1\n", to: "full_attention_heads.tsv")
    expectRefusal(
      try ToolRunner.run(["rank", folder.path, "--sparsity", "0.5"]), code: 64,
      saying: "full_attention_heads.tsv and adapter_weights.tsv", "single table")
  }

  /// A head's mean may exceed 1; it is said, and no head ties with another for it.
  @Test func scoresAboveOneAreRankedAndSaid() throws {
    try scratch.write(
      "{\"0-0\": [1.06, 1.0], \"1-0\": [1.02], \"2-0\": [1.0], \"3-0\": [0.2]}", to: "s.json")
    let outcome = try ToolRunner.run(
      ["rank", scratch.path("s.json"), "--sparsity", "0.5", "--kv-heads", "1"])
    #expect(outcome.code == 0)
    #expect(outcome.errorLines.count == 1)
    #expect(outcome.errors.contains("the largest mean score is 1.03"))
    #expect(outcome.output.contains("    0   1.000000  retrieval\n    1   0.990291  retrieval\n"))
    #expect(outcome.output.contains("    2   0.970874  streaming\n"))
  }

  /// QRHead's set of the best heads, whose shape only the model tells.
  @Test func aSetOfHeadsIsRankedForItsModel() throws {
    try scratch.write("attn_head_set: \"2-1,0-2,0-3\"\n", to: "set.yaml")
    try scratch.write(
      #"{"model_type": "llama", "num_hidden_layers": 4, "num_attention_heads": 4, "#
        + #""num_key_value_heads": 2, "hidden_size": 8}"#, to: "model.json")
    let arguments = ["rank", scratch.path("set.yaml"), "--sparsity", "0.75"]
    expectRefusal(
      try ToolRunner.run(arguments), code: 65, saying: "set.yaml", "found 3 heads", "--model")
    let model = ["--model", scratch.path("model.json"), "--json"]
    for (group, kept) in [([], 2), (["--group", "max"], 2), (["--group", "mean"], 0)] {
      let outcome = try ToolRunner.run(arguments + model + group)
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("set.yaml names 3 of 16 query heads"))
      let map = try JSONDecoder().decode(Ranked.self, from: Data(outcome.output.utf8))
      #expect(map.retrieval_layers == [kept])
    }
  }

  /// KVzip's tensor says its key-value heads itself.
  @Test func aTensorIsRanked() throws {
    let tensor = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "../GateOptimizerTests/Fixtures/kvzip/qwen2.5-7b-scbench_qa_eng-0.pt"
    ).standardizedFileURL.path
    let arguments = ["rank", tensor, "--sparsity", "0.5"]
    let outcome = try ToolRunner.run(arguments)
    #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("28 layers of 4 key-value heads by max: 14 stream"))
    expectRefusal(
      try ToolRunner.run(arguments + ["--kv-heads", "4"]), code: 64,
      saying: "--kv-heads is for scores of query heads", "KVzip's tensor", "leave it out")
    expectRefusal(
      try ToolRunner.run(arguments + ["--group", "max"]), code: 64,
      saying: "expected query heads, which the group max makes one number of, found key-value heads"
    )
  }

  @Test func aFileOfNoKindIsRefusedInOneSentence() throws {
    try scratch.write("{\"a\": 1}", to: "odd.json")
    let path = scratch.path("odd.json")
    for arguments in [
      ["rank", path, "-s", "0.5"], ["export", path], ["export", path, "-s", "1"],
    ] {
      expectRefusal(
        try ToolRunner.run(arguments), code: 65,
        saying: "odd.json: the file: expected gates, scores of heads or a map",
        "QRHead's attn_head_set")
    }
  }

  @Test func aTableOfZerosAndOnesIsRankedAndSaid() throws {
    try scratch.write("1\t0\n0\t0\n0\t1\n0\t0\n", to: "gates.tsv")
    let outcome = try rank("--sparsity", "0.25", "--json")
    #expect(outcome.code == 0)
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains("gates.tsv holds only 0 and 1"))
    #expect(outcome.errors.contains("decides between equals"))
    let map = try JSONDecoder().decode(Ranked.self, from: Data(outcome.output.utf8))
    #expect(map.retrieval_layers.count == 3 && Set(map.retrieval_layers).isSuperset(of: [0, 2]))
  }

  @Test func whatIsChosenAlreadyIsNotRanked() throws {
    try scratch.write("streaming,loss,retrieval\n0,0,0\n1,0.1,\n", to: "search-layers.csv")
    expectRefusal(
      try ToolRunner.run(["rank", scratch.path("search-layers.csv"), "--sparsity", "0.5"]),
      code: 64, saying: "search-layers.csv must be a table of gates", "table of a search")
  }

  @Test(arguments: [
    (["-s", "-1"], "--sparsity is -1"), (["-s", "0.5", "--kv-heads", "-1"], "--kv-heads is for"),
    (["--sparsity", "1.5"], "--sparsity is 1.5"), (["--sparsity", "nan"], "--sparsity is nan"),
    (["--sparsity", "0.5", "--criterion", "best"], "best"),
    (["--sparsity", "0.5", "--criterion", "layer-gate"], "layer-gate"),
  ])
  func impossibleRequestsAreOneSentence(arguments: [String], found: String) throws {
    let outcome = try ToolRunner.run(["rank", scratch.path("gates.tsv")] + arguments)
    expectRefusal(outcome, code: 64, saying: found)
  }

  @Test func damagedTablesNameTheirPlace() throws {
    try scratch.write("0.1\t0.2\n0.3\tx\n", to: "gates.tsv")
    expectRefusal(try rank("--sparsity", "0.5"), code: 65, saying: "line 2, column 2")
    expectRefusal(
      try ToolRunner.run(["rank", scratch.path("none.tsv"), "--sparsity", "0.5"]), code: 66,
      saying: "none.tsv")
  }

  @Test func aFullStandardOutputIsNoticed() throws {
    let outcome = try ToolRunner.run(
      ["rank", scratch.path("gates.tsv"), "--sparsity", "0.5"], shell: "exec \"$@\" > /dev/full")
    expectRefusal(outcome, code: 74, saying: "standard output")
  }
}

/// Expects one sentence on standard error, nothing on standard output, and `code`.
func expectRefusal(
  _ outcome: ToolOutcome, code: Int32, saying words: String...,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: sourceLocation)
  #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
  #expect(outcome.errorLines.count == 1, "\(outcome.errors)", sourceLocation: sourceLocation)
  #expect(outcome.errors.hasPrefix("zigzag: "), sourceLocation: sourceLocation)
  // One full stop, or the question mark of a "did you mean" in its place.
  #expect(
    outcome.errors.contains(/[^.?!,;: ][.?]\n$/), "\(outcome.errors)",
    sourceLocation: sourceLocation)
  for doubled in ["?.", "?;", ".;", ":  ", ": ;", "NSCocoa", "Domain error"] {
    #expect(
      !outcome.errors.contains(doubled), "\(outcome.errors)", sourceLocation: sourceLocation)
  }
  for word in words {
    #expect(outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: sourceLocation)
  }
}
