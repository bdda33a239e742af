import Foundation
import Runs
import Support
import Synchronization
import TestSupport
import Testing

/// Evaluations that are interrupted in the middle of a sample.
@Suite struct EvaluationResumeTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(TinyModel.wide, to: scratch.path("tiny.h5"))
  }

  private func evaluate(in runs: String, stoppingAfter maps: Int = .max) throws -> MapCounter {
    let yaml = TinyRun.configuration(steps: 2, checkpointEvery: 2)
      .replacing("model: tiny.h5", with: "model: \(scratch.path("tiny.h5"))")
    let document = try ConfigurationDocument(
      yaml: yaml, path: "run.yaml",
      overrides: [
        "evaluation.tasks.0.decode=true", "evaluation.criteria=[max]", "search.units=[]",
        "evaluation.sparsities=[0, 0.34, 0.67, 1]",
      ])
    let counter = MapCounter(limit: maps)
    var pipeline = try Pipeline(
      RunConfiguration(document), document: document, runs: scratch.path(runs), observer: counter)
    do {
      try pipeline.run(to: .evaluate)
    } catch RunError.interrupted {
      #expect(counter.isInterrupted)
    }
    return counter
  }

  private func bytes(_ name: String, in runs: String) -> Data? {
    FileManager.default.contents(atPath: scratch.path("\(runs)/tiny/\(name)"))
  }

  @Test func noMapIsMeasuredTwice() throws {
    let whole = try evaluate(in: "whole")
    let total = whole.done
    #expect(total > 10)
    var done = 0
    var rounds = 0
    while bytes("curves.csv", in: "cut") == nil, rounds < total {
      let counter = try evaluate(in: "cut", stoppingAfter: 3)
      #expect(counter.begun == done, "what was measured before is not measured again")
      done = counter.done
      rounds += 1
      let lines = String(decoding: bytes("scores.csv", in: "cut") ?? Data(), as: UTF8.self)
        .split(separator: "\n").dropFirst()
      // Every map on every sample has its lines, as many metrics as they are.
      let measured = Set(
        lines.map { line in
          let fields = line.split(separator: ",", omittingEmptySubsequences: false)
          return (fields.prefix(3) + fields.dropFirst(7)).joined(separator: ",")
        })
      #expect(measured.count == done)
    }
    #expect(done == total && rounds > 3)
    for name in ["scores.csv", "curves.csv", "places.csv", "results.json"] {
      #expect(bytes(name, in: "cut") == bytes(name, in: "whole"), "\(name)")
    }
  }
}

/// Counts the maps that are measured, and asks to stop after so many.
private final class MapCounter: WorkObserver {
  private struct State {
    var step = ""
    var begun = 0
    var done = 0
  }

  private let state = Mutex(State())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Maps × samples that were measured before, and that are measured now.
  var begun: Int { state.withLock(\.begun) }
  var done: Int { state.withLock(\.done) }

  func stepBegan(_ step: String, unit: String, done: Int, total: Int) {
    state.withLock { $0 = State(step: step, begun: done, done: done) }
  }
  func stepAdvanced(to done: Int, note: String) { state.withLock { $0.done = done } }
  func report(_ message: String) {}
  func warn(_ message: String) {}
  var isInterrupted: Bool {
    state.withLock { $0.step == "evaluate" && $0.done - $0.begun >= limit }
  }
}
