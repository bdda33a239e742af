/// The `streaming_sparse_attention` key of SGLang's LongCat ZigZag back end.
///
/// `layer_type` has one character per attention layer, '1' for **streaming**. Its kernels count in
/// blocks of 128 tokens, so sink and recent are rounded up.
struct SGLangExporter: MapExporter {
  let format = ExportFormat.sglang
  /// Tokens per block of the kernels.
  static let block = 128

  func export(_ map: HeadMap) throws(MapReporterError) -> MapExport {
    let layers = try requireLayers(map)
    let sizes = Sizes(
      sink_size: Self.roundedUp(map.window.sink), recent_size: Self.roundedUp(map.window.recent),
      sparsity: map.sparsity.achieved,
      layer_type: layers.map { $0 ? "0" : "1" }.joined())
    var warnings = ["Merge the key into the model's config.json; in layer_type 1 is streaming."]
    if sizes.sink_size != map.window.sink || sizes.recent_size != map.window.recent {
      warnings.append(
        "The kernels work in blocks of \(Self.block): sink \(map.window.sink) becomes "
          + "\(sizes.sink_size) and recent \(map.window.recent) becomes \(sizes.recent_size).")
    }
    let text = try JSONText.encode(["streaming_sparse_attention": sizes])
    return MapExport(
      files: [ExportedFile(path: "streaming_sparse_attention.json", text: text)],
      warnings: warnings)
  }

  /// `tokens` in whole blocks; counts of a sound map are far from overflow.
  static func roundedUp(_ tokens: Int) -> Int {
    (tokens + block - 1) / block * block
  }

  private struct Sizes: Encodable {
    let sink_size: Int
    let recent_size: Int
    let sparsity: Double
    let layer_type: String
  }
}
