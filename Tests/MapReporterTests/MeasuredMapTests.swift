import GateOptimizer
import MapReporter
import Testing
import Transformer

/// What an export says of accuracy: only what was measured as the runtime deploys the map.
@Suite struct MeasuredMapTests {
  private func point(
    _ method: CurveMethod, _ sparsity: Double, _ accuracy: Double, in deployment: String?,
    low: Double = 0
  ) -> CurvePoint {
    let estimate = Estimate(value: accuracy, low: accuracy, high: accuracy)
    return CurvePoint(
      method: method, task: "key", deployment: deployment, requestedSparsity: sparsity,
      achievedSparsity: sparsity, samples: 24, tokens: 100,
      measures: [
        .tokens: .init(estimate, minusFull: Estimate(value: -low / 2, low: -low, high: 0))
      ])
  }

  private func sentences(
    _ points: [CurvePoint], only: String? = nil, in format: ExportFormat
  ) throws -> [String] {
    try MeasuredMap(points, only: only, task: "key", method: .layers(.max), sparsity: 0.5)
      .sentences(on: MapSamples.layers(), in: format)
  }

  private var points: [CurvePoint] {
    [
      point(.full, 0, 0.8, in: "everywhere 16+64"),
      point(.layers(.max), 0.5, 0.72, in: "everywhere 16+64", low: 0.12),
      point(.layers(.max), 0.25, 0.79, in: "everywhere 16+64"),
      point(.full, 0, 0.5, in: "everywhere 0+64"),
      point(.layers(.max), 0.5, 0.25, in: "everywhere 0+64", low: 0.3),
      point(.full, 0, 0.8, in: "decode 16+64 keep"),
    ]
  }

  @Test func theRuntimesOwnAccuracyIsStated() throws {
    #expect(
      try sentences(points, in: .vllm) == [
        "In vLLM (streaming everywhere, no sink, recent 64) the map reaches 25.0 % on key, 50.0 % of full "
          + "attention's accuracy there (at least 40.0 %, paired 95 % interval, 24 samples)."
      ])
    let own = try sentences(points, in: .headMap)
    #expect(own.count == 1 && own[0].contains("72.0 % on key, 90.0 %"), "\(own)")
    #expect(own[0].contains("at least 85.0 %"))
  }

  @Test func nothingIsCarriedOverFromAnotherDeployment() throws {
    #expect(
      try sentences(Array(points.prefix(3)), in: .vllm) == [
        "What the map keeps in vLLM (streaming everywhere, no sink, recent 64) was not measured; measure it "
          + "with evaluation: {deployments: [vllm]}."
      ])
    // DuoAttention was measured; kvpress was too, but not with this map.
    let both = try sentences(points, in: .duoAttention)
    #expect(both.count == 2 && both[0].contains("72.0 % on key"))
    #expect(both[1].contains("What this map keeps in kvpress") && !both[1].contains(" % of full"))
    for format in ExportFormat.allCases {
      let none = try sentences([], in: format)
      #expect(none.allSatisfy { $0.contains("was not measured") && !$0.contains("%") })
      #expect(none.count == max(1, format.runtimes.count))
    }
  }

  @Test func nothingIsSaidOfAShareOfNothing() throws {
    let none = [
      point(.full, 0, 0, in: "everywhere 16+64"),
      point(.layers(.max), 0.5, 0, in: "everywhere 16+64"),
    ]
    let own = try sentences(none, in: .headMap)
    #expect(own.count == 1 && own[0].contains("full attention has nothing right on key"), "\(own)")
    #expect(!own[0].contains("not measured"))
  }

  /// Points without a name are of the run's only deployment, if that is known.
  @Test func pointsWithoutANameAreOfTheOnlyDeployment() throws {
    let plain = points.prefix(2).map { point in
      var bare = point
      bare.deployment = nil
      return bare
    }
    #expect(try sentences(plain, only: "everywhere 16+64", in: .swaa)[0].contains("72.0 % on key"))
    #expect(try sentences(plain, only: "everywhere 16+64", in: .vllm)[0].contains("not measured"))
    #expect(try sentences(plain, in: .swaa)[0].contains("not measured"))
  }
}
