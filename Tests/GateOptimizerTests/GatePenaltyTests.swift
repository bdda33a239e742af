import GateOptimizer
import Testing
import Transformer

/// What gates cost besides the distillation loss.
@Suite struct GatePenaltyTests {
  private let values = [0.9, 0.1, 0.5, 0.4, 0.2, 0.7]

  private func state(
    _ values: [Double], _ settings: CalibrationSettings, step: Int
  ) -> CalibrationState {
    CalibrationState(
      gates: GateMatrix(layers: 3, heads: 2, values: values),
      optimizer: AdamW(
        step: step, mean: values.map { _ in 0 }, square: values.map { _ in 0 }),
      multiplier: settings.regularization, records: [])
  }

  @Test(arguments: [(0.0, 0.0), (0.3, 0.0), (0.0, 0.7), (0.3, 0.7)])
  func gradientsMatchCentralDifferences(polarization: Double, cohesion: Double) {
    var settings = CalibrationSettings()
    settings.steps = 10
    (settings.polarization, settings.cohesion) = (polarization, cohesion)
    func penalty(_ values: [Double]) -> GatePenalty {
      GatePenalty(state(values, settings, step: 4), settings: settings)
    }
    for index in values.indices {
      var (up, down) = (values, values)
      up[index] += 1e-5
      down[index] -= 1e-5
      let numeric = (penalty(up).value - penalty(down).value) / 2e-5
      #expect(abs(penalty(values).gradient(index) - numeric) < 1e-9)
    }
  }

  @Test func withoutMoreItIsTheMeanGate() {
    let settings = CalibrationSettings()
    let penalty = GatePenalty(state(values, settings, step: 4), settings: settings)
    #expect(abs(penalty.value - 0.05 * 2.8 / 6) < 1e-15)
    #expect(penalty.nextMultiplier == 0.05)
    let closed = GatePenalty(
      state([0, 0, 0, 0, 0, 0], settings, step: 4), settings: settings)
    #expect(closed.gradient(0) == 0)
  }

  @Test func theMultiplierFollowsTheBudget() {
    var settings = CalibrationSettings()
    (settings.steps, settings.sparsity, settings.multiplierRate) = (10, 0.5, 0.1)
    // After 3 of 10 steps 0.7 of the gates may be open; the mean is 2.8 / 6.
    let early = GatePenalty(state(values, settings, step: 3), settings: settings)
    #expect(abs(early.nextMultiplier - (0.05 + 0.1 * (2.8 / 6 - 0.7))) < 1e-15)
    let late = GatePenalty(
      state([1, 1, 1, 1, 1, 0], settings, step: 9), settings: settings)
    #expect(abs(late.nextMultiplier - (0.05 + 0.1 * (5.0 / 6 - 0.5))) < 1e-15)
    settings.multiplierRate = 10
    #expect(GatePenalty(state(values, settings, step: 0), settings: settings).nextMultiplier == 0)
  }
}
