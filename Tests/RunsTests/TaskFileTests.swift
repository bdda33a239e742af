import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import TestSupport
import Testing
import Transformer

@testable import Runs

/// Tasks from files and RULER's, measured on the model in data/ as the tool measures them.
@Suite struct TaskFileTests {
  private let scratch: TemporaryFolder
  private let model: RunModel
  private let full: HeadSet
  private let streaming: HeadSet
  private static let window = StreamingWindow(sink: 4, recent: 32)

  init() throws {
    scratch = try TemporaryFolder()
    let loaded = try ModelFile.open(path: EmbeddedModel.path)
    model = try RunModel(loaded)
    full = AttentionPattern.full(loaded.configuration).heads
    streaming = HeadSet(full.rows.map { $0.map { _ in false } })
  }

  /// A file of passkey samples: the text with its first question, and the passkey.
  private func passkeyFile(_ count: Int, context: Int = 384) throws -> String {
    let sampler = try PasskeySampler(
      task: .heldOutPasskeys, haystack: .generated(.coast), purpose: .evaluation,
      contextLengths: [context], seed: 5, tokenizer: model.tokenizer)
    let lines = try (0..<count).map { index in
      let sample = try sampler.sample(index: index)
      let answer = sample.answers[0]
      let fields = [
        "prompt": model.tokenizer.decode(Array(sample.tokens[..<answer.lowerBound])),
        "answer": model.tokenizer.decode(Array(sample.tokens[answer]))
          .trimmingCharacters(in: .whitespaces),
      ]
      return String(decoding: try JSONEncoder().encode(fields), as: UTF8.self) + "\n"
    }
    return try scratch.write(lines.joined(), to: "passkeys.jsonl")
  }

  private func task(_ yaml: String) throws -> EvaluationTask {
    try ConfigurationDocument(
      yaml: "name: n\nmodel: m\nevaluation: {tasks: [{name: t, \(yaml)}]}", path: "c.yaml"
    ).decode(RunConfiguration.self).evaluation.tasks[0]
  }

  private func scores(
    _ task: EvaluationTask, _ deployment: Deployment, samples: Int
  ) throws -> [[SampleScores]] {
    let scorer = try RunConfiguration(name: "t", model: "m").scorer(task, deployment, model)
    return try (0..<samples).map { index in
      var found = [SampleScores](repeating: SampleScores(), count: 2)
      try scorer.score([full, streaming], wanted: [true, true], sample: index) { found[$0] = $1 }
      return found
    }
  }

  /// The answers are generated, and are what the model has in its whole context.
  @Test(arguments: [Deployment.Phase.everywhere, .decode])
  func generatedAnswersAreJudged(phase: Deployment.Phase) throws {
    let path = try passkeyFile(4)
    let task = try task(
      "file: \(path), metric: [f1, exact, contains-any, tokens, nll], max_new_tokens: 40, stop: \"\\n\""
    )
    #expect(task.primaryMetric == .f1 && task.generates)
    let scores = try scores(task, Deployment(Self.window, phase: phase), samples: 4)
    func mean(_ metric: CurveMetric, _ map: Int) -> Double {
      let all = scores.map { $0[map].total(metric) }
      return all.reduce(0) { $0 + $1.sum } / Double(all.reduce(0) { $0 + $1.count })
    }
    let values = [0, 1].map { map in [.f1, .tokens, .likelihood].map { mean($0, map) } }
    // The model was made to look things up, not to stop behind them.
    #expect(values[0][0] > 0.6 && values[0][1] > 0.9 && values[0][2] < 0.5, "\(values)")
    #expect(values[1][0] < 0.3 && values[1][1] < 0.5 && values[1][2] > 2, "\(values)")
    #expect(mean(.containsAny, 0) > 0.9 && mean(.containsAny, 1) < 0.5)
    for sample in scores {
      #expect(sample[0].total(.f1).count == 1 && sample[0].total(.exact).count == 1)
      #expect(sample[0].total(.tokens).count == sample[0].total(.likelihood).count)
      // Whoever generates the right text predicts the right tokens.
      for map in sample where map.total(.containsAny).sum == 1 {
        #expect(map.total(.tokens).sum == Double(map.total(.tokens).count))
      }
    }
  }

