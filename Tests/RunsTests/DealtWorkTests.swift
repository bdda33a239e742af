import Testing

@testable import Runs

/// How work is dealt out to ranks, as a plan counts it.
@Suite struct DealtWorkTests {
  /// A prompt costs 1 and a map nothing, or a map 1 and a prompt nothing: rounds of whole samples, then shared ones.
  @Test(arguments: [
    (16, 16, 1.0, 4.0), (16, 4, 4, 16), (16, 1, 16, 64), (6, 4, 2, 6), (8, 5, 2, 8), (3, 8, 1, 2),
    (1, 16, 1, 1), (1, 2, 1, 2),
  ])
  func evaluationsShareTheLastSamples(samples: Int, ranks: Int, prompts: Double, maps: Double) {
    let reading = DealtEvaluation(samples: samples, maps: 4, once: 1, each: 0)
    let judging = DealtEvaluation(samples: samples, maps: 4, once: 0, each: 1)
    #expect(reading.slowest(of: ranks) == prompts)
    #expect(judging.slowest(of: ranks) == maps)
  }

  /// Samples of a finite set stay with their ranks.
  @Test func stepsAreDealtByTheirSamples() {
    let endless = DealtSteps(steps: 10, batch: 4, of: 0, ranks: 4)
    #expect(endless.most == 1 && endless.busy == 3 && endless.elsewhere == 3)
    let two = DealtSteps(steps: 10, batch: 4, of: 2, ranks: 4)
    #expect(two.most == 2 && two.busy == 1 && two.elsewhere == 2)
    let uneven = DealtSteps(steps: 2, batch: 3, of: 0, ranks: 2)
    #expect(uneven.most == 2 && uneven.elsewhere == 1.5)
    let alone = DealtSteps(steps: 3, batch: 5, of: 0, ranks: 1)
    #expect(alone.most == 5 && alone.busy == 0 && alone.elsewhere == 0)
  }

  @Test func theSlowestRankHasTheMostSamples() {
    #expect(DealtWork(rounds: 2, samples: 5, operations: 3).slowest(of: 2) == 18)
    #expect(DealtWork(rounds: 1, samples: 4, operations: 3).slowest(of: 16) == 3)
    #expect(DealtWork(rounds: 1, samples: 0, operations: 3).slowest(of: 2) == 0)
  }
}
