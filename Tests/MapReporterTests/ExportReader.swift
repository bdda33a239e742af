import Foundation
import MapReporter

/// What a consumer makes of an export, read by the consumer's rules with code of its own.
struct ReadExport: Equatable {
  /// Rows of heads, or of layers as rows of one; true is full attention.
  var full: [[Bool]]
  /// First tokens that a streaming head keeps.
  var sink: Int
  /// Tokens before the current one that a streaming head reaches at most.
  var reach: Int
}

/// Reads each format as its consumer does, from the bytes alone.
enum ExportReader {
  struct Unreadable: Error {}

  static func read(_ export: MapExport, format: ExportFormat) throws -> ReadExport {
    switch format {
    case .headMap: try headMap(export)
    case .duoAttention:
      try table(
        export, "duo-attention-exact/full_attention_heads.tsv",
        object(export, "duo-attention-exact/config.json"), isFull: { $0 > 0.5 })
    case .kvpress: try pruned(export)
    case .huggingFace: try layerTypes(object(export, "config.patch.json"))
    case .vllm: try layerTypes(object(export, "hf_overrides.json"))
    case .mlx: try layerTypes(object(export, "mlx_config.patch.json"))
    case .sglang: try layerString(export)
    case .fluentLLM: try quantile(export)
    case .swaa: try listed(export)
    case .rtpLLM: try headwise(export)
    case .tensorRT: try windows(export)
    case .gguf: try pattern(export)
    }
  }

  private static func text(_ export: MapExport, _ path: String) throws -> String {
    guard let file = export.files.first(where: { $0.path == path }) else { throw Unreadable() }
    return file.text
  }

  private static func object(_ export: MapExport, _ path: String) throws -> [String: Any] {
    let json = try JSONSerialization.jsonObject(with: Data(text(export, path).utf8))
    return try cast(json)
  }

  private static func cast<T>(_ value: Any?) throws -> T {
    guard let value = value as? T else { throw Unreadable() }
    return value
  }

  private static func headMap(_ export: MapExport) throws -> ReadExport {
    let map = try object(export, "headmap.json")
    let window: [String: Int] = try cast(map["window"])
    return ReadExport(
      full: try cast(map["head_full"]), sink: try cast(window["sink"]),
      reach: try cast(window["recent"]) - 1)
  }

  /// transformers, vLLM, mlx-lm: a window that counts the current token, no sink.
  private static func layerTypes(_ keys: [String: Any]) throws -> ReadExport {
    let types: [String] = try cast(keys["layer_types"])
    guard types.allSatisfy({ $0 == "full_attention" || $0 == "sliding_attention" }) else {
      throw Unreadable()
    }
    return ReadExport(
      full: types.map { [$0 == "full_attention"] }, sink: 0,
      reach: try cast(keys["sliding_window"]) - 1)
  }

  /// numpy.loadtxt with tabs.
  private static func rows(_ text: String) -> [[Double]] {
    text.split(separator: "\n").map { $0.split(separator: "\t").compactMap { Double($0) } }
  }

  private static func table(
    _ export: MapExport, _ path: String, _ sizes: [String: Any], isFull: (Double) -> Bool
  ) throws -> ReadExport {
    ReadExport(
      full: rows(try text(export, path)).map { $0.map(isFull) },
      sink: try cast(sizes["sink_size"]), reach: try cast(sizes["recent_size"]) - 1)
  }

  /// kvpress' DuoAttentionPress: so many of the least scores stream, in the order of numpy's argsort.
  private static func pruned(_ export: MapExport) throws -> ReadExport {
    let keys = try object(export, "kvpress/config.json")
    var read = try table(export, "kvpress/full_attention_heads.tsv", keys, isFull: { _ in true })
    let scores = rows(try text(export, "kvpress/full_attention_heads.tsv"))
    let places = scores.indices.flatMap { layer in scores[layer].indices.map { (layer, $0) } }
    let ratio: Double = try cast(keys["head_compression_ratio"])
    let count = Int((Double(places.count) * ratio).rounded(.toNearestOrEven))
    for (layer, head) in places.sorted(by: { scores[$0.0][$0.1] < scores[$1.0][$1.1] }).prefix(
      count)
    {
      read.full[layer][head] = false
    }
    return read
  }

