import ModelLoader
import Support
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
  package internal(set) var optimizer: AdamW
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
    let own = given.within(MapSpace(configuration))
    gates = (settings.gates == .layers ? own.layerMeans : own).clipped
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

extension CalibrationState {
  private static let format = "zigzag-checkpoint"
  private static let version = 2
  private static let attributes: Set = ["format", "format_version", "identity", "step"]

  /// Writes the state to `path` through a temporary file; `identity` names the run it belongs to
  /// (model hash and settings), and must be the same on reading.
  ///
  /// - Throws: `FileError` if the file cannot be written.
  public func write(to path: String, identity: String) throws(FileError) {
    let shape = [gates.layers, gates.heads]
    let columns = [records.count]
    try HDF5Archive(
      attributes: [
        "format": .text(Self.format), "format_version": .integer(Self.version),
        "identity": .text(identity), "step": .integer(step),
      ],
      arrays: [
        "gates": .doubles(gates.values, shape: shape),
        "optimizer/mean": .doubles(optimizer.mean, shape: shape),
        "optimizer/square": .doubles(optimizer.square, shape: shape),
        "multiplier": .doubles([multiplier], shape: [1]),
        "records/loss": .doubles(records.map(\.loss), shape: columns),
        "records/distillation": .doubles(records.map(\.distillation), shape: columns),
        "records/regularization": .doubles(records.map(\.regularization), shape: columns),
        "records/learning_rate": .doubles(records.map(\.learningRate), shape: columns),
        "records/tokens": .integers(records.map { Int64($0.tokens) }, shape: columns),
        "records/student_rows": .integers(records.map { Int64($0.studentRows) }, shape: columns),
      ]
    ).write(to: path)
  }

  /// The names of the parts, such as `weights` of `weights 1f…, settings 2e…`, that two identities both have
  /// and that differ.
  package static func differingParts(of found: String, from expected: String) -> [String] {
    func parts(_ identity: String) -> [(name: Substring, value: Substring)] {
      identity.split(separator: ", ").compactMap { part in
        let words = part.split(separator: " ", maxSplits: 1)
        return words.count == 2 ? (words[0], words[1]) : nil
      }
    }
    let known = parts(found)
    return parts(expected).compactMap { part in
      known.contains { $0.name == part.name && $0.value != part.value } ? String(part.name) : nil
    }
  }

  /// The identity that the checkpoint at `path` was written with; nil where there is no checkpoint that can be
  /// read.
  package static func identity(ofCheckpoint path: String) -> String? {
    var found: String?
    // Only the attributes are wanted: no array is expected, so that reading ends at the first.
    _ = try? HDF5Archive(reading: path, attributes: Self.attributes) { attributes in
      if attributes["format"] == .text(Self.format), case .text(let text)? = attributes["identity"]
      {
        found = text
      }
      return [:]
    }
    return found
  }

  /// Reads a state written by ``write(to:identity:)`` for the gates that `space` has after at most `steps` steps;
  /// `olderIdentities` are what earlier versions wrote for the same run.
  ///
  /// - Throws: ``CalibrationError/checkpoint(path:expected:found:)`` if the file is of another kind,
  ///   another run or another model, or has values that no run leaves; `FileError` if it cannot be
  ///   read or holds other arrays.
  public init(
    reading path: String, identity: String, olderIdentities: [String] = [], space: MapSpace,
    steps: Int
  ) throws {
    func refuse(_ expected: String, _ found: String) -> CalibrationError {
      .checkpoint(path: path, expected: expected, found: found)
    }
    var step = 0
    let archive = try HDF5Archive(reading: path, attributes: Self.attributes) { attributes in
      guard attributes["format"] == .text(Self.format),
        attributes["format_version"] == .integer(Self.version)
      else {
        throw refuse("a zigzag checkpoint of version \(Self.version)", "another kind of file")
      }
      guard case .text(let found)? = attributes["identity"] else {
        throw refuse("a checkpoint of this model and these settings", "one that names no run")
      }
      guard found == identity || olderIdentities.contains(found) else {
        let parts = Self.differingParts(of: found, from: identity)
        throw refuse(
          "a checkpoint of this model and these settings",
          parts.isEmpty ? "one of another run" : "one of other \(parts.joined(separator: ", "))")
      }
      guard case .integer(let stated)? = attributes["step"], (0...steps).contains(stated) else {
        throw refuse(
          "a step from 0 to \(steps)", "step \(attributes["step"]?.quoted ?? "nothing")")
      }
      step = stated
      return Self.forms(layers: space.layers, heads: space.heads, step: step)
    }
    let content = CheckpointContent(archive)
    if let name = content.absurd { throw refuse("\(name.expected) in \(name.array)", "others") }
    gates = GateMatrix(
      layers: space.layers, heads: space.heads, values: content.doubles("gates")
    ).within(space)
    optimizer = AdamW(
      step: step, mean: content.doubles("optimizer/mean"),
      square: content.doubles("optimizer/square"))
    multiplier = content.doubles("multiplier")[0]
    records = content.records
  }

