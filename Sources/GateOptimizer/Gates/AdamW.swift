/// AdamW without decay on a handful of numbers (Kingma & Ba 2015, arXiv 1412.6980;
/// Loshchilov & Hutter 2019, arXiv 1711.05101), with PyTorch's default constants.
package struct AdamW: Sendable, Equatable {
  /// Decay of the mean, β₁.
  package static let beta1 = 0.9
  /// Decay of the mean square, β₂.
  package static let beta2 = 0.999
  /// Added to the root mean square.
  package static let epsilon = 1e-8

  /// Steps taken.
  package internal(set) var step: Int
  /// Running mean of each gradient.
  package internal(set) var mean: [Double]
  /// Running mean square of each gradient.
  package internal(set) var square: [Double]

  /// An optimizer of `count` numbers that has taken no step.
  package init(count: Int) {
    step = 0
    mean = Array(repeating: 0, count: count)
    square = mean
  }

  /// An optimizer as a checkpoint holds it.
  package init(step: Int, mean: [Double], square: [Double]) {
    (self.step, self.mean, self.square) = (step, mean, square)
  }

  /// Moves `values` one step against `gradients`:
  /// x ← x − lr · m̂ / (√v̂ + ε), m̂ and v̂ being the bias-corrected means.
  package mutating func update(_ values: inout [Double], gradients: [Double], learningRate: Double)
  {
    precondition(values.count == mean.count && gradients.count == mean.count)
    step += 1
    let (first, second) = (1 - power(Self.beta1, step), 1 - power(Self.beta2, step))
    for i in values.indices {
      mean[i] = Self.beta1 * mean[i] + (1 - Self.beta1) * gradients[i]
      square[i] = Self.beta2 * square[i] + (1 - Self.beta2) * gradients[i] * gradients[i]
      let root = (square[i] / second).squareRoot()
      values[i] -= learningRate * (mean[i] / first) / (root + Self.epsilon)
    }
  }

  /// xⁿ by multiplications alone: the same bits on every machine.
  private func power(_ x: Double, _ n: Int) -> Double {
    var (result, base, rest) = (1.0, x, n)
    while rest > 0 {
      if rest & 1 == 1 { result *= base }
      base *= base
      rest >>= 1
    }
    return result
  }
}

/// The learning rate over the steps: a linear rise, a plateau and a linear fall, never below a floor
/// (DuoAttention's training code: rise and fall over a fifth of the steps each, floor one tenth).
package struct LearningRateSchedule: Sendable {
  let settings: CalibrationSettings

  /// The schedule of a calibration.
  package init(_ settings: CalibrationSettings) { self.settings = settings }

  /// The learning rate of step `step`, counted from 0.
  package func rate(at step: Int) -> Double {
    let rise = (settings.warmup * Double(settings.steps)).rounded(.down)
    let fall = (settings.decay * Double(settings.steps)).rounded(.down)
    let up = rise < 1 ? 1 : Double(step + 1) / rise
    let down = fall < 1 ? 1 : Double(settings.steps - step) / fall
    return settings.learningRate
      * min(1, max(up, settings.floor), max(down, settings.floor))
  }
}

/// What gates cost besides the distillation loss, at one step of a calibration.
///
/// With N gates a, their layers' means ā, and p the share of the steps that are done:
///
///     μ · mean |a|  +  p · polarization · mean 4a(1 − a)  +  cohesion · mean (a − ā)²
///
/// μ is λ, or, where a sparsity is asked for, a multiplier that rises as long as more gates are open than
/// allowed and falls otherwise (Lagrange's, as learned masks have it: Louizos et al. 2018, arXiv
/// 1712.01312; Xia et al. 2022, arXiv 2204.00408).
package struct GatePenalty {
  private let gates: GateMatrix
  private let settings: CalibrationSettings
  private let multiplier: Double
  /// Share of the steps that are done, in [0, 1).
  private let progress: Double

  /// The penalty at the step after `state`.
  package init(_ state: CalibrationState, settings: CalibrationSettings) {
    gates = state.gates
    multiplier = state.multiplier
    self.settings = settings
    progress = Double(state.step) / Double(settings.steps)
  }

  private var count: Double { Double(gates.gateCount) }
  private var meanGate: Double { gates.values.reduce(0) { $0 + abs($1) } / count }

  private func layerMean(_ index: Int) -> Double {
    gates[layer: index / gates.heads].reduce(0, +) / Double(gates.heads)
  }

  /// The penalty's value.
  package var value: Double {
    var sum = multiplier * meanGate
    if settings.polarization > 0 {
      let open = gates.values.reduce(0) { $0 + 4 * $1 * (1 - $1) } / count
      sum += progress * settings.polarization * open
    }
    if settings.cohesion > 0 {
      let spread = gates.values.indices.reduce(0) {
        let difference = gates.values[$1] - layerMean($1)
        return $0 + difference * difference
      }
      sum += settings.cohesion * spread / count
    }
    return sum
  }

  /// Its derivative for the gate at `index`; that of |a| at 0 is 0.
  package func gradient(_ index: Int) -> Double {
    let gate = gates.values[index]
    let pull = multiplier / count
    var sum = gate > 0 ? pull : gate < 0 ? -pull : 0
    if settings.polarization > 0 {
      sum += progress * settings.polarization * 4 * (1 - 2 * gate) / count
    }
    // The mean moves with the gate, but Σ (a − ā) is 0.
    if settings.cohesion > 0 {
      sum += settings.cohesion * 2 * (gate - layerMean(index)) / count
    }
    return sum
  }

  /// The multiplier of the next step: the allowed share of open gates falls from 1 to 1 − sparsity over the
  /// first half of the steps.
  package var nextMultiplier: Double {
    guard let sparsity = settings.sparsity else { return multiplier }
    let allowed = 1 - sparsity * min(1, 2 * progress)
    return max(0, multiplier + settings.multiplierRate * (meanGate - allowed))
  }
}
