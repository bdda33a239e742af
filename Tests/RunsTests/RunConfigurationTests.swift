import GateOptimizer
import MapReporter
import ModelLoader
import Runs
import Testing
import Transformer

@Suite struct RunConfigurationTests {
  private let minimal = "name: test\nmodel: tiny.h5\n"

  private func configuration(
    _ yaml: String, _ overrides: [String] = []
  ) throws -> RunConfiguration {
    try RunConfiguration(
      ConfigurationDocument(yaml: yaml, path: "c.yaml", overrides: overrides))
  }

  private func message(_ yaml: String, _ overrides: [String] = []) -> String {
    do {
      _ = try configuration(yaml, overrides)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  /// Lists that differ in where an entry ends, in an empty one, or in what is missing have hashes of their own.
  @Test func everySettingCountsInTheHash() throws {
    let hashes = try [
      "[0.5, 0.25]", "[0.5]", "[0.25, 0.5]", "[]",
    ].map { list in
      try configuration(minimal + "search:\n  sparsities: \(list)\n").hash {
        try $0.searchSettings()
      }
    }
    #expect(Set(hashes).count == hashes.count)
    let entries: [[String: String?]] = [
      ["a.0": "x, y"], ["a.0": "x", "a.1": "y"], ["a.0": "x\n3 a.1 1 y"], ["a.0": nil],
      ["a.0": "none"], ["a.0": "4 none"], [:],
    ]
    #expect(Set(entries.map(settingsHash)).count == entries.count)
  }

  @Test func absentSettingsKeepTheirDefaults() throws {
    let read = try configuration(minimal)
    #expect(read == RunConfiguration(name: "test", model: "tiny.h5"))
    #expect(read.calibration?.steps == 120)
    #expect(read.evaluation.sparsities == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
  }

  @Test func givenSettingsAreRead() throws {
    let read = try configuration(
      minimal + """
        seed: 7
        window: {sink: 4}
        calibration: {learning_rate: 0.1, steps: 3}
        ranking: {criteria: [lost, "weighted:0.5"]}
        evaluation: {tasks: [{name: key, preset: five-digits, context: 99}]}
        """)
    #expect(read.seed == 7)
    #expect(read.deployment == Deployment(StreamingWindow(sink: 4, recent: 64)))
    #expect(read.calibration?.learningRate == 0.1)
    #expect(read.ranking.criteria == [.lost, .weighted(0.5)])
    #expect(
      read.evaluation.tasks == [EvaluationTask(name: "key", context: 99, task: .fiveDigits)])
  }

  @Test func deploymentsAreReadAndResolved() throws {
    let plain = StreamingWindow(sink: 16, recent: 64)
    let own = try configuration(minimal)
    #expect(own.deployment == Deployment(plain))
    #expect(
      own.deployments == [Deployment(plain), Deployment(plain, phase: .decode)])
    #expect(own.searchDeployment == own.deployment && own.gateDeployment == own.deployment)
    let vllm = try configuration(minimal + "window: {runtime: vllm}\n")
    #expect(vllm.deployment == Deployment(StreamingWindow(sink: 0, recent: 64)))
    let word = try configuration(minimal + "window: kvpress\n")
    #expect(word.deployment == Deployment(plain, phase: .decode, after: .keep))
    #expect(word.deployments == [word.deployment])
    let several = try configuration(
      minimal + """
        window: {sink: 4}
        search: {deployment: decode}
        calibration: {deployment: {phase: prompt, sink: 0}}
        evaluation:
          deployments: [vllm, huggingface, {phase: decode, boundary: answer}, everywhere, sglang,
            {sink: 8, recent: 32, block: 16}]
        """)
    let four = StreamingWindow(sink: 4, recent: 64)
    #expect(several.searchDeployment == Deployment(four, phase: .decode))
    #expect(
      several.gateDeployment == Deployment(StreamingWindow(sink: 0, recent: 64), phase: .prompt))
    // The window's own comes first, and two runtimes that do the same are one deployment.
    #expect(
      several.deployments == [
        Deployment(four), Deployment(StreamingWindow(sink: 0, recent: 64)),
        Deployment(four, phase: .decode, boundary: .answer),
        Deployment(StreamingWindow(sink: 128, recent: 128, block: 128)),
        Deployment(StreamingWindow(sink: 8, recent: 32, block: 16)),
      ])
    // What is written is read as the same.
    let again = try RunConfiguration(
      ConfigurationDocument(yaml: several.yaml(), path: "config.yaml"))
    #expect(again == several)
    #expect(try own.yaml().contains("window:\n  sink: 16\n  recent: 64\nhaystack:"))
  }

  @Test(arguments: [
    ("window: {phase: later}", "window.phase"), ("window: nowhere", "window"),
    ("window: {boundary: answer}", "window.boundary"), ("window: {after: keep}", "window.after"),
    ("window: {recent: 60, block: 16}", "window.recent"),
    ("window: {runtime: vllm, sink: 4}", "window.sink"),
    ("window: {runtime: vllm, phase: decode}", "window.phase"),
    ("window: {runtime: kvpress, after: slide}", "window.after"),
    ("window: {runtime: sglang, block: 64}", "window.block"),
    ("search: {deployment: {after: keep}}", "search.deployment.after"),
    ("calibration: {deployment: {recent: 0}}", "calibration.deployment.recent"),
    ("evaluation: {deployments: []}", "evaluation.deployments"),
    ("evaluation: {deployments: [decode, {sinks: 4}]}", "evaluation.deployments.1.sinks"),
    (
      "evaluation: {deployments: [decode, {phase: prompt, after: keep}]}",
      "evaluation.deployments.1.after"
    ),
  ])
  func impossibleDeploymentsAreRefused(text: String, place: String) {
    let error = #expect(throws: RunError.self) {
      try configuration(minimal + text + "\n")
    }
    #expect(error?.description.contains("\(place) ") == true, "\(error?.description ?? "")")
  }

  @Test func searchContextsAreOneNumberOrAList() throws {
    #expect(try configuration(minimal).searchContexts == [1024])
    #expect(try configuration(minimal, ["search.context=640"]).searchContexts == [640])
    let listed = try configuration(minimal, ["search.context=[640, 2048]"])
    #expect(listed.searchContexts == [640, 2048])
    #expect(try configuration(listed.yaml()) == listed)
    let settings = try listed.searchSettings()
    #expect(
      settings.filter { $0.key.hasPrefix("search.context") }
        == ["search.context.0": "640", "search.context.1": "2048"])
    for (value, problem) in [
      ("long", "search.context is long; it must be a whole number"),
      ("[9, long]", "search.context.1 is long; it must be a whole number"),
      ("[640, 0]", "search.context is 0; it must be at least 1"),
    ] {
      #expect(message(minimal, ["search.context=\(value)"]).contains(problem))
    }
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    var original = RunConfiguration(name: "test", model: "a b: c.h5")
    original.calibration?.learningRate = 0.012345
    original.ranking.criteria = [.weightedCount(0.25)]
    original.haystack.evaluation = .text(files: ["x.txt"])
    #expect(try configuration(original.yaml()) == original)
  }

  /// YAML takes these for line ends or leaves them out, so that a run's own copy would differ.
  @Test(arguments: ["\\r", "\\N", "\\L", "\\P", "\\0", "\\e", "\\uFEFF"])
  func charactersThatDoNotComeBackAreRefused(escape: String) {
    #expect(
      message(minimal + "task: {prologue: \"a\(escape)b\"}\n")
        .hasPrefix("c.yaml:3: a text has the character U+"))
  }

  @Test func everyShareComesBack() throws {
    for share in ["57%", "33.3%", "12.345678%", "99.99999%", "0.1%"] {
      let read = try configuration(minimal + "compute: {memory_budget: \(share)}\n")
      #expect(try configuration(read.yaml()) == read, "\(share)")
    }
  }

  @Test func overridesAreMergedAndYAML() throws {
    let read = try configuration(
      minimal + "calibration: {steps: 3}\n",
      [
        "calibration.steps=5", "window.recent=8", "evaluation.sparsities=[0, 0.5]",
        "evaluation.tasks.0.context=77", "name=other",
      ].filter { !$0.hasPrefix("evaluation.tasks") })
    #expect(read.calibration?.steps == 5)
    #expect(read.window.recent == 8)
    #expect(read.evaluation.sparsities == [0, 0.5])
    #expect(read.name == "other")
  }

  @Test func overridesReachIntoLists() throws {
    let read = try configuration(
      minimal + "evaluation: {tasks: [{name: a}, {name: b}]}", ["evaluation.tasks.1.context=77"])
    #expect(read.evaluation.tasks.map(\.context) == [nil, 77])
  }

  @Test func sizesOfMemory() throws {
    let compute = try configuration(
      minimal + "compute: {memory_budget: 1.5 GiB, teacher_cache: 2000000}\n"
    ).compute
    #expect(compute.memoryBudget == .bytes(3 << 29) && compute.teacherCache == .bytes(2_000_000))
    #expect(ByteBudget("60%") == .shareOfFree(0.6) && ByteBudget("60 %") == .shareOfFree(0.6))
    #expect(ByteBudget("50MB") == .bytes(50_000_000) && ByteBudget("4 GiBs") == nil)
    for bad in ["", "GiB", "-1", "1e999", "101%", "999999999999GiB"] {
      #expect(ByteBudget(bad) == nil, "\(bad)")
    }
    #expect((1 << 20..<1 << 50).contains(ByteBudget.shareOfFree(0.5).byteCount))
  }

  @Test(arguments: [
    (
      "calibration:\n  stepz: 3\n",
      "c.yaml:4: calibration.stepz is not a setting; did you mean steps?"
    ),
    ("calibraton: {}\n", "c.yaml:3: calibraton is not a setting; did you mean calibration?"),
    (
      "window: {width: 3}\n",
      "c.yaml:3: window.width is not a setting; known here: sink, recent"
    ),
    ("task:\n  needl: x\n", "c.yaml:4: task.needl is not a setting; did you mean needle?"),
    ("window: {recent: 0}\n", "c.yaml:3: window.recent is 0; it must be at least 1"),
    ("window: {sink: -1}\n", "c.yaml:3: window.sink is -1; it must be 0 or more"),
    ("calibration:\n  steps: 0\n", "c.yaml:4: calibration.steps is 0; it must be at least 1"),
    (
      "calibration:\n  steps: many\n",
      "c.yaml:4: calibration.steps is many; it must be a whole number"
    ),
    ("calibration: 3\n", "c.yaml:3: calibration is 3; it must be a group of settings"),
    (
      "evaluation:\n  sparsities: [0, 1.5]\n",
      "c.yaml:4: evaluation.sparsities is 1.5; it must lie between 0 and 1"
    ),
    ("evaluation: {tasks: [{name: a}, {nme: b}]}\n", "did you mean name?"),
    (
      "task: {ruler: {lengths: [512]}}\n",
      "task.ruler.lengths are those of an evaluation; here calibration.context_max says them"
    ),
    (
      "search: {tasks: [{length: 4}, {ruler: {lengths: [512]}}]}\n",
      "search.tasks.1.ruler.lengths are those of an evaluation; here search.context says them"
    ),
    (
      "evaluation: {tasks: [{name: a, prose: {}}]}\n",
      "evaluation.tasks begins with prose; the first task decides which map is recommended"
    ),
    (
      "evaluation: {tasks: [{name: a}, {name: b, prose: {}, decode: true}]}\n",
      "evaluation.tasks.1 judges prose, which has no preset, task, decode or grid"
    ),
    (
      "evaluation: {tasks: [{name: a}, {name: b, prose: {every: 2000}}]}\n",
      "evaluation.tasks.1.prose judges one of 2000 positions of 1024"
    ),
    (
      "evaluation: {tasks: [{name: a, grid: {lengths: [9, 7]}}]}\n",
      "evaluation.tasks.0.grid.lengths is [9, 7]; give lengths in tokens, ascending, each once"
    ),
    (
      "evaluation: {tasks: [{name: a, grid: {lengths: [9], depths: [2]}}]}\n",
      "evaluation.tasks.0.grid.depths is [2.0]; give depths from 0 to 1"
    ),
    (
      "evaluation: {sparsities: [0.5], tasks: [{name: a, sparsities: [0.4]}]}\n",
      "evaluation.tasks.0.sparsities has 0.4, which evaluation.sparsities has not"
    ),
    (
      "evaluation: {criteria: [max], tasks: [{name: a, criteria: [lost]}]}\n",
      "evaluation.tasks.0.criteria has lost, which evaluation.criteria has not"
    ),
    (
      "evaluation: {maps: [{name: \"a:b\", file: x}]}\n",
      "evaluation.maps.0.name is \"a:b\"; give a name without a colon"
    ),
    (
      "evaluation: {baselines: [odd]}\n",
      "evaluation.baselines.0 is odd; it must be one of alternating, first, last, lazy"
    ),
    (
      "task: {passkeys: 3, keys: [a, b], needle: \" {key} {passkey}\", question: \"{key}\"}\n",
      "task.keys is 2, 2 of them distinct; it must be at least 3 names, each once"
    ),
    ("task: {questions: 5}\n", "task.questions is 5; it must be 1 to 4, the passkeys there are"),
    ("ranking: {criteria: [best]}\n", "ranking.criteria.0 is best; it must be one of search, "),
    (
      "compute: {memory_budget: much}\n",
      "compute.memory_budget is much; write a size such as 4GiB, or 60%"
    ),
    ("compute: {teacher_cache: 110%}\n", "compute.teacher_cache is 110%; write a size"),
    ("name: again\n", "c.yaml:1: the key name is there twice; keep one of them"),
    ("task: [\n", "not valid YAML"),
    ("task: {needle: nothing}\n", "task.needle is \"nothing\"; it must be {passkey} exactly once"),
  ])
  func mistakesAreRefusedWithTheirPlace(section: String, expected: String) {
    #expect(message(minimal + section).contains(expected), "\(message(minimal + section))")
  }

  @Test func aNameThatLeavesTheRunsFolderIsRefused() {
    #expect(message("name: ../x\nmodel: m.h5\n").hasPrefix("c.yaml:1: name is ../x; "))
    #expect(message("model: m.h5\n") == "c.yaml: name is missing")
    #expect(message("- a\n").hasPrefix("c.yaml:1: this is not a configuration"))
  }

  @Test func overridesAreCheckedAsTheFileIs() {
    #expect(
      message(minimal, ["calibration.steps=0"])
        == "--set calibration.steps=0: calibration.steps is 0; it must be at least 1; to learn no gates and "
        + "search maps alone, write calibration: none")
    #expect(message(minimal, ["calibration.stepz=4"]).hasSuffix("did you mean steps?"))
    #expect(message(minimal, ["calibration"]).hasPrefix("--set calibration: expected key=value"))
    #expect(
      message(minimal, ["name.x=1"])
        .hasSuffix("name is test in c.yaml, which has no x; write a group of settings there"))
    #expect(
      message(minimal + "calibration: none\n", ["calibration.steps=3"])
        .contains("calibration is none in c.yaml, which has no steps"))
  }

  /// A section of nothing is one of defaults, beside `calibration: none` too.
  @Test(arguments: ["", " ~", " null", " {}"]) func emptySectionsAreDefaults(_ nothing: String)
    throws
  {
    let plain = try configuration(minimal)
    for section in [
      "window", "calibration", "search", "ranking", "evaluation", "report", "compute",
    ] {
      #expect(try configuration(minimal + "\(section):\(nothing)\n") == plain, "\(section)")
    }
    let alone = try configuration(minimal + "calibration: none\n")
    for section in ["ranking", "evaluation"] {
      let yaml = minimal + "calibration: none\n\(section):\(nothing)\n"
      #expect(try configuration(yaml) == alone, "\(section)")
    }
  }

  @Test func contextsMustSuitTheModelAndTheWindow() throws {
    let model = ModelConfiguration(
      modelType: "llama", layers: 1, hidden: 8, feedForward: 8, queryHeads: 1, keyValueHeads: 1,
      headDim: 8, vocabulary: 8, maxPositions: 512)
    func problem(_ overrides: [String]) throws -> String? {
      do {
        try configuration(
          minimal,
          ["calibration.context_min=256", "calibration.context_max=256", "evaluation.context=256"]
            + overrides
        ).validate(for: model)
        return nil
      } catch let error as InvalidSetting {
        return "\(error)"
      }
    }
    #expect(try problem([]) == nil)
    #expect(
      try problem(["calibration.context_max=513"])
        == "calibration.context_max is 513 tokens; tiny.h5 was made for at most 512")
    #expect(
      try problem(["window.recent=250"])?.contains("all of which a window of 266 sees") == true)
  }

  @Test func everyCategoryIsAnExitCode() {
    #expect(RunError.badOverride("", problem: "").category == .usage)
    #expect(RunError.locked(folder: "", holder: "").category == .cannotWrite)
    #expect(RunError.interrupted(folder: "").category == .interrupted)
  }
}
