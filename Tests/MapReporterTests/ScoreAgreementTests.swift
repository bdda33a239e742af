import Foundation
import GateOptimizer
import TestSupport
import Testing
import Transformer

@testable import MapReporter

/// How much scores agree, by hand, and the table of masked heads.
@Suite struct ScoreAgreementTests {
  private func gates(_ rows: [[Double]]) -> GateMatrix {
    GateMatrix(layers: rows.count, heads: rows[0].count, values: Array(rows.joined()))
  }

  @Test func ranksAndCorrelationByHand() throws {
    #expect(ScoreAgreement.ranks([3, 1, 3, 2]) == [2.5, 0, 2.5, 1])
    #expect(ScoreAgreement.spearman([1, 2, 3], [10, 20, 30]) == 1)
    #expect(ScoreAgreement.spearman([1, 2, 3], [3, 2, 1]) == -1)
    #expect(ScoreAgreement.spearman([1, 1, 1], [3, 2, 1]) == nil)
    // Ranks 0 1 2 3 and 1 0 3 2: 1 − 6·4 / (4·15) = 0.6.
    let found = try #require(ScoreAgreement.spearman([1, 2, 3, 4], [2, 1, 4, 3]))
    #expect(abs(found - 0.6) < 1e-12)
  }

  @Test func upperHalvesOfLayers() {
    let one = gates([[1, 1], [0, 0], [0.9, 0], [0, 0.1]])
    let other = gates([[0, 0.2], [0, 1], [0.5, 0.6], [0, 0]])
    let agreement = ScoreAgreement(one, other)
    // Layers 0 and 2 against 1 and 2.
    #expect(agreement.sharedLayers == 1 && agreement.halfLayers == 2 && agreement.chance == 1)
    // Layers with a window of their own are no part of it.
    let space = MapSpace(layers: 4, heads: 2, globalLayers: [0, 2, 3])
    let inside = ScoreAgreement(one.within(space), other.within(space))
    #expect(inside.halfLayers == 1 && inside.sharedLayers == 0)
  }

  @Test func theTableOfMaskedHeadsReadsBack() throws {
    let points = [
      MaskPoint(
        method: nil, kind: .zero, heads: 0, samples: 4,
        estimate: Estimate(value: 0.5, low: 0.25, high: 0.75)),
      MaskPoint(
        method: .queryFocused, kind: .uniform, heads: 10, samples: 4,
        estimate: Estimate(value: 0, low: 0, high: 0.5)),
      MaskPoint(
        method: nil, seed: 3, kind: .zero, heads: 10, samples: 4,
        estimate: Estimate(value: 1, low: 0.5, high: 1)),
    ]
    let folder = try TemporaryFolder()
    try folder.write(MaskTable.text(points), to: "masking.csv")
    #expect(try MaskTable.read(folder.path("masking.csv")) == points)
    try folder.write(
      "method,seed,kind,heads,samples,accuracy,low,high\nx,,zero,1,1,1,1,1\n", to: "m.csv")
    expectError(.badData, "m.csv", "method", "random") {
      try MaskTable.read(folder.path("m.csv"))
    }
  }

  @Test func namesOfMethodsReadBack() {
    for scores in ScoreMethod.allCases {
      for inner in [CurveMethod.headMixed, .layers(.max), .layers(.weighted(0.5))] {
        let method = CurveMethod.scored(scores, inner)
        #expect(CurveMethod(method.name) == method, "\(method.name)")
        #expect(method.scores == scores && !method.isLayerExclusive)
      }
    }
    #expect(CurveMethod("score:no-such:head-mixed") == .other("score:no-such:head-mixed"))
  }
}
