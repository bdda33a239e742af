import Foundation
import TestSupport
import Testing

/// `zigzag run --plan`: what a run will take, before anything is computed.
@Suite struct PlanTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(TinyModel.wide, to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 6, checkpointEvery: 2), to: "run.yaml")
  }

  @Test func everyStageHasATimeAndNothingIsWritten() throws {
    let outcome = try scratch.zigzag("run", "run.yaml", "--plan")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines.first?.split(separator: " ").first == "stage")
    for (stage, work) in [
      ("learn", "6 steps"), ("search", "evaluations of layers, everywhere 2+8"),
      ("evaluate", "everywhere 2+8"), ("evaluate", "decode 2+8"),
    ] {
      #expect(
        lines.contains { $0.hasPrefix(stage) && $0.contains("about ") && $0.contains(work) },
        "\(stage), \(work): \(outcome.output)")
    }
    #expect(lines.last?.contains("in all") == true)
    #expect(!scratch.holds("runs"))
  }

  /// What could not run has no plan either.
  @Test func whatCannotRunIsRefused() throws {
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "--plan", "--set", "evaluation.context=4"), code: 64,
      saying: "evaluation.context")
  }
}
