import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Synchronization
import Transformer

/// Measures a model on this machine.
///
/// Every time is a median over rounds after one that does not count. What is compared takes turns within
/// a round, and the yardstick, a large product, is measured before the first round and after each, so that
/// a share is the share of what the machine could do at that time.
package struct Bench {
  let model: LoadedModel
  let decoder: DecoderModel
  let settings: BenchSettings
  let input: BenchInput
  let gates: GateSource?
  let observer: any WorkObserver
  var count: OperationCount { OperationCount(decoder.configuration) }

  /// Measurements of `model`, which is opened already.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - settings: What to measure, checked here.
  ///   - tokens: What to measure on; passkey samples without it.
  ///   - gates: What maps are made of; random gates without it.
  ///   - observer: What is told how far the measuring is.
  /// - Throws: ``MapReporterError`` and `FileError` for what cannot be measured.
  package init(
    _ model: LoadedModel, settings: BenchSettings, tokens: BenchTokens? = nil,
    gates: GateSource? = nil, observer: any WorkObserver
  ) throws {
    try settings.validate()
    let c = model.configuration
    if let gates {
      try HeadMap.Model(layers: gates.gates.layers, keyValueHeads: gates.gates.heads).checkShape(
        against: HeadMap.Model(layers: c.layers, keyValueHeads: c.keyValueHeads),
        name: gates.file, modelName: model.path)
    }
    self.model = model
    self.settings = settings
    self.gates = gates
    self.observer = observer
    input = try BenchInput(model, seed: settings.seed, tokens: tokens)
    decoder = model.decoder
  }

  /// Measures everything that is asked for.
  ///
  /// - Throws: ``MapReporterError/stopped`` where the observer asks to stop.
  package func run() throws -> BenchReport {
    let texts = try texts()
    var report = report(on: texts)
    let wanted = Set(settings.measures)
    if wanted.contains(.gemm) { report.gemm = try gemm() }
    // Steps come first, shortest first: memory that others have used would count in their peak.
    if wanted.contains(.step) {
      report.step = try texts.map { text in
        try step(StepSample(text.tokens, settings: settings, input: input)).result
      }
    }
    if wanted.contains(.attention) {
      report.attention = try texts.flatMap { try attention($0.tokens.count) }
    }
    if wanted.contains(.prefill) { report.prefill = try texts.map { try prefill($0.tokens) } }
    if wanted.contains(.decode) { report.decode = try texts.map { try decode($0.tokens) } }
    if wanted.contains(.prompts) { report.prompts = try texts.map { try prompts($0.tokens) } }
    if wanted.contains(.keptStep) { report.keptStep = try texts.map { try keptStep($0.tokens) } }
    if wanted.contains(.maps) { report.maps = try maps(texts.map(\.tokens)) }
    try model.requireUnchanged()
    return report
  }

  /// The tokens of every length, shortest first.
  func texts() throws -> [BenchInput.Text] {
    let texts = try settings.lengths.sorted().map { try input.text($0) }
    let positions = model.configuration.maxPositions
    if let longest = texts.last, longest.tokens.count > positions {
      observer.report(
        "\(model.path) was made for at most \(positions) tokens; times do not depend on that")
    }
    return texts
  }

  /// A report without measurements.
  func report(on texts: [BenchInput.Text]) -> BenchReport {
    BenchReport(
      model: BenchModel(model), settings: settings,
      input: texts.map { BenchText(tokens: $0.tokens.count, source: $0.source) })
  }
}

/// Tokens to measure on.
package struct BenchTokens: Sendable {
  /// The ids.
  package let ids: [Int32]
  /// The file they are from.
  package let path: String

  /// The token ids of a NumPy file (.npy), for a model of `vocabulary` tokens.
  ///
  /// - Throws: `FileError` where the file holds something else.
  package init(contentsOf path: String, vocabulary: Int) throws(FileError) {
    ids = try NumpyFile.readTokens(path: path, vocabulary: vocabulary)
    self.path = path
  }
}

extension Bench {
  /// What came of repeated rounds.
  struct Rounds<Sample> {
    /// The samples of each variant, (variants, repeats).
    let samples: [[Sample]]
    /// Median rate of large products meanwhile, GFLOP/s.
    let yardstick: Double
  }

