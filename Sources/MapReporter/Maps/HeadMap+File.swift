import Foundation
import GateOptimizer
import ModelLoader
import Support
import Transformer

extension HeadMap {
  /// Reads and checks `headmap.json`.
  ///
  /// - Parameter url: The file.
  /// - Returns: A sound map.
  /// - Throws: `FileError` naming the file, the place in it and what should be there.
  public static func read(from url: URL) throws(FileError) -> HeadMap {
    try parse(try TextFile.bytes(at: url.path, what: "map", limit: FileLimit.map), path: url.path)
  }

  /// Reads a map from the bytes of a file; `path` names it in errors.
  ///
  /// - Throws: `FileError`.
  package static func parse(_ bytes: Data, path: String) throws(FileError) -> HeadMap {
    try JSONFile.decode(HeadMap.self, from: bytes, path: path, format: "a headmap.json")
  }

  /// The file's text: keys in order of the alphabet, one row of gates per line, newline at the end.
  public func json() throws(FileError) -> String {
    try JSONFile.text(of: self, name: "headmap.json")
  }

  /// Writes `headmap.json` so that a reader never sees half of it.
  ///
  /// - Parameter url: The file to create or replace.
  /// - Throws: `FileError`.
  public func write(to url: URL) throws(FileError) {
    try AtomicFile.write(try json(), creatingFolderOf: url)
  }
}

extension HeadMap: Codable {
  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case model, window, gates, criterion, sparsity, calibration
    case headFull = "head_full"
    case layerFull = "layer_full"
  }

  /// Writes every key of the format; `layer_full` is null for a map that mixes kinds in a layer.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(
      window.isEverywhere ? Self.schemaVersions.lowerBound : Self.schemaVersions.upperBound,
      forKey: .schemaVersion)
    try container.encode(model, forKey: .model)
    try container.encode(window, forKey: .window)
    try container.encode(gates, forKey: .gates)
    try container.encode(heads.rows, forKey: .headFull)
    try container.encode(layerFull, forKey: .layerFull)
    try container.encode(criterion, forKey: .criterion)
    try container.encode(sparsity, forKey: .sparsity)
    try container.encode(calibration, forKey: .calibration)
  }

  /// Reads and checks a map; unknown keys are ignored.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let version = try container.decode(Int.self, forKey: .schemaVersion)
    guard Self.schemaVersions.contains(version) else {
      throw ValueFlaw(
        place: "schema_version",
        expected:
          "\(Self.schemaVersions.lowerBound) or \(Self.schemaVersions.upperBound), the versions this "
          + "zigzag reads",
        found: "\(version)")
    }
    let window = try container.decode(Window.self, forKey: .window)
    guard window.isEverywhere || version > Self.schemaVersions.lowerBound else {
      throw ValueFlaw(
        place: "window.phase", expected: "everywhere, all that schema_version \(version) has",
        found: "\"\(window.phase.rawValue)\"")
    }
    let sparsity = try container.decode(Sparsity.self, forKey: .sparsity)
    self.init(
      unchecked: try container.decode(Model.self, forKey: .model),
      window: window,
      gates: try container.decode([[Double]].self, forKey: .gates),
      heads: HeadSet(try container.decode([[Bool]].self, forKey: .headFull)),
      criterion: try container.decode(Criterion.self, forKey: .criterion),
      requestedSparsity: sparsity.requested,
      calibration: try container.decode(Calibration.self, forKey: .calibration))
    let layers = try container.decodeIfPresent([Bool].self, forKey: .layerFull)
    if let flaw = firstFlaw() ?? layerFlaw(layers) ?? achievedFlaw(sparsity.achieved) { throw flaw }
  }

  /// `layer_full` repeats what `head_full` says; a file in which the two differ is damaged.
  private func layerFlaw(_ stated: [Bool]?) -> ValueFlaw? {
    guard let stated else { return nil }
    if stated.count != heads.rows.count {
      return ValueFlaw(
        place: "layer_full", expected: "\(heads.rows.count) values, one per layer",
        found: "\(stated.count)")
    }
    for (layer, isFull) in stated.enumerated() where heads.rows[layer].contains(!isFull) {
      return ValueFlaw(
        place: "layer_full[\(layer)]",
        expected: "what head_full[\(layer)] says (null if a layer mixes kinds)",
        found: "\(isFull)")
    }
    return nil
  }

  private func achievedFlaw(_ stated: Double) -> ValueFlaw? {
    abs(stated - sparsity.achieved) < 1e-6
      ? nil
      : ValueFlaw(
        place: "sparsity.achieved", expected: "head_full's share of false, \(sparsity.achieved)",
        found: "\(stated)")
  }
}

