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

  private var count: Double { Double(gates.values.count) }
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
