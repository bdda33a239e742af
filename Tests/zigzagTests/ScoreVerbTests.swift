import Foundation
import GateOptimizer
import TestSupport
import Testing

/// Scores of heads through the tool: computed, kept, gone on with, measured, and refused.
@Suite struct ScoreVerbTests {
  private let scratch: TemporaryFolder
  private static let methods = [
    "qrhead", "multimodal", "evaluator", "kvzip", "mean-qk", "one-layer-back", "lazy",
  ]

  init() throws {
    scratch = try TemporaryFolder()
    try scratch.write(
      ScoredRun.configuration(
        scores: """
          {methods: [\(Self.methods.joined(separator: ", "))], samples: 2, context: 300, documents: 4,
            masking: {heads: [2, 5], samples: 2, seeds: [1]}}
          """), to: "run.yaml")
  }

  private func record(_ method: String, _ runs: String = "runs") throws -> ScoreRecord {
    try ScoreRecord(contentsOf: scratch.path("\(runs)/small/heads-\(method).json"))
  }

  @Test func everyMethodOnTheSameSamplesToTheReport() throws {
    let outcome = try scratch.zigzag("score", "run.yaml")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      outcome.output
        == Self.methods.map { "runs/small/heads-\($0).json\n" }.joined())
    #expect(!scratch.holds("runs/small/gates.tsv"))
    for method in Self.methods {
      let record = try record(method)
      #expect(record.method == method && record.scores.layers == 8)
      #expect(Set(record.scores.values).count > 4, "\(method)")
      #expect(record.model?.weightsSHA256?.count == 64 && record.seed == 0)
      #expect(record.samples == (method == "lazy" ? 8 : method == "one-layer-back" ? 1 : 2))
    }
    #expect(try record("qrhead").settings["scores.wording.null"] == "N/A")
    // No head, two numbers of heads of each of the six methods that rank heads and of one seed; both kinds.
    let masking = try scratch.text(of: "runs/small/masking.csv").split(separator: "\n")
    #expect(masking.count == 1 + 2 * (1 + 2 * 6 + 2))
    // Nothing is computed again, and the same bytes come from a fresh folder.
    let files = Self.methods.map { "small/heads-\($0).json" } + ["small/masking.csv"]
    let again = try scratch.zigzag("score", "run.yaml")
    #expect(again.code == 0 && !again.errors.contains("score 0/2"))
    #expect(try scratch.zigzag("score", "run.yaml", "--runs", "others", "-q").code == 0)
    for file in files {
      #expect(try scratch.text(of: "runs/\(file)") == scratch.text(of: "others/\(file)"), "\(file)")
    }
    // The run measures the maps of all of them.
    let run = try scratch.zigzag("run", "run.yaml", "-q")
    #expect(run.code == 0, "\(run.errors)")
    let curves = try scratch.text(of: "runs/small/curves.csv")
    for method in Self.methods where method != "one-layer-back" {
      #expect(curves.contains("score:\(method):head-mixed,"), "\(method)")
      #expect(curves.contains("score:\(method):layer:max,"), "\(method)")
    }
    #expect(!curves.contains("score:one-layer-back:head-mixed"))
    let page = try scratch.text(of: "runs/small/report.html")
    #expect(page.contains("Who finds which heads") && page.contains("Learned gates"))
    #expect(scratch.holds("runs/small/figures/scores-masked-zero.svg"))
    // Where the settings of scores change, they are made again; a wrong shape is refused by its place.
    let other = try scratch.zigzag("score", "run.yaml", "--set", "scores.rows=3")
    #expect(other.code == 0 && other.errors.contains("made again"), "\(other.errors)")
    // The scores are a file like any other.
    let ranked = try scratch.zigzag(
      "rank", "runs/small/heads-qrhead.json", "--sparsity", "0.5", "--json")
    #expect(ranked.code == 0, "\(ranked.errors)")
  }

  @Test func questionsOfAFile() throws {
    let line =
      #"{"query": "What is the colour of the boat?", "documents": ["#
      + #"{"title": "Sea", "text": "The boat of Emma is red and old."}, "The house of Boris is white."], "#
      + #""gold": [0], "answer": "red and old"}"#
    try scratch.write(line + "\n" + line + "\n", to: "questions.jsonl")
    let outcome = try scratch.zigzag(
      "score", "run.yaml", "-q", "--method", "qrhead", "--set", "scores.file=questions.jsonl",
      "--set", "scores.masking.heads=[]")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try record("qrhead")
    #expect(found.texts.keys.contains("questions.jsonl"))
    #expect(!scratch.holds("runs/small/masking.csv"))
  }

  @Test(
    arguments: [
      (#"{"query": "q", "documents": ["a"], "gold": [1]}"#, ["line 1: gold", "from 0 to 0", "1"]),
      (#"{"query": "q", "documents": ["a"], "gold": [1e20]}"#, ["line 1: gold", "1e+20"]),
      (
        #"{"query": "q", "documents": ["a 1"], "gold": [0], "answer": "[1]"}"#,
        ["the answer", "no such"]
      ),
      (#"{"query": " ", "documents": ["a"], "gold": [0]}"#, ["line 1: query", "blanks"]),
      (#"{"query": "N/A", "documents": ["a"], "gold": [0]}"#, ["asks something", "N/A"]),
      (#"{"query": "q", "documents": [], "gold": [0]}"#, ["line 1: documents", "none"]),
      (
        #"{"query": "q", "documents": ["a", {"title": "t"}], "gold": [0]}"#,
        ["documents 1", "text"]
      ),
      (#"{"query": "q", "documents": ["a"]}"#, ["line 1: gold", "no such field"]),
      (#"{"query": "q", "documents": ["a"], "gold": [0, 0]}"#, ["once", "0 twice"]),
      (
        #"{"query": "q", "documents": ["a"], "gold": [0], "answer": "b"}"#,
        ["the answer", "no such"]
      ),
      (#"{"query": "q", "documents": "a"}"#, ["line 1: documents", "a list"]),
      ("[1]", ["line 1", "an object"]), ("", ["a question", "none"]), ("{", ["not valid JSON"]),
    ])
  func aBadFileIsOneSentence(text: String, words: [String]) throws {
    try scratch.write(text + "\n", to: "bad.jsonl")
    let outcome = try scratch.zigzag(
      "score", "run.yaml", "-q", "--method", "qrhead", "--set", "scores.file=bad.jsonl",
      "--set", "scores.samples=1")
    #expect(outcome.code == 65, "\(outcome.errors)")
    let sentence = outcome.errors
    #expect(
      sentence.contains("bad.jsonl") && sentence.split(separator: "\n").count == 1, "\(sentence)")
    for word in words { #expect(sentence.contains(word), "\(word): \(sentence)") }
  }

  @Test func anAnswerIsMissingOnALine() throws {
    try scratch.write(
      "\n" + #"{"query": "q", "documents": ["a"], "gold": [0]}"# + "\n", to: "bad.jsonl")
    let outcome = try scratch.zigzag(
      "score", "run.yaml", "-q", "--method", "retrieval-head", "--set", "scores.file=bad.jsonl",
      "--set", "scores.samples=1")
    expectRefusal(outcome, code: 65, saying: "bad.jsonl: line 2: expected an answer that stands in")
  }

  @Test(
    arguments: [
      (["--method", "qrhead", "--method", "qrhead"], ["--method names qrhead twice"]),
      (["--method", "qrhead", "--set", "scores.context=90"], ["scores.context", "is 90"]),
      (
        ["--method", "qrhead", "--set", "scores.documents=25"],
        ["scores.documents", "is 25, but scores.task.keys has 24 names"]
      ),
      (
        ["--method", "qrhead", "--set", "scores.wording.form=llama3"],
        ["scores.wording.form", "llama3"]
      ),
      (["--set", "scores.methods=[]"], ["names no methods"]),
      (["--set", "scores=[qrhead, qrhead]"], ["scores.methods", "twice"]),
      (["--set", "scores=[qr]"], ["qr", "qrhead"]),
      (
        ["--set", "scores.masking.heads=[99999]"], ["scores.masking.heads", "99999", "query heads"]
      ),
      (["--set", "scores.distances=99999"], ["scores.distances", "99999", "at most"]),
      (
        ["--method", "retrieval-head", "--set", "scores.max_new_tokens=4000"],
        ["scores.methods", "retrieval-head", "positions"]
      ),
    ])
  func aBadSettingIsOneSentence(arguments: [String], words: [String]) throws {
    let outcome = try ToolRunner.run(["score", "run.yaml", "-q"] + arguments, in: scratch.path)
    #expect(outcome.code == 64, "\(outcome.errors)")
    for word in words { #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)") }
  }
}

/// Scores in the files of other tools.
@Suite struct ConvertVerbTests {
  private let scratch: TemporaryFolder
  private static let rows = [[0.5, 0.25, 0, 1], [0.75, 0.125, 0.5, 0.0625]]

  init() throws {
    scratch = try TemporaryFolder()
    let record = ScoreRecord(
      method: "qrhead", scores: HeadScores(unit: .query, rows: Self.rows), keyValueHeads: 2)
    try scratch.write(try record.json(), to: "own.json")
  }

  @Test func everyFormatReadsBack() throws {
    let formats = HeadScoreFormat.allCases
    let outcome = try ToolRunner.run(
      ["convert", "own.json", "--top", "3", "--out", "out"]
        + formats.flatMap { ["--format", $0.rawValue] }, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == formats.map { "out/\($0.fileName)\n" }.joined())
    for format in formats {
      let file = try HeadScoreFile(contentsOf: scratch.path("out/\(format.fileName)"))
      #expect(file.format == format)
      let scores = try file.scores(layers: 2, queryHeads: 4)
      switch format {
      case .kvzip, .duoAttention: #expect(scores.rows == [[0.5, 1], [0.75, 0.5]], "\(format)")
      case .qrHeadSet: #expect(scores.ranked.prefix(3).map(\.description) == ["0-3", "1-0", "0-0"])
      default: #expect(scores.rows == Self.rows, "\(format)")
      }
    }
    let listed = try scratch.zigzag("convert", "out/qrhead-set.yaml", "--top", "0")
    #expect(listed.code == 64 && listed.errors.contains("--top is 0"))
    let open = try scratch.zigzag("convert", "out/qrhead-set.yaml")
    #expect(open.code == 65 && open.errors.contains("--model"))
    let few = try scratch.zigzag("convert", "own.json", "--top", "9")
    expectRefusal(few, code: 64, saying: "--top is 9, but own.json has 8 heads")
    let twice = try scratch.zigzag(
      "convert", "own.json", "--format", "qrhead", "--format", "qrhead")
    expectRefusal(twice, code: 64, saying: "--format names qrhead twice")
  }

  /// How many query heads share a key-value head is not guessed.
  @Test func keyValueHeadsAreNotGuessed() throws {
    let heads = (0..<2).flatMap { layer in (0..<4).map { "\"\(layer)-\($0)\": [0.5]" } }
      .joined(separator: ", ")
    try scratch.write("{\(heads)}", to: "copies.json")
    for format in ["kvzip", "duo-attention", "zigzag"] {
      let outcome = try scratch.zigzag(
        "convert", "copies.json", "--format", "qrhead", "--format", format, "--out", "out")
      expectRefusal(outcome, code: 64, saying: "\(format) needs to know how many share")
    }
    #expect(!scratch.holds("out"))
    let list = try scratch.zigzag(
      "convert", "copies.json", "--format", "qrhead", "--out", "out", "-q")
    #expect(list.code == 0, "\(list.errors)")
    let ranked = try scratch.zigzag("rank", "copies.json", "--sparsity", "0.5")
    expectRefusal(ranked, code: 64, saying: "by --kv-heads or --model, found none")
    // Scores that are all the same decide nothing.
    let equal = try scratch.zigzag("rank", "copies.json", "--kv-heads", "2", "--sparsity", "0.5")
    #expect(equal.code == 0)
    #expect(equal.errors.contains("copies.json has the same score, 0.5, for all heads"))
  }

  /// Lists and sets name no head that the file did not name, and files of all heads say what the others count as.
  @Test func headsThatAreNotNamedAreNotAdded() throws {
    try scratch.write("attn_head_set: \"1-4,0-2,7-5\"\n", to: "set.yaml")
    try scratch.write(#"[["0-2", 0.25], ["7-5", 0], ["1-4", 0.5]]"#, to: "list.json")
    for name in ["set.yaml", "list.json"] {
      let names = ["qrhead", "qrhead-set", "mmrethead"]
      let outcome = try ToolRunner.run(
        ["convert", name, "--model", EmbeddedModel.path, "--out", name + ".out"]
          + names.flatMap { ["--format", $0] }, in: scratch.path)
      #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
      for file in ["qrhead.json", "qrhead-set.yaml", "mmrethead.json"] {
        let read = try HeadScoreFile(contentsOf: scratch.path("\(name).out/\(file)"))
        guard case .list(let list) = read.content else {
          Issue.record("\(file) is no list")
          continue
        }
        #expect(list.places.map(\.description) == ["1-4", "0-2", "7-5"], "\(file) of \(name)")
      }
      let listed = try scratch.zigzag("convert", name, "--model", EmbeddedModel.path)
      #expect(listed.output.split(separator: "\n").count == 4, "\(listed.output)")
      let whole = try scratch.zigzag(
        "convert", name, "--model", EmbeddedModel.path, "--format", "zigzag", "--out", "whole")
      #expect(whole.code == 0)
      #expect(whole.errors.contains("\(name) names 3 of 48 query heads"), "\(whole.errors)")
    }
  }

  @Test func theBestAreListed() throws {
    let outcome = try scratch.zigzag("convert", "own.json", "--top", "2")
    #expect(outcome.code == 0)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 3 && lines[0].contains("2 layers of 4 query heads"))
    #expect(lines[1].contains("0-3") && lines[1].contains("1.000000"))
    #expect(lines[2].contains("1-0") && lines[2].contains("0.750000"))
  }

  /// What has no room is refused before anything is written.
  @Test func keyValueHeadsAreNoQueryHeads() throws {
    try scratch.write("0.5\t1\n0\t0.25\n", to: "gates.tsv")
    let outcome = try scratch.zigzag(
      "convert", "gates.tsv", "--format", "kvzip", "--format", "qrhead", "--out", "none")
    expectRefusal(
      outcome, code: 65, saying: "gates.tsv: the scores: expected scores of query heads")
    #expect(!scratch.holds("none/kvzip.pt"))
  }
}

/// Runs of few steps and samples that score heads.
enum ScoredRun {
  /// The configuration of a run of `model`; `scores` is its section, in YAML's flow style.
  static func configuration(_ model: String = EmbeddedModel.path, scores: String) -> String {
    """
    name: small
    model: \(model)
    window: {sink: 4, recent: 32}
    calibration: {steps: 2, context_min: 160, context_max: 160}
    task: {passkeys: 1, length: 4}
    search: {samples: 1, context: 160}
    ranking: {criteria: [max], sparsities: [0.5]}
    scores: \(scores)
    evaluation:
      context: 160
      samples: 2
      sparsities: [0.5]
      tasks: [{name: words, task: {passkeys: 1, length: 4}}]
      criteria: [max]
      random_layer_seeds: []
      random_head_seeds: []
      baselines: []
      deployments: [{}]
      bootstrap: 50

    """
  }
}
