/// AdamW without decay on a handful of numbers (Kingma & Ba 2015, arXiv 1412.6980;
/// Loshchilov & Hutter 2019, arXiv 1711.05101), with PyTorch's default constants.
public struct AdamW: Sendable, Equatable {
  /// Decay of the mean, β₁.
  public static let beta1 = 0.9
  /// Decay of the mean square, β₂.
  public static let beta2 = 0.999
  /// Added to the root mean square.
  public static let epsilon = 1e-8

  /// Steps taken.
  public internal(set) var step: Int
  /// Running mean of each gradient.
  public internal(set) var mean: [Double]
  /// Running mean square of each gradient.
  public internal(set) var square: [Double]

  /// An optimizer of `count` numbers that has taken no step.
  public init(count: Int) {
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
public struct LearningRateSchedule: Sendable {
  let settings: CalibrationSettings

  /// The schedule of a calibration.
  public init(_ settings: CalibrationSettings) { self.settings = settings }

  /// The learning rate of step `step`, counted from 0.
  public func rate(at step: Int) -> Double {
    let rise = (settings.warmup * Double(settings.steps)).rounded(.down)
    let fall = (settings.decay * Double(settings.steps)).rounded(.down)
    let up = rise < 1 ? 1 : Double(step + 1) / rise
    let down = fall < 1 ? 1 : Double(settings.steps - step) / fall
    return settings.learningRate
      * min(1, max(up, settings.floor), max(down, settings.floor))
  }
}