  /// Maps of one prompt are decoded side by side, more of them than go into a group: none minds the others.
  @Test(arguments: [
    "preset: held-out-words, context: 384, decode: true", "file: FILE, metric: [f1, contains-any]",
  ])
  func aTextDoesNotDependOnOthers(yaml: String) throws {
    let path = try passkeyFile(1)
    let task = try task(yaml.replacingOccurrences(of: "FILE", with: path))
    let maps = (0..<11).map { index in
      HeadSet(
        full.rows.indices.map { layer in
          full.rows[layer].map { _ in (index >> (layer % 4)) & 1 == 0 }
        })
    }
    let scorer = try RunConfiguration(name: "t", model: "m").scorer(
      task, Deployment(Self.window, phase: .decode), model)
    func scores(_ wanted: [Bool]) throws -> [Int: SampleScores] {
      var found: [Int: SampleScores] = [:]
      try scorer.score(maps, wanted: wanted, sample: 0) { found[$0] = $1 }
      return found
    }
    let all = try scores(maps.map { _ in true })
    #expect(all.count == 11 && Set(all.values.map { $0.total(task.primaryMetric).sum }).count > 1)
    for place in [0, 7, 8, 10] {
      let alone = try scores(maps.indices.map { $0 == place })
      #expect(alone == [place: try #require(all[place])])
    }
  }

  /// Reading alone gives the same, and needs no generation.
  @Test func tokensNeedNoGeneration() throws {
    let path = try passkeyFile(2)
    let read = try task("file: \(path), metric: [tokens, nll]")
    #expect(!read.generates && read.primaryMetric == .tokens)
    let both = try task("file: \(path), metric: [f1, tokens, nll], max_new_tokens: 4")
    let deployment = Deployment(Self.window)
    for (one, other) in zip(
      try scores(read, deployment, samples: 2).joined(),
      try scores(both, deployment, samples: 2).joined())
    {
      #expect(one.total(.tokens) == other.total(.tokens))
      #expect(one.total(.likelihood) == other.total(.likelihood))
      #expect(one.total(.f1).count == 0 && other.total(.f1).count == 1)
    }
  }

