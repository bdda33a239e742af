import GateOptimizer
import ModelLoader
import Support

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
      if let digest, !Self.isSHA256(digest) {
        return ValueFlaw(
          place: "model.\(name)_sha256", expected: "64 lower-case hexadecimal digits",
          found: "\"\(digest.prefix(80))\"")
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

  private static func isSHA256(_ text: String) -> Bool {
    text.utf8.count == 64
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}