  /// The arrays of a checkpoint after `step` steps.
  private static func forms(layers: Int, heads: Int, step: Int) -> [String: HDF5ArrayForm] {
    var forms: [String: HDF5ArrayForm] = ["multiplier": .doubles([1])]
    for name in ["gates", "optimizer/mean", "optimizer/square"] {
      forms[name] = .doubles([layers, heads])
    }
    for name in ["loss", "distillation", "regularization", "learning_rate"] {
      forms["records/\(name)"] = .doubles([step])
    }
    for name in ["tokens", "student_rows"] { forms["records/\(name)"] = .integers([step]) }
    return forms
  }
}

/// The arrays of a checkpoint, whose kinds and shapes are known to be right.
private struct CheckpointContent {
  let archive: HDF5Archive

  init(_ archive: HDF5Archive) { self.archive = archive }

  func doubles(_ name: String) -> [Double] {
    if case .doubles(let values, _)? = archive.arrays[name] { values } else { [] }
  }

  private func integers(_ name: String) -> [Int] {
    if case .integers(let values, _)? = archive.arrays[name] {
      values.map { Int($0) }
    } else {
      []
    }
  }

  var records: [CalibrationRecord] {
    let (loss, distillation) = (doubles("records/loss"), doubles("records/distillation"))
    let (penalty, rate) = (doubles("records/regularization"), doubles("records/learning_rate"))
    let (tokens, rows) = (integers("records/tokens"), integers("records/student_rows"))
    return loss.indices.map { i in
      CalibrationRecord(
        step: i + 1, loss: loss[i], distillation: distillation[i], regularization: penalty[i],
        learningRate: rate[i], tokens: tokens[i], studentRows: rows[i])
    }
  }

  /// The first array with values that no run leaves behind, and what they should be; nil if there is none.
  ///
  /// The values of a file stand under no checksum, so that a damaged disk may have changed them.
  var absurd: (array: String, expected: String)? {
    let largest = Double(Float.greatestFiniteMagnitude)
    let ranges: [(String, ClosedRange<Double>)] = [
      ("gates", 0...1), ("optimizer/mean", -largest...largest),
      ("optimizer/square", 0...largest * largest), ("multiplier", 0...largest),
      ("records/loss", 0...largest), ("records/distillation", 0...largest),
      ("records/regularization", 0...largest), ("records/learning_rate", 0...largest),
    ]
    for (name, range) in ranges where !doubles(name).allSatisfy(range.contains) {
      return (name, "numbers from \(range.lowerBound) to \(range.upperBound)")
    }
    // By Cauchy and Schwarz the two sums of AdamW's gradients allow no mean above 7.3 roots.
    let moments = zip(doubles("optimizer/mean"), doubles("optimizer/square"))
    if !moments.allSatisfy({ abs($0) <= 8 * $1.squareRoot() + 1e-140 }) {
      return ("optimizer/mean", "means of the gradients that optimizer/square has the squares of")
    }
    for name in ["records/tokens", "records/student_rows"]
    where !integers(name).allSatisfy({ (0...1 << 48).contains($0) }) {
      return (name, "counts from 0 to \(1 << 48)")
    }
    return nil
  }
}