  /// An answer of one token, which nothing but the prompt predicts, in every deployment.
  @Test(arguments: [Deployment.Phase.everywhere, .decode, .prompt])
  func answersOfOneToken(phase: Deployment.Phase) throws {
    let path = try scratch.write(#"{"prompt": "A b c", "answer": ","}"# + "\n", to: "one.jsonl")
    let task = try task("file: \(path), metric: [tokens, contains-any], max_new_tokens: 1")
    for map in try scores(task, Deployment(Self.window, phase: phase), samples: 1)[0] {
      #expect(map.total(.tokens).count > 0 && map.total(.containsAny).count == 1)
    }
  }

  /// What changes no sample of a file leaves its scores; what cuts them does not.
  @Test func scoresOfAFileBelongToItsOwnSettings() throws {
    func settings(_ task: String, _ more: String = "") throws -> [String: String]? {
      let document = try ConfigurationDocument(
        yaml: "name: n\nmodel: m\nevaluation: {\(more)tasks: [{name: t, file: f\(task)}]}",
        path: "c.yaml")
      return try RunConfiguration(document).sampleSettings()["t"]
    }
    let plain = try settings("")
    #expect(try settings("", "context: 2000, seed: 8, ") == plain)
    #expect(try settings(", samples: 3") == plain)
    for other in [", context: 1024", ", chat: chatml", ", skip: 1", ", metric: exact"] {
      #expect(try settings(other) != plain, "\(other)")
    }
  }

  @Test func linesInCommonAreCountedAsTheyAreTaken() throws {
    func notes(_ search: String, skip: Int) throws -> [String] {
      let document = try ConfigurationDocument(
        yaml: """
          name: n
          model: m
          calibration: none
          search: {samples: 12, tasks: [\(search)]}
          evaluation: {samples: 4, tasks: [{name: t, file: ./f.jsonl, skip: \(skip)}]}
          """, path: "c.yaml")
      return try RunConfiguration(document).overlapNotes
    }
    #expect(try notes("{file: f.jsonl}", skip: 11).count == 1)
    #expect(try notes("{file: f.jsonl}", skip: 12).isEmpty)
    // Two tasks take six each.
    #expect(try notes("{file: f.jsonl}, {kind: digits, alphabet: []}", skip: 6).isEmpty)
    #expect(try notes("{file: f.jsonl}, {kind: digits, alphabet: []}", skip: 5).count == 1)
    #expect(try notes("{file: g.jsonl}", skip: 0).isEmpty)
  }

  @Test func whatIsEasierThanItLooksIsSaid() throws {
    func notes(_ deployments: String, longest: Int) throws -> [String] {
      let document = try ConfigurationDocument(
        yaml: """
          name: n
          model: m
          window: {sink: 16, recent: 64}
          calibration: none
          evaluation:
            samples: 4
            deployments: [\(deployments)]
            tasks: [{name: t, file: f.jsonl}, {name: u, file: f.jsonl, format: longbench}]
          """, path: "c.yaml")
      var record = RunRecord()
      record.longest = ["t": longest, "u": 4096]
      return try RunConfiguration(document).sampleNotes(record)
    }
    let open = try notes("decode", longest: 81)
    #expect(open.count == 1 && open[0].contains("prompt of t has no {context}"))
    #expect(try notes("everywhere, {phase: decode, boundary: answer}", longest: 81).isEmpty)
    let short = try notes("everywhere", longest: 80)
    #expect(short.count == 1 && short[0].contains("samples of t take 80 tokens at most"))
    #expect(try notes("everywhere, decode", longest: 80).count == 3)
  }

  @Test func cellsTakeTurns() throws {
    let task = try task("ruler: {tasks: [fwe, niah_single_1], lengths: [480, 512]}, samples: 2")
    var settings = EvaluationSettings()
    settings.tasks = [task]
    #expect(settings.samples(of: task) == 8 && settings.context(of: task) == 512)
    let samples = try RunConfiguration(name: "t", model: "m").evaluationSamples(
      task, model.tokenizer, positions: 512)
    for index in 0..<8 {
      let sample = try samples.sample(index: index)
      #expect(sample.key?.references.count == (index % 2 == 0 ? 3 : 1))
      let end = sample.answers[0].lowerBound + (index % 2 == 0 ? 50 : 128)
      #expect(end <= (index % 4 < 2 ? 480 : 512) && end > (index % 4 < 2 ? 400 : 440))
    }
    #expect(try samples.sample(index: 0) != samples.sample(index: 4))
  }

  // MARK: A whole run

  private func run(_ yaml: String) throws -> ToolOutcome {
    let path = try scratch.write(yaml, to: "run.yaml")
    return try scratch.zigzag("run", path, "--runs", scratch.path("runs"), "--quiet")
  }

  private func configuration(_ tasks: String, search: String = "{units: []}") -> String {
    """
    name: files
    model: \(EmbeddedModel.path)
    window: {sink: 4, recent: 32}
    calibration: none
    search: \(search)
    ranking: {criteria: []}
    evaluation:
      samples: 3
      context: 384
      sparsities: [0, 0.5, 1]
      criteria: []
      random_layer_seeds: []
      random_head_seeds: []
      baselines: [alternating, first]
      bootstrap: 100
      deployments: [{phase: everywhere}]
      tasks: [\(tasks)]
    """
  }

  @Test func aRunJudgesMapsByAFileAndByRULER() throws {
    let path = try passkeyFile(4)
    let questions = "\(EmbeddedModel.repository)/data/questions.jsonl"
    let outcome = try run(
      configuration(
        """
        {name: keys, file: \(path), metric: [contains-any, tokens], max_new_tokens: 40},
            {name: ruler, ruler: {tasks: [niah_single_1, fwe], lengths: [480, 512]}, samples: 2},
            {name: book, file: \(questions), fields: {context: context, question: question, answers: answers},
             prompt: "{context} {question}", max_new_tokens: 8, truncation: middle, context: 300}
        """))
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains(
        "3 of the 3 samples of book are cut in the middle to its context of 300 tokens"))
    let folder = scratch.path("runs/files")
    let points = try CurveTable.read(from: URL(fileURLWithPath: "\(folder)/curves.csv"))
    let keys = points.filter { $0.task == "keys" }
    let whole = try #require(keys.first { $0.method == .full }?.estimate(.containsAny)?.value)
    let none = try #require(keys.first { $0.method == .streaming }?.estimate(.containsAny)?.value)
    #expect(whole > none && keys.allSatisfy { $0.samples == 3 && $0.tokens > 3 })
    #expect(points.contains { $0.task == "book" && $0.estimate(.f1) != nil })
    let places = try PlaceTable.parse(
      String(contentsOfFile: "\(folder)/places.csv", encoding: .utf8), path: "places.csv")
    let cells = places.filter { $0.method == .full && $0.task == "ruler" }.map(\.place)
    #expect(
      cells == [
        .task("niah_single_1", length: 480), .task("fwe", length: 480),
        .task("niah_single_1", length: 512), .task("fwe", length: 512),
      ])
    #expect(places.allSatisfy { $0.samples == 2 && $0.metric == .containsAll })
    let page = try String(contentsOfFile: "\(folder)/report.html", encoding: .utf8)
    #expect(page.contains("niah_single_1</th>"))
    #expect(page.contains("The average of the tasks by length in tokens"))
    #expect(page.contains("3 of the 3 samples of book are cut in the middle"))
    #expect(page.contains("Any answer contained"))
    let record = try #require(try RunRecord.read("\(folder)/run.json"))
    #expect(record.longest?["book"] == 300 && (441...512).contains(record.longest?["ruler"] ?? 0))
    // Another file is another task; that a task is gone changes nothing for the others.
    let alone = configuration(
      "{name: keys, file: \(path), metric: [contains-any, tokens], max_new_tokens: 40}")
    let config = try scratch.write(alone, to: "alone.yaml")
    func again() throws -> String {
      let outcome = try scratch.zigzag("run", config, "--runs", scratch.path("runs"))
      #expect(outcome.code == 0, "\(outcome.errors)")
      return outcome.errors
    }
    #expect(try !again().contains("task keys does not belong to what is there now"))
    _ = try passkeyFile(4, context: 360)
    let words = "task keys does not belong to what is there now"
    let errors = try again()
    #expect(errors.contains(words) && errors.contains("passkeys.jsonl is another file now"))
  }

  @Test func mapsAreSearchedForAFile() throws {
    let path = try passkeyFile(5)
    let search = "{samples: 3, context: 512, swap_rounds: 0, tasks: [{file: \(path)}]}"
    let outcome = try run(
      configuration(
        "{name: keys, file: \(path), metric: tokens, skip: 3, samples: 2}", search: search
      )
      .replacingOccurrences(of: "criteria: []", with: "criteria: [search]"))
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(!outcome.errors.contains("give one of them others with skip"))
    func page() throws -> String {
      try String(contentsOfFile: scratch.path("runs/files/report.html"), encoding: .utf8)
    }
    #expect(try page().contains("Measured on 2 held-out samples"))
    let points = try CurveTable.read(
      from: URL(fileURLWithPath: scratch.path("runs/files/curves.csv")))
    let half = points.filter { $0.requestedSparsity == 0.5 }
    let searched = try #require(
      half.first { $0.method == .layers(.search) }?.estimate(.tokens)?.value)
    let first = try #require(
      half.first { $0.method == .baseline(.first) }?.estimate(.tokens)?.value)
    #expect(searched > first)
    let same = try run(
      configuration("{name: keys, file: \(path), metric: tokens, samples: 2}", search: search)
        .replacingOccurrences(of: "criteria: []", with: "criteria: [search]"))
    #expect(same.code == 0, "\(same.errors)")
    #expect(
      same.errors.contains("keys judges maps on samples of \(path) that maps are searched on"),
      "\(same.errors)")
    #expect(
      try page().contains("on 2 samples that maps were searched or gates learned on in part")
    )
  }

  /// Nothing ranks a map that is finished.
  @Test func criteriaOfAFinishedMapAreRefused() throws {
    let path = try passkeyFile(3)
    let rows = full.rows.enumerated().map { layer, row in
      row.map { _ in layer % 2 == 0 ? "1" : "0" }.joined(separator: "\t") + "\n"
    }
    let map = try scratch.write(rows.joined(), to: "map.tsv")
    let yaml = configuration("{name: keys, file: \(path), metric: tokens, samples: 2}")
    for (entry, code) in [("criteria: [max]", 65), ("kind: gates, criteria: [max]", 0)] {
      let outcome = try run(
        yaml.replacingOccurrences(
          of: "  samples: 3", with: "  maps: [{name: mine, file: \(map), \(entry)}]\n  samples: 3"))
      #expect(outcome.code == code, "\(outcome.errors)")
      #expect(
        (code == 0)
          != outcome.errors.contains(
            "no criteria, since the file holds a finished map, found criteria"),
        "\(outcome.errors)")
    }
  }

  /// Every line is tried before hours of learning, and gates do not depend on the file of a search.
  @Test func filesOfASearchAreTriedFirstAndAreNoneOfTheGates() throws {
    let good = try passkeyFile(3)
    let lines = try String(contentsOfFile: good, encoding: .utf8).split(separator: "\n").map {
      $0 + "\n"
    }
    let long = #"{"prompt": "\#(String(repeating: "word ", count: 900))", "answer": "b"}"# + "\n"
    let bad = try scratch.write(lines[..<2].joined() + long, to: "bad.jsonl")
    func yaml(_ file: String) -> String {
      """
      name: files
      model: \(EmbeddedModel.path)
      window: {sink: 4, recent: 32}
      calibration: {steps: 2, context_min: 256, context_max: 256}
      search: {samples: 3, context: 512, swap_rounds: 0, tasks: [{file: \(file)}]}
      ranking: {criteria: [search, max], sparsities: [0.5]}
      evaluation: {samples: 1, context: 384, sparsities: [0, 0.5], criteria: [search], random_layer_seeds: [],
        random_head_seeds: [], baselines: [], bootstrap: 10, deployments: [{phase: everywhere}]}
      """
    }
    let refused = try run(yaml(bad))
    #expect(
      refused.code == 65 && refused.errors.contains("line 3: the sample"), "\(refused.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path("runs/files/gates.tsv")))
    let few = try run(yaml(try scratch.write(lines[..<2].joined(), to: "few.jsonl")))
    #expect(
      few.code == 64
        && few.errors.contains(
          "search.samples is 3, 3 of them of \(scratch.path("few.jsonl")), which has 2"),
      "\(few.errors)")
    #expect(try run(yaml(good)).code == 0)
    let gates = try String(contentsOfFile: scratch.path("runs/files/gates.tsv"), encoding: .utf8)
    // Another file is another search, on the same gates.
    let other = try scratch.write(lines.reversed().joined(), to: "other.jsonl")
    let again = try run(yaml(other))
    #expect(again.code == 0, "\(again.errors)")
    #expect(
      try String(contentsOfFile: scratch.path("runs/files/gates.tsv"), encoding: .utf8) == gates)
  }

  @Test func gatesAreLearnedOnAFile() throws {
    let path = try passkeyFile(3)
    let outcome = try run(
      """
      name: files
      model: \(EmbeddedModel.path)
      window: {sink: 4, recent: 32}
      task: {file: \(path)}
      calibration: {steps: 3, context_min: 512, context_max: 512}
      search: {units: []}
      ranking: {criteria: [max]}
      evaluation:
        samples: 1
        context: 384
        sparsities: [0, 1]
        criteria: [max]
        random_layer_seeds: []
        random_head_seeds: []
        baselines: []
        bootstrap: 10
      """)
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(FileManager.default.fileExists(atPath: scratch.path("runs/files/gates.tsv")))
  }

  @Test(arguments: [
    (
      "{name: a, file: %, samples: 9}",
      "run.yaml:17: evaluation.tasks.0.samples is 9, but %P has 2; set it to 2"
    ),
    (
      "{name: a, file: %, samples: 2, skip: 1}",
      "evaluation.tasks.0.samples is 2, but %P has 1 behind the 1 that are skipped"
    ),
    (
      "{name: a, ruler: {lengths: [480]}, context: 500}",
      "evaluation.tasks.0.context is given beside ruler.lengths"
    ),
    (
      "{name: a, task: {file: %, metric: nll, max_new_tokens: 0}}",
      "evaluation.tasks.0.task.max_new_tokens"
    ),
    ("{name: a, file: %, chat: gemma}", "evaluation.tasks.0.chat is gemma, whose <start_of_turn>"),
    (
      "{name: a, file: %, context: 60, samples: 1}",
      "line 1: the sample: expected at most 60 tokens"
    ),
    (
      "{name: a, file: %, decode: true}", "evaluation.tasks.0 has file, which has no decode or grid"
    ),
    ("{name: a, preset: needle, metric: f1}", "evaluation.tasks.0.metric goes with a file"),
    ("{name: a, file: %, ruler: {}}", "has both a ruler and a file"),
    ("{name: a, file: %, metric: nll}", "begins with a task that a loss judges"),
    ("{name: a, ruler: {tasks: [qa_1]}}", "evaluation.tasks.0.ruler.tasks"),
    ("{name: a, ruler: {lengths: [9000]}}", "was made for at most"),
    (
      "{name: a, ruler: {tasks: cwe}, context: 300}",
      "has no samples: a context of 300 tokens is too short for cwe"
    ),
    ("{name: a, file: nothing.jsonl}", "nothing.jsonl: there is no such file of tasks"),
  ])
  func whatIsRefusedBeforeAnythingIsComputed(task: String, words: String) throws {
    let path = try passkeyFile(2)
    let outcome = try run(configuration(task.replacingOccurrences(of: "%", with: path)))
    #expect([64, 65, 66].contains(outcome.code), "\(outcome.errors)")
    let sentence = words.replacingOccurrences(of: "%P", with: path)
    #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path("runs/files/scores.csv")))
  }
}
