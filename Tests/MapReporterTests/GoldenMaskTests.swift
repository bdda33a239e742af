import Foundation
import MapReporter
import Testing
import Transformer

/// The golden mask beside each export against what the consumer's own sources say it computes.
@Suite struct GoldenMaskTests {
  private struct Golden: Decodable {
    let format: String
    let tokens: Int
    let queries: [Int]
    let keys: [Int]
    let masks: [String: [String]]
    let full_heads: [[Int]]
    let rule: String
    let phase: String?
    let boundary: Int?
    let after: String?
  }

  /// Whether a streaming head sees `key` from `query`: each consumer's loop, mask or kernel in its own
  /// terms, from the numbers in its file.
  private func sees(
    _ format: ExportFormat, _ map: HeadMap, query: Int, key: Int, boundary: Int?
  ) throws -> Bool {
    guard key <= query else { return false }
    let (sink, recent) = (map.window.sink, map.window.recent)
    switch format {
    case .headMap, .duoAttention, .swaa:
      // Keys kept by an eviction that leaves the first `sink` and the last `recent`.
      let evicted = Array((0...query).dropFirst(sink).dropLast(recent))
      return !evicted.contains(key)
    case .kvpress:
      // The press hides keys[sink:-recent] of the prompt from all that comes after it.
      let prompt = 0..<(try #require(boundary))
      return prompt.contains(query)
        || !prompt.dropFirst(sink).dropLast(recent).contains(key)
    case .huggingFace, .vllm, .tensorRT:
      // transformers' overlay: kv_idx > q_idx - sliding_window.
      return key > query - recent
    case .mlx:
      // create_causal_mask: linds < rinds + window_size.
      return query < key + recent
    case .gguf:
      // llama.cpp's standard window: masked when p1 - p0 >= n_swa.
      return !(query - key >= recent)
    case .rtpLLM:
      // FlashInfer's window_left reaches so many keys back; the sink is merged in. Decoding sees everything.
      guard query < (try #require(boundary)) else { return true }
      let windowLeft = recent - 1
      return key < sink || query - windowLeft <= key
    case .sglang, .fluentLLM:
      // The kernel skips block k unless k < sinkBlocks or k >= ceil((i + 1) / 128) - recentBlocks.
      let (k, blocks) = (key / 128, (query + 1 + 127) / 128)
      return k < (sink + 127) / 128 || k >= blocks - (recent + 127) / 128
    }
  }

  @Test(arguments: ExportFormat.allCases, ExportMaps.layers)
  func masksAreWhatTheConsumerComputes(
    _ format: ExportFormat, _ sample: ExportMaps.Sample
  ) throws {
    guard let export = try? format.export(sample.map) else { return }
    let file = try #require(export.files.last)
    #expect(file.path == "\(format.rawValue).golden.json")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(file.text.utf8))
    #expect(golden.format == format.rawValue)
    #expect(golden.full_heads == sample.map.heads.rows.map { $0.map { $0 ? 1 : 0 } })
    #expect((golden.queries + golden.keys).allSatisfy { (0..<golden.tokens).contains($0) })
    let full = golden.queries.map { query in
      golden.keys.map { $0 > query ? "0" : "1" }.joined()
    }
    #expect(golden.masks["full"] == full)
    let streaming = try golden.queries.map { query in
      try golden.keys.map {
        try sees(format, sample.map, query: query, key: $0, boundary: golden.boundary) ? "1" : "0"
      }.joined()
    }
    #expect(golden.masks["streaming"] == streaming)
    let isPhased = format == .kvpress || format == .rtpLLM
    #expect((golden.phase != nil) == isPhased && (golden.boundary != nil) == isPhased)
    #expect(golden.after == (format == .kvpress ? "keep" : nil))
  }

  /// A map that does not stream everywhere shows both sides of the end of its prompt.
  @Test(arguments: [
    (Deployment.Phase.decode, Deployment.After.slide), (.decode, .keep), (.prompt, .slide),
  ])
  func masksShowTheEndOfThePrompt(_ phase: Deployment.Phase, _ after: Deployment.After) throws {
    for (sink, recent) in [(16, 64), (0, 5), (3, 1)] {
      let window = StreamingWindow(sink: sink, recent: recent)
      let map = try MapSamples.layers(deployed: Deployment(window, phase: phase, after: after))
      let text = try #require(try ExportFormat.headMap.export(map).files.last).text
      let golden = try JSONDecoder().decode(Golden.self, from: Data(text.utf8))
      let end = try #require(golden.boundary)
      #expect(golden.phase == phase.rawValue)
      #expect(golden.after == (phase == .decode ? after.rawValue : nil))
      #expect(golden.rule.contains(phase == .decode ? "(i < \(end) or" : "(i >= \(end) or"))
      #expect([end - 1, end, end + recent].allSatisfy(golden.queries.contains))
      let rows = golden.queries.map { query in
        golden.keys.map { key in
          let inWindow =
            after == .keep ? key >= max(0, end - recent) : query - key < recent
          let streams = phase == .decode ? query >= end : query < end
          return key <= query && (!streams || key < sink || inWindow) ? "1" : "0"
        }.joined()
      }
      #expect(golden.masks["streaming"] == rows)
    }
  }

  /// A window that is wrong by one token, or a sink that is kept or lost, shows in the rows.
  @Test(arguments: [(17, 64), (16, 65), (16, 63), (0, 64)])
  func masksTellNeighbouringWindowsApart(sink: Int, recent: Int) throws {
    func streaming(_ sink: Int, _ recent: Int) throws -> [Bool] {
      let export = try ExportFormat.headMap.export(try MapSamples.layers())
      let text = try #require(export.files.last).text
      let golden = try JSONDecoder().decode(Golden.self, from: Data(text.utf8))
      return golden.queries.flatMap { query in
        golden.keys.map { $0 <= query && ($0 < sink || query - $0 < recent) }
      }
    }
    #expect(try streaming(sink, recent) != streaming(16, 64))
  }
}