  private static func layerString(_ export: MapExport) throws -> ReadExport {
    let all = try object(export, "streaming_sparse_attention.json")
    let keys: [String: Any] = try cast(all["streaming_sparse_attention"])
    let types: String = try cast(keys["layer_type"])
    return ReadExport(
      full: types.map { [$0 != "1"] }, sink: try cast(keys["sink_size"]),
      reach: try cast(keys["recent_size"]) - 1)
  }

  /// Full is what is not below the linear quantile of the whole table at `sparsity`.
  private static func quantile(_ export: MapExport) throws -> ReadExport {
    let all = try object(export, "fluentllm/streaming_sparse_attention.json")
    let keys: [String: Any] = try cast(all["streaming_sparse_attention"])
    let path = "fluentllm/\(try cast(keys["head_score"]) as String)"
    let sorted = rows(try text(export, path)).flatMap { $0 }.sorted()
    let place = (try cast(keys["sparsity"]) as Double) * Double(sorted.count - 1)
    let below = Int(place.rounded(.down))
    let above = min(below + 1, sorted.count - 1)
    let cut = sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
    return try table(export, path, keys, isFull: { $0 >= cut })
  }

  private static func listed(_ export: MapExport) throws -> ReadExport {
    let keys = try object(export, "swaa.json")
    let full: [Int] = try cast(keys["non_sliding_layers"])
    guard keys["force_fa_decode"] as? Bool == false else { throw Unreadable() }
    // The file does not say how many layers there are; the golden mask does.
    let golden = try object(export, "swaa.golden.json")
    let rows: [[Int]] = try cast(golden["full_heads"])
    return ReadExport(
      full: rows.indices.map { [full.contains($0)] }, sink: try cast(keys["keep_first"]),
      reach: try cast(keys["sliding_window_size"]) - 1)
  }

  /// One row of query heads per layer; `window_left` does not count the current token.
  private static func headwise(_ export: MapExport) throws -> ReadExport {
    let all = try object(export, "rtp_llm.json")
    let keys: [String: Any] = try cast(all["headwise_config"])
    let full: [[Bool]] = try (0..<(keys.count - 3)).map { layer in
      let heads: [Int] = try cast(keys["\(layer)"])
      return heads.map { $0 == 1 }
    }
    return ReadExport(
      full: full, sink: try cast(keys["sink_token_num"]), reach: try cast(keys["swa_token_num"]))
  }

  private static func windows(_ export: MapExport) throws -> ReadExport {
    let lines = try text(export, "tensorrt_llm.yaml").split(separator: "\n")
      .filter { !$0.hasPrefix("#") }
    guard lines.count == 2, lines[0] == "kv_cache_config:",
      let colon = lines[1].firstIndex(of: ":"), lines[1][..<colon] == "  max_attention_window"
    else { throw Unreadable() }
    // A YAML flow sequence of numbers is a JSON array too.
    let list = Data(lines[1][lines[1].index(after: colon)...].utf8)
    let windows: [Int] = try cast(JSONSerialization.jsonObject(with: list))
    // max_seq_len of the longest contexts there are.
    let longest = 10_000_000
    let sliding = windows.filter { $0 < longest }
    return ReadExport(
      full: windows.map { [$0 >= longest] }, sink: 0, reach: (sliding.first ?? 0) - 1)
  }

  private static func pattern(_ export: MapExport) throws -> ReadExport {
    let keys = try object(export, "gguf_metadata.json")
    let size: [String: Any] = try cast(keys["llama.attention.sliding_window"])
    let pattern: [String: Any] = try cast(keys["llama.attention.sliding_window_pattern"])
    guard size["type"] as? String == "UINT32", pattern["type"] as? String == "ARRAY of BOOL" else {
      throw Unreadable()
    }
    let sliding: [Bool] = try cast(pattern["value"])
    return ReadExport(
      full: sliding.map { [!$0] }, sink: 0, reach: try cast(size["value"]) - 1)
  }
}
