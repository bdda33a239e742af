/// The `streaming_sparse_attention` key of SGLang's LongCat ZigZag back end.
///
/// `layer_type` has one character per attention layer, '1' for **streaming**. Its kernels count in
/// blocks of 128 tokens, so sink and recent are rounded up.
struct SGLangExporter: MapExporter {
  let format = ExportFormat.sglang

  func export(_ map: HeadMap) throws -> MapExport {
    let layers = try requireLayers(map)
    let sizes = BlockSizes(map.window)
    let key = [
      "streaming_sparse_attention": Key(
        sink_size: sizes.sink, recent_size: sizes.recent, sparsity: map.sparsity.achieved,
        layer_type: layers.map { $0 ? "0" : "1" }.joined())
    ]
    var warnings = [
      "Merge the key into the model's config.json; in layer_type 1 is streaming."
    ]
    warnings += sizes.warnings
    if map.model.keyValueHeads > 1 {
      warnings.append(
        "The back end of PR 18093 is for multi-head latent attention: its decoding kernel takes one "
          + "key-value head, and this map has \(map.model.keyValueHeads).")
    }
    return try result(
      [
        ExportedFile(path: "streaming_sparse_attention.json", json: key)
      ], of: map, rule: sizes.rule, warnings: warnings)
  }

  private struct Key: Encodable {
    let sink_size: Int
    let recent_size: Int
    let sparsity: Double
    let layer_type: String
  }
}

/// A window in whole blocks of 128 tokens, as the LongCat ZigZag kernels take it.
struct BlockSizes {
  /// Tokens per block of the kernels.
  static let block = 128

  let window: HeadMap.Window
  let sink: Int
  let recent: Int

  /// `window` rounded up; counts of a sound map are far from overflow.
  init(_ window: HeadMap.Window) {
    func roundedUp(_ tokens: Int) -> Int { (tokens + Self.block - 1) / Self.block * Self.block }
    self.window = window
    sink = roundedUp(window.sink)
    recent = roundedUp(window.recent)
  }

  /// The window moves by whole blocks, the one with the current token included.
  var rule: VisibilityRule { VisibilityRule(sink: sink, recent: recent, block: Self.block) }

  /// What the blocks change.
  var warnings: [String] {
    var warnings: [String] = []
    if sink != window.sink || recent != window.recent {
      warnings.append(
        "The kernels work in blocks of \(Self.block): sink \(window.sink) becomes "
          + "\(sink) and recent \(window.recent) becomes \(recent).")
    }
    let least = recent - Self.block + 1
    warnings.append(
      "Their window moves by whole blocks: a token sees the last \(least) to \(recent) tokens, by "
        + "its place in its block"
        + (least < window.recent
          ? "; with recent \(window.recent + Self.block - 1) it would never see fewer than "
            + "\(window.recent)." : "."))
    return warnings
  }
}
