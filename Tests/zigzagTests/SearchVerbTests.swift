import Foundation
import TestSupport
import Testing

/// Searched maps through the tool: found, named, gone on with, and forgotten.
@Suite struct SearchVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 3, checkpointEvery: 2), to: "run.yaml")
  }

  @Test func layersAndHeadsAreSearched() throws {
    let outcome = try scratch.zigzag("search", "run.yaml", "--set", "search.units=[layers, heads]")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == "runs/tiny/search-layers.csv\nruns/tiny/search-heads.csv\n")
    let layers = try scratch.text(of: "runs/tiny/search-layers.csv").split(separator: "\n")
    #expect(layers.count == 4 && layers[0] == "streaming,loss,retrieval")
    #expect(layers[1] == "0,0.0,0 1" && layers[3].hasPrefix("2,") && layers[3].hasSuffix(","))
    let heads = try scratch.text(of: "runs/tiny/search-heads.csv").split(separator: "\n")
    #expect(heads.count == 4 && heads[1].contains("0.0 0.1"))
    // Nothing of the way there is left.
    #expect(
      !scratch.holds("runs/tiny/search-layers.json")
        && !scratch.holds("runs/tiny/search-heads.json"))
    // Streaming everywhere is the same map, whichever way it was reached.
    #expect(layers[3].split(separator: ",")[1] == heads[3].split(separator: ",")[1])
  }

  @Test func searchIsACriterionOfARun() throws {
    #expect(try scratch.zigzag("search", "run.yaml", "-q").code == 0)
    let kept = try scratch.text(of: "runs/tiny/search-layers.csv").split(separator: "\n")[2]
      .split(separator: ",")[2]
    let ranked = try scratch.zigzag(
      "rank", "runs/tiny", "--sparsity", "0.5", "--criterion", "search", "--json")
    #expect(ranked.code == 0, "\(ranked.errors)")
    #expect(
      ranked.output.filter { !$0.isWhitespace }.contains("\"retrieval_layers\":[\(kept)]"))
    let exported = try scratch.zigzag(
      "export", "runs/tiny", "--sparsity", "0.5", "--criterion", "search", "--format", "headmap")
    #expect(exported.code == 0, "\(exported.errors)")
  }

  /// Where prompts lie changes no result, and a prompt without a place is told of.
  @Test func promptsLieInMemoryOrInAFile() throws {
    let search = [
      "search", "run.yaml", "--set", "window.phase=decode", "--set", "search.units=[layers, heads]",
      "--set", "search.starts=[periodic, one-layer-back]",
    ]
    func table(_ runs: String, _ more: [String]) throws -> (text: String, errors: String) {
      let outcome = try ToolRunner.run(
        search + more.flatMap { ["--set", $0] } + ["--runs", runs], in: scratch.path)
      #expect(outcome.code == 0, "\(outcome.errors)")
      let files = ["search-layers.csv", "search-heads.csv", "one-layer-back.csv"]
      return (
        try files.map { try scratch.text(of: "\(runs)/tiny/\($0)") }.joined(), outcome.errors
      )
    }
    let memory = try table("memory", [])
    let file = try table("file", ["compute.memory_budget=0", "compute.prompt_files=1MiB"])
    let neither = try table("neither", ["compute.memory_budget=0"])
    #expect(file.text == memory.text && neither.text == memory.text)
    #expect(!memory.errors.contains("read again") && !file.errors.contains("read again"))
    // Once, though the heads are searched too and layers are put back one by one.
    #expect(
      neither.errors.components(separatedBy: "read again for each round; raise compute").count == 2,
      "\(neither.errors)")
    // Nothing is left of the file.
    let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path("file/tiny"))
    #expect(!left.contains { $0.hasPrefix(".prompts") }, "\(left)")
    let share = try scratch.zigzag("search", "run.yaml", "--set", "compute.prompt_files=60%")
    #expect(share.code == 64 && share.errors.contains("compute.prompt_files is a share of free"))
  }

  /// Scores that a search begins at are computed before it; with others it is another search.
  @Test func scoresComeBeforeASearchThatBeginsAtThem() throws {
    try scratch.write(
      ScoredRun.configuration(
        scores: "{methods: [mean-qk, lazy], samples: 2, context: 300, documents: 3}"
      )
      .replacing("criteria: [max], spars", with: "criteria: [search, max], spars")
      .replacing(
        "search: {samples: 1, ",
        with: "search: {samples: 1, starts: [rankings, scores], units: [layers, heads], "),
      to: "scored.yaml")
    func search(_ more: String...) throws -> String {
      let outcome = try ToolRunner.run(
        ["search", "scored.yaml", "-q"] + more.flatMap { ["--set", $0] }, in: scratch.path)
      #expect(outcome.code == 0, "\(outcome.errors)")
      return try scratch.text(of: "runs/small/results.json")
    }
    let first = try search()
    for method in ["mean-qk", "lazy"] { #expect(scratch.holds("runs/small/heads-\(method).json")) }
    let ledger = try JSONDecoder().decode([String: [String: String]].self, from: Data(first.utf8))
    for unit in ["layers", "heads"] {
      let made = try #require(ledger["search-\(unit).csv"])
      #expect(made["file heads-mean-qk.json"] == ledger["heads-mean-qk.json"]?["content"])
      #expect(made["file heads-lazy.json"]?.count == 64)
    }
    #expect(try search() == first)
    let second = try JSONDecoder().decode(
      [String: [String: String]].self, from: Data(try search("scores.samples=3").utf8))
    #expect(
      second["search-heads.csv"]?["file heads-mean-qk.json"]
        != ledger["search-heads.csv"]?["file heads-mean-qk.json"])
    // Fewer or other maps to begin at are another search, though no score is another one.
    var choices: Set<String> = []
    for choice in ["scores.methods=[mean-qk]", "scores.group=mean"] {
      let made = try JSONDecoder().decode(
        [String: [String: String]].self,
        from: Data(try search("scores.samples=3", choice).utf8))["search-heads.csv"]
      #expect(
        made?["file heads-mean-qk.json"] == second["search-heads.csv"]?["file heads-mean-qk.json"])
      choices.insert(made?["choice of the starting scores"] ?? "")
    }
    #expect(choices == ["mean-qk by max", "mean-qk, lazy by mean"])
    expectRefusal(
      try scratch.zigzag("search", "scored.yaml", "--set", "scores.methods=[]"), code: 64,
      saying: "search.starts has scores, but scores.methods is empty")
    expectRefusal(
      try scratch.zigzag("search", "scored.yaml", "--set", "scores.context=100000"), code: 64,
      saying: "scores.context")
  }

  @Test func gatesAloneCannotBeSearched() throws {
    try scratch.write("0.1\t0.1\n0.9\t0.0\n", to: "gates.tsv")
    let outcome = try scratch.zigzag(
      "rank", "gates.tsv", "--sparsity", "0.5", "--criterion", "search")
    #expect(outcome.code == 64)
    #expect(outcome.errors.contains("expected a run folder with the maps that were searched"))
    let none = try scratch.zigzag(
      "run", "run.yaml", "--set", "ranking.criteria=[search]", "--set", "search.units=[]")
    #expect(none.code == 64)
    #expect(none.errors.contains("ranking.criteria has search, but search.units"))
  }

  @Test func otherSettingsAreSearchedAnew() throws {
    #expect(try scratch.zigzag("search", "run.yaml", "-q").code == 0)
    let table = try scratch.text(of: "runs/tiny/search-layers.csv")
    func written() throws -> Date? {
      let path = scratch.path("runs/tiny/search-layers.csv")
      return try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    }
    let first = try #require(try written())
    // The same settings keep what is there, others do not.
    #expect(try scratch.zigzag("search", "run.yaml", "-q").code == 0)
    #expect(try written() == first)
    #expect(try scratch.zigzag("search", "run.yaml", "-q", "--set", "search.samples=3").code == 0)
    #expect(try written() != first)
    #expect(try scratch.text(of: "runs/tiny/search-layers.csv") != table)
  }

  @Test func aKilledSearchEndsWithTheSameBytes() throws {
    let search = ["search", "run.yaml", "-q", "--set", "search.samples=64"]
    #expect(try ToolRunner.run(search + ["--runs", "whole"], in: scratch.path).code == 0)
    let whole = try scratch.text(of: "whole/tiny/search-layers.csv")
    #expect(
      try scratch.zigzag("calibrate", "run.yaml", "-q", "--set", "search.samples=64").code == 0)
    var chance = TestRandom(seed: 22)
    for _ in 0..<25 {
      let output = try TemporaryFolder()
      let process = try ToolRunner.start(search, in: scratch.path, scratch: output)
      Thread.sleep(forTimeInterval: Double.random(in: 0..<0.3, using: &chance))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      if scratch.holds("runs/tiny/search-layers.csv") {
        #expect(try scratch.text(of: "runs/tiny/search-layers.csv") == whole)
        try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/search-layers.csv"))
      }
    }
    #expect(try ToolRunner.run(search, in: scratch.path).code == 0)
    #expect(try scratch.text(of: "runs/tiny/search-layers.csv") == whole)
  }

  /// Starts a search and kills it once it has left its state; returns that, or nil if it was too fast.
  private func interrupted(_ search: [String]) throws -> String? {
    let (path, output) = ("runs/tiny/search-layers.json", try TemporaryFolder())
    let process = try ToolRunner.start(search, in: scratch.path, scratch: output)
    while process.isRunning && !scratch.holds(path) { Thread.sleep(forTimeInterval: 0.0005) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return scratch.holds(path) ? try scratch.text(of: path) : nil
  }

  /// What is stored on the way is worth less than an answer: a damaged file is begun again.
  @Test func damagedStatesAreBegunAgain() throws {
    let search = ["search", "run.yaml", "-q", "--set", "search.samples=200"]
    #expect(try ToolRunner.run(search + ["--runs", "whole"], in: scratch.path).code == 0)
    let whole = try scratch.text(of: "whole/tiny/search-layers.csv")
    #expect(
      try scratch.zigzag("calibrate", "run.yaml", "-q", "--set", "search.samples=200").code == 0)
    let state = try #require(try interrupted(search))
    let damages: [String] = [
      "", "{}", state.replacing(/"removed":\d/, with: "\"removed\":9"),
      state.replacing("\"kept\":[", with: "\"kept\":[true,"),
      state.replacing("\"estimates\":[", with: "\"estimates\":[0.5,"),
      state.replacing("\"losses\":{", with: "\"losses\":{\"1\":[0],"),
    ]
    for damaged in damages {
      #expect(damaged != state)
      try scratch.write(damaged, to: "runs/tiny/search-layers.json")
      let outcome = try ToolRunner.run(search, in: scratch.path)
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(!outcome.errors.contains("continues"))
      #expect(try scratch.text(of: "runs/tiny/search-layers.csv") == whole)
      try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/search-layers.csv"))
    }
  }

  @Test(arguments: [
    ("search.loss=hope", "search.loss is hope; it must be one of kl, hidden, relative, nll"),
    ("search.units=[layers, layers]", "search.units names one thing twice"),
    ("search.samples=0", "search.samples is 0; it must be at least 1"),
    ("search.sparsities=[1.5]", "search.sparsities is 1.5"),
    ("search.context=9", "search.context is 9 tokens"),
    ("search.swaps=1", "search.swaps is not a setting"),
  ])
  func impossibleSettingsAreRefused(setting: String, problem: String) throws {
    let outcome = try scratch.zigzag("search", "run.yaml", "--set", setting)
    #expect(outcome.code == 64)
    #expect(outcome.errors.contains(problem), "\(outcome.errors)")
  }
}