extension HeadMap {
  /// The largest L, K or H that is believed; beyond it a file is damaged.
  static let largestCount = 1 << 30

  /// The first value that does not fit, in the order of the file's meaning; nil for a sound map.
  func firstFlaw() -> ValueFlaw? {
    modelFlaw() ?? windowFlaw() ?? gatesFlaw() ?? headFullFlaw() ?? sparsityFlaw()
  }

  private func modelFlaw() -> ValueFlaw? {
    let shape = [
      ("model.num_hidden_layers", model.layers), ("model.num_key_value_heads", model.keyValueHeads),
      ("model.num_attention_heads", model.queryHeads ?? model.keyValueHeads),
    ]
    for (place, value) in shape where value < 1 || value > Self.largestCount {
      return countFlaw(place, value, 1...Self.largestCount)
    }
    if let flaw = ownWindowsFlaw() { return flaw }
    if let queryHeads = model.queryHeads, queryHeads % model.keyValueHeads != 0 {
      return ValueFlaw(
        place: "model.num_attention_heads", expected: "a multiple of \(model.keyValueHeads)",
        found: "\(queryHeads)")
    }
    let tokenizer = model.tokenizerSHA256 == ModelIdentity.noTokenizer ? nil : model.tokenizerSHA256
    for (name, digest) in [
      ("weights", model.weightsSHA256), ("configuration", model.configurationSHA256),
      ("tokenizer", tokenizer),
    ] {
      if let digest, !isSHA256(digest) {
        return ValueFlaw(
          place: "model.\(name)_sha256", expected: "64 lower-case hexadecimal digits",
          found: "\"\(digest.prefix(80))\"")
      }
    }
    return nil
  }

  private func ownWindowsFlaw() -> ValueFlaw? {
    if let flaw = model.ownWindowsFlaw() { return flaw }
    for (layer, window) in (model.ownWindows ?? []).enumerated() where window != nil {
      if layer < heads.rows.count, heads.rows[layer].contains(true) {
        return ValueFlaw(
          place: "head_full[\(layer)]", expected: "false, since the layer has a window of its own",
          found: "true")
      }
    }
    return nil
  }

  private func windowFlaw() -> ValueFlaw? {
    let sizes = [
      ("window.sink", window.sink, SettingRange.sink),
      ("window.recent", window.recent, SettingRange.window),
      ("window.block", window.block, SettingRange.window),
    ]
    for (place, value, range) in sizes where !range.contains(value) {
      return countFlaw(place, value, range)
    }
    guard window.recent % window.block == 0 else {
      return ValueFlaw(
        place: "window.recent", expected: "a multiple of window.block, \(window.block)",
        found: "\(window.recent)")
    }
    guard window.after == .slide || window.phase == .decode else {
      return ValueFlaw(
        place: "window.after", expected: "slide, where window.phase is \(window.phase.rawValue)",
        found: "\"\(window.after.rawValue)\"")
    }
    guard window.boundary == .question || !window.isEverywhere else {
      return ValueFlaw(
        place: "window.boundary", expected: "question, where window.phase is everywhere",
        found: "\"\(window.boundary.rawValue)\"")
    }
    return nil
  }

  private func countFlaw(_ place: String, _ value: Int, _ range: ClosedRange<Int>) -> ValueFlaw {
    let expected =
      value < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
    return ValueFlaw(place: place, expected: expected, found: "\(value)")
  }

  private func gatesFlaw() -> ValueFlaw? {
    if let flaw = shapeFlaw(of: gates, named: "gates") { return flaw }
    for (layer, row) in gates.enumerated() {
      for (head, gate) in row.enumerated() where !(0...1).contains(gate) {
        return ValueFlaw(
          place: "gates[\(layer)][\(head)]", expected: "a number from 0 to 1", found: "\(gate)")
      }
    }
    return nil
  }

  private func headFullFlaw() -> ValueFlaw? {
    shapeFlaw(of: heads.rows, named: "head_full")
  }

  private func sparsityFlaw() -> ValueFlaw? {
    (0...1).contains(sparsity.requested)
      ? nil
      : ValueFlaw(
        place: "sparsity.requested", expected: "a number from 0 to 1",
        found: "\(sparsity.requested)")
  }

  private func shapeFlaw<Value>(of rows: [[Value]], named name: String) -> ValueFlaw? {
    if rows.count != model.layers {
      return ValueFlaw(
        place: name, expected: "\(model.layers) rows, one per layer", found: "\(rows.count)")
    }
    for (layer, row) in rows.enumerated() where row.count != model.keyValueHeads {
      return ValueFlaw(
        place: "\(name)[\(layer)]", expected: "\(model.keyValueHeads) values, one per head",
        found: "\(row.count)")
    }
    return nil
  }
}
