import MapReporter
import Runs
import Support
import Testing

@Suite struct RunProgressTests {
  private func estimate(done: Int, elapsed: Double, startedAt: Int = 0) -> ProgressEstimate {
    var estimate = ProgressEstimate(title: "learn", unit: "steps", total: 120, startedAt: startedAt)
    estimate.done = done
    estimate.elapsed = elapsed
    return estimate
  }

  @Test func aLineSaysRateAndTimeLeft() {
    #expect(estimate(done: 0, elapsed: 3).line == "learn 0/120 steps")
    #expect(estimate(done: 40, elapsed: 112).line == "learn 40/120 steps, 0.36 steps/s, 3:44 left")
    #expect(
      estimate(done: 120, elapsed: 60).line == "learn 120/120 steps, 2.0 steps/s, 1:00 in all")
  }

  @Test func aResumedTaskCountsItsOwnSteps() {
    #expect(estimate(done: 110, elapsed: 10, startedAt: 100).secondsLeft == 10)
  }

  @Test func aBarFitsItsLine() {
    let bar = estimate(done: 60, elapsed: 60).bar(width: 40)
    #expect(bar == "learn ████████████░░░░░░░░░░░░ 60/120 st")
  }

  @Test func clocksCountHours() {
    #expect(clock(59.6) == "1:00")
    #expect(clock(3725) == "1:02:05")
    #expect(clock(-1) == "0:00")
    #expect(clock(.infinity).hasSuffix(":00:00"))
  }
}
