import ModelLoader

extension CalibrationState {
  private static let format = "zigzag-checkpoint"
  private static let version = 2

  /// Writes the state to `path` through a temporary file; `identity` names the run it belongs to
  /// (model hash and settings), and must be the same on reading.
  ///
  /// - Throws: `ModelLoaderError` if the file cannot be written.
  public func write(to path: String, identity: String) throws(ModelLoaderError) {
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
  private static func differingParts(of found: String, from expected: String) -> [String] {
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

  /// Reads a state written by ``write(to:identity:)``; `olderIdentity` is what an earlier version wrote for
  /// the same run.
  ///
  /// - Throws: ``CalibrationError/checkpoint(path:expected:found:)`` if the file is of another kind,
  ///   another run or another model; `ModelLoaderError` if it cannot be read.
  public init(
    reading path: String, identity: String, olderIdentity: String? = nil, layers: Int, heads: Int
  ) throws {
    let archive = try HDF5Archive(reading: path)
    func refuse(_ expected: String, _ found: String) -> CalibrationError {
      .checkpoint(path: path, expected: expected, found: found)
    }
    guard archive.attributes["format"] == .text(Self.format),
      archive.attributes["format_version"] == .integer(Self.version),
      case .integer(let step)? = archive.attributes["step"],
      step >= 0
    else { throw refuse("a zigzag checkpoint of version \(Self.version)", "another kind of file") }
    guard case .text(let found)? = archive.attributes["identity"] else {
      throw refuse("a checkpoint of this model and these settings", "one that names no run")
    }
    guard found == identity || found == olderIdentity else {
      let parts = Self.differingParts(of: found, from: identity)
      throw refuse(
        "a checkpoint of this model and these settings",
        parts.isEmpty ? "one of another run" : "one of other \(parts.joined(separator: ", "))")
    }
    func doubles(_ name: String, _ shape: [Int]) throws -> [Double] {
      guard case .doubles(let values, shape)? = archive.arrays[name],
        values.allSatisfy(\.isFinite)
      else { throw refuse("\(name) with \(shape) finite numbers", "something else") }
      return values
    }
    func integers(_ name: String) throws -> [Int] {
      guard case .integers(let values, [step])? = archive.arrays[name] else {
        throw refuse("\(name) with \(step) integers", "something else")
      }
      return values.map { Int(clamping: $0) }
    }
    let shape = [layers, heads]
    gates = GateMatrix(layers: layers, heads: heads, values: try doubles("gates", shape))
    optimizer = AdamW(
      step: step, mean: try doubles("optimizer/mean", shape),
      square: try doubles("optimizer/square", shape))
    multiplier = try doubles("multiplier", [1])[0]
    let (loss, distillation) = (
      try doubles("records/loss", [step]), try doubles("records/distillation", [step])
    )
    let regularization = try doubles("records/regularization", [step])
    let learningRate = try doubles("records/learning_rate", [step])
    let (tokens, rows) = (try integers("records/tokens"), try integers("records/student_rows"))
    records = (0..<step).map { i in
      CalibrationRecord(
        step: i + 1, loss: loss[i], distillation: distillation[i],
        regularization: regularization[i], learningRate: learningRate[i], tokens: tokens[i],
        studentRows: rows[i])
    }
  }
}
