import Foundation
import GateOptimizer
import ModelLoader
import Support
import Synchronization
import TestSupport
import Testing

@testable import MapReporter
@testable import Runs

/// Every key of a configuration with values that nobody means: each ends with a result or one sentence, and
/// never in a trap.
///
/// The keys are those of a written-out configuration, so that a new setting is tried without a word here.
@Suite struct ExtremeSettingTests {
  private let scratch: TemporaryFolder
  private let base: String

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write("1\t0.5\n0.25\t0\n", to: "gates.tsv")
    let model = scratch.path("tiny.h5")
    let gates = scratch.path("gates.tsv")
    base =
      TinyRun.configuration(steps: 2, checkpointEvery: 1).replacing("tiny.h5", with: model)
      .replacing("bootstrap: 50", with: "bootstrap: 5")
        + """

        search: {samples: 1, context: [128], sparsities: [0.5], units: [layers, heads]}
        compute: {memory_budget: 60%, teacher_cache: 1MiB, teacher_cache_on_disk: true}
        """
    try scratch.write(gates, to: "path")
  }

  /// Everything that may be left out is written, too.
  private func overrides() throws -> [String] {
    let task =
      "passkeys: 1, length: 2, questions: 1, needle: ' Key: {passkey}.', prologue: '', "
      + "epilogue: '', question: 'Key?', answer_lead_in: ''"
    let gates = scratch.path("gates.tsv")
    return [
      "calibration.sparsity=0.5", "calibration.initial_gates=\(gates)", "calibration.samples=1",
      "search.tasks=[{\(task)}]", "task.keys=[red]",
      "evaluation.random_sparsities=[0.5]", "evaluation.cache_context=128",
      "evaluation.maps=[{name: m, file: \(gates), kind: gates, criteria: [max]}]",
      "compute.products=own",
      "scores={methods: [retrieval-head, qrhead, multimodal, evaluator, kvzip, mean-qk, one-layer-back, lazy], "
        + "samples: 1, context: 400, chunk: 64, documents: 1, recall: 0, task: {\(task)}, masking: {heads: [1], samples: 1, seeds: [1]}}",
      "scores.wording={form: plain, prefix: '', suffix: '', separator: ' ', instruction: a, header: '', question: q, null: b}",
      "window={sink: 2, recent: 8, phase: decode, boundary: answer, after: keep, block: 2}",
      "calibration.deployment={sink: 1, recent: 8, phase: decode, after: keep}",
      "search.deployment={sink: 1, recent: 8, phase: decode, block: 2, after: slide}",
      "evaluation.deployments=[{sink: 2, recent: 8, phase: decode, block: 2}, {phase: prompt, runtime: rtp-llm}]",
      "ranking.criteria=[search, max, 'weighted:0.5', 'weighted-count:1']",
      "evaluation.criteria=[max]",
      "evaluation.tasks=[{name: words, context: 128, samples: 1, sparsities: [0.5], criteria: [max], "
        + "decode: true, task: {\(task)}}, {name: prose, context: 64, prose: {every: 4, bins: 2}}, "
        + "{name: grid, grid: {lengths: [100, 128], depths: [0, 1]}, task: {\(task)}}]",
    ]
  }

  private static let numbers = [
    "0", "-1", "1", "100000", "1000000", "16777216", "1000000000", "2147483648",
    "4611686018427387904", "9223372036854775807", "9223372036854775808", "18446744073709551615",
    "18446744073709551616", "-9223372036854775809", "1e308", "-1e308", "1e-308", "1e999", "5e-324",
    ".nan", ".inf", "-.inf", "nan",
  ]
  private static let others = [
    "", "\"\"", "[]", "{}", "~", "[0, 0]", "[[1]]", "a text", "true", "{a: 1}", "weighted:1e308",
    "weighted:nan", "60%", "1e30GiB", "99999999999999999999GB",
  ]
  /// What takes long without being wrong is only checked.
  private static let slow = ["calibration.batch", "search.samples"]

  @Test func everyKey() throws {
    let given = try overrides()
    let whole = try RunConfiguration(
      ConfigurationDocument(yaml: base, path: "c.yaml", overrides: given))
    let leaves = try whole.settings(in: SettingScope(paths: [SettingPath()])).keys
    // Groups and lists as a whole are keys as well.
    let keys = leaves.reduce(into: Set<String>()) { keys, leaf in
      let parts = leaf.split(separator: ".")
      for count in 1...parts.count { keys.insert(parts[..<count].joined(separator: ".")) }
    }
    try expectEverySetting(isIn: keys)
    let model = try ModelFile.open(path: whole.model).configuration
    var (refused, run) = (0, 0)
    for (place, key) in keys.sorted().enumerated() {
      let values = Self.numbers + Self.others
      for (number, value) in values.enumerated() {
        guard (place + number) % Self.stride == 0 else { continue }
        do {
          let document = try ConfigurationDocument(
            yaml: base, path: "c.yaml", overrides: given + ["\(key)=\(value)"])
          let configuration = try RunConfiguration(document)
          try configuration.validate(for: model)
          // Whatever is taken can be read again.
          let again = try ConfigurationDocument(yaml: try configuration.yaml(), path: "again.yaml")
          #expect(try RunConfiguration(again) == configuration, "\(key)=\(value)")
          guard Self.numbers.contains(value), !(Self.slow.contains(key) && value.count > 3) else {
            continue
          }
          run += 1
          try FileManager.default.createDirectory(
            atPath: scratch.path("runs"), withIntermediateDirectories: true)
          defer { try? FileManager.default.removeItem(atPath: scratch.path("runs")) }
          var pipeline = try Pipeline(
            configuration, document: document, runs: scratch.path("runs"),
            observer: ShortObserver())
          try pipeline.run()
        } catch let error as any ZigzagError {
          refused += 1
          let sentence = "\(error)"
          #expect(
            sentence.utf8.count < 1200 && !sentence.contains("\n"), "\(key)=\(value): \(sentence)")
        } catch {
          Issue.record("\(key)=\(value): \(error)")
        }
      }
    }
    #expect(
      refused > 2000 / Self.stride && run > 150 / Self.stride, "\(refused) refused, \(run) run")
  }

  /// Every so many values of a key are tried; all of them, for minutes, with `ZIGZAG_EXTREMES`.
  private static let stride =
    ProcessInfo.processInfo.environment["ZIGZAG_EXTREMES"] == nil ? 11 : 1

  /// Values that are taken alone and are too much together.
  @Test(arguments: [
    ["window.sink=1000000000", "window.recent=1000000000"],
    ["window.sink=9223372036854775807", "window.recent=9223372036854775807"],
    ["task.passkeys=1000", "task.length=1000"],
    ["task.passkeys=1000", "task.length=1000", "calibration.context_max=16777216"],
    ["task.passkeys=1000", "task.questions=1000", "task.alphabet=[a, b]", "task.length=10"],
    ["calibration.context_min=1", "calibration.context_max=1", "evaluation.context=1"],
    ["calibration.context_min=120", "calibration.context_intervals=100000"],
    ["calibration.steps=1000000000", "calibration.checkpoint_every=1000000000"],
    [
      "calibration.learning_rate=1000", "calibration.regularization=1000000", "calibration.floor=0",
    ],
    ["calibration.sparsity=1", "calibration.multiplier_rate=1000000"],
    ["calibration.polarization=1000000", "calibration.cohesion=1000000"],
    ["calibration.warmup=1", "calibration.decay=0"],
    ["evaluation.samples=1000000", "evaluation.bootstrap=100000"],
    ["search.beam=1000000", "search.shortlist=1000000", "search.swap_rounds=1000000"],
    ["ranking.criteria=[search, 'weighted:1000000', 'weighted-count:1000000']"],
  ])
  func together(settings: [String]) throws {
    do {
      let document = try ConfigurationDocument(
        yaml: base, path: "c.yaml",
        overrides: [
          "evaluation.tasks.0.task.answer_lead_in=", "task.needle=' Key {ordinal}: {passkey}.'",
          "task.question='Key {ordinal}?'",
        ] + settings)
      var pipeline = try Pipeline(
        RunConfiguration(document), document: document, runs: scratch.path("runs"),
        observer: ShortObserver())
      try pipeline.run()
    } catch let error as any ZigzagError {
      #expect("\(error)".utf8.count < 1200, "\(error)")
    }
  }

  /// The settings that each type lists are in the written-out configuration.
  private func expectEverySetting(isIn keys: Set<String>) throws {
    func names(_ keys: [some CodingKey], _ prefix: String) -> [String] {
      keys.map { prefix + $0.stringValue }
    }
    let known =
      names(RunConfiguration.CodingKeys.allCases, "")
      + names(PasskeyTask.CodingKeys.allCases, "task.").filter { $0 != "task.questions" }
      + names(PasskeyTask.CodingKeys.allCases, "search.tasks.0.")
      + names(CalibrationSettings.CodingKeys.allCases, "calibration.")
      + names(SearchSettings.CodingKeys.allCases, "search.")
      + names(RankingSettings.CodingKeys.allCases, "ranking.")
      + names(EvaluationSettings.CodingKeys.allCases, "evaluation.")
      + names(ReportSettings.CodingKeys.allCases, "report.")
      + names(ComputeSettings.CodingKeys.allCases, "compute.")
      + ["context", "samples", "sparsities", "criteria", "decode", "task"].map {
        "evaluation.tasks.0.\($0)"
      }
      + names(DeploymentSettings.CodingKeys.allCases, "window.").filter { $0 != "window.runtime" }
      + ["evaluation.deployments.1.runtime", "evaluation.tasks.1.prose.every"]
      + ["evaluation.tasks.1.prose.bins", "evaluation.tasks.2.grid.depths.1"]
      + ["evaluation.maps.0.name", "evaluation.maps.0.file", "evaluation.maps.0.criteria"]
    let empty: Set = ["search.tasks.0.keys"]
    for name in known where !keys.contains(name) && !empty.contains(name) {
      Issue.record("\(name) is not in the written-out configuration; add it to the overrides here")
    }
  }
}

/// Asks to stop after a few steps: a run that begins well goes on well.
private final class ShortObserver: WorkObserver {
  private let steps = Mutex(0)

  func stepBegan(_ step: String, unit: String, done: Int, total: Int) {}
  func stepAdvanced(to done: Int, note: String) { steps.withLock { $0 += 1 } }
  func report(_ message: String) {}
  func warn(_ message: String) {}
  var isInterrupted: Bool { steps.withLock { $0 > 12 } }
}