  /// Runs all variants in turn, `repeats` times, after a round that does not count.
  ///
  /// - Throws: ``MapReporterError/stopped`` where the observer asks to stop; whatever `body` throws.
  func rounds<Sample>(
    _ title: String, variants: Int = 1, warmUp: Bool = true, _ body: (Int) throws -> Sample
  ) throws -> Rounds<Sample> {
    let total = settings.repeats + (warmUp ? 1 : 0)
    observer.stepBegan(title, unit: "rounds", done: 0, total: total)
    if warmUp {
      for variant in 0..<variants { _ = try unlessStopped { try body(variant) } }
      observer.stepAdvanced(to: 1, note: "")
    }
    var samples: [[Sample]] = Array(repeating: [], count: variants)
    var yardsticks = [yardstick()]
    for round in 0..<settings.repeats {
      for variant in 0..<variants {
        samples[variant].append(try unlessStopped { try body(variant) })
      }
      yardsticks.append(yardstick())
      observer.stepAdvanced(to: total - settings.repeats + round + 1, note: "")
    }
    return Rounds(samples: samples, yardstick: medianOf(yardsticks))
  }

  /// GFLOP/s of one large product on all cores, now.
  func yardstick(cores: Int = ProcessInfo.processInfo.activeProcessorCount) -> Double {
    SgemmRate.measure(cores: cores) / 1e9
  }

  /// Does `body` unless the observer asks to stop.
  func unlessStopped<Result>(_ body: () throws -> Result) throws -> Result {
    guard !observer.isInterrupted else { throw MapReporterError.stopped }
    return try body()
  }
}

/// Seconds that `body` takes.
func seconds(of body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}

/// Seconds of one `body`, the mean over as many as make `least` seconds: for work that is too short to
/// be timed alone.
func meanSeconds(least: Double = 0.05, of body: () -> Void) -> Double {
  let start = ContinuousClock.now
  var (elapsed, runs) = (0.0, 0)
  repeat {
    body()
    runs += 1
    elapsed = (ContinuousClock.now - start) / .seconds(1)
  } while elapsed < least
  return elapsed / Double(runs)
}

/// Memory of this process, bytes; 0 where the system does not tell.
package struct ProcessMemory: Codable, Sendable, Equatable {
  /// The most that was resident at any time, pages of mapped files included (`getrusage`).
  package var peakBytes: Int
  /// The same as Linux's VmHWM.
  package var highWaterBytes: Int
  /// Resident now without mapped files: what the page cache could not give back (RssAnon).
  package var anonymousBytes: Int
  /// Resident pages of mapped files now, the model's (RssFile).
  package var fileBytes: Int
  /// The most that ``anonymousBytes`` was while it was watched.
  package var peakAnonymousBytes: Int

  /// What is so now; ``peakAnonymousBytes`` is not less than `watched`.
  init(watched: Int = 0) {
    let facts = Self.status()
    var usage = rusage()
    // Linux counts in KiB.
    peakBytes =
      unsafe getrusage(Int32(RUSAGE_SELF.rawValue), &usage) == 0 ? usage.ru_maxrss * 1024 : 0
    highWaterBytes = facts["VmHWM"] ?? 0
    anonymousBytes = facts["RssAnon"] ?? 0
    fileBytes = facts["RssFile"] ?? 0
    peakAnonymousBytes = max(watched, anonymousBytes)
  }

  /// Runs `body` and watches the process's memory, every few milliseconds, until it returns.
  static func watching<Result>(_ body: () -> Result) -> (result: Result, memory: ProcessMemory) {
    let watch = Watch()
    Thread.detachNewThread { watch.run() }
    let result = body()
    watch.stop()
    return (result, ProcessMemory(watched: watch.peak.load(ordering: .relaxed)))
  }

  /// The byte counts of /proc/self/status, by name.
  private static func status() -> [String: Int] {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let facts = text.split(separator: "\n").compactMap { line -> (String, Int)? in
      let words = line.split { $0 == ":" || $0 == "\t" || $0 == " " }
      guard words.count == 3, words[2] == "kB", let value = Int(words[1]) else { return nil }
      return (String(words[0]), value * 1024)
    }
    return Dictionary(facts) { first, _ in first }
  }

  /// A thread that looks at the memory again and again.
  private final class Watch: Sendable {
    let peak = Atomic<Int>(0)
    private let isDone = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    func run() {
      while !isDone.load(ordering: .relaxed) {
        peak.max(ProcessMemory.status()["RssAnon"] ?? 0, ordering: .relaxed)
        Thread.sleep(forTimeInterval: 0.005)
      }
      ended.signal()
    }

    func stop() {
      isDone.store(true, ordering: .relaxed)
      ended.wait()
    }
  }
}
