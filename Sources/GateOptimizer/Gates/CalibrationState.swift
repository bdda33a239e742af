import Transformer

/// One finished step: a row of metrics.csv.
///
/// Nothing in it depends on the clock.
public struct CalibrationRecord: Sendable, Equatable {
  /// Steps finished, from 1.
  public var step: Int
  /// distillation + the penalty.
  public var loss: Double
  /// Mean squared difference of the final hidden states at the label rows, averaged over the batch.
  public var distillation: Double
  /// The penalty: λ · mean |a|, and what else the settings ask for.
  public var regularization: Double
  /// The learning rate of the step.
  public var learningRate: Double
  /// Tokens of the step's samples.
  public var tokens: Int
  /// Rows the student computed, added up over layers and samples.
  public var studentRows: Int

  package init(
    step: Int, loss: Double, distillation: Double, regularization: Double, learningRate: Double,
    tokens: Int, studentRows: Int
  ) {
    self.step = step
    self.loss = loss
    self.distillation = distillation
    self.regularization = regularization
    self.learningRate = learningRate
    self.tokens = tokens
    self.studentRows = studentRows
  }
}

/// Everything a calibration needs to go on: gates, optimizer, and the steps so far.
public struct CalibrationState: Sendable, Equatable {
  /// The gates, (L, K), in [0, 1].
  public internal(set) var gates: GateMatrix
  /// The optimizer's memory; its step count is the number of finished steps.
  public internal(set) var optimizer: AdamW
  /// What weighs mean |a| at the next step: λ, unless it is learned.
  public internal(set) var multiplier: Double
  /// The finished steps, in order.
  public internal(set) var records: [CalibrationRecord]

  /// Steps finished.
  public var step: Int { optimizer.step }

  /// The start of a calibration, from the gates `initial`, (L, K), where there are some.
  ///
  /// Gates that a layer shares start at the mean of the layer's.
  public init(
    _ configuration: ModelConfiguration, settings: CalibrationSettings, initial: GateMatrix? = nil
  ) {
    let given =
      initial
      ?? GateMatrix(
        layers: configuration.layers, heads: configuration.keyValueHeads,
        repeating: settings.initialGate)
    gates = (settings.gates == .layers ? given.layerMeans : given).clipped
    optimizer = AdamW(count: gates.values.count)
    multiplier = settings.regularization
    records = []
  }

  package init(
    gates: GateMatrix, optimizer: AdamW, multiplier: Double, records: [CalibrationRecord]
  ) {
    (self.gates, self.optimizer, self.records) = (gates, optimizer, records)
    self.multiplier = multiplier
  }
}
