import GateOptimizer
import MapReporter
import Transformer

/// A pattern that is compared with others.
struct BenchPattern {
  let method: CurveMethod
  /// The share of layers that was to stream, where there was a choice.
  let sparsity: Double?
  var pattern: AttentionPattern

  /// Full attention and all streaming; and at each sparsity single heads, and whole layers by `max`.
  ///
  /// Head-mixed patterns have as many retrieval heads as the layers of the same sparsity.
  ///
  /// - Throws: `GateOptimizerError` where a sparsity is none.
  static func all(
    _ gates: GateMatrix, sparsities: [Double], model: ModelConfiguration, window: StreamingWindow
  ) throws(GateOptimizerError) -> [BenchPattern] {
    var patterns = [
      BenchPattern(method: .full, sparsity: nil, pattern: .full(model)),
      BenchPattern(
        method: .streaming, sparsity: nil, pattern: .streaming(model, window: window)),
    ]
    for sparsity in sparsities {
      let layers = try gates.layerMap(by: .max, sparsity: sparsity)
      let heads = try gates.headCut(likeLayersAt: sparsity)
      patterns += [
        BenchPattern(
          method: .headMixed, sparsity: sparsity, pattern: AttentionPattern(heads, window: window)),
        BenchPattern(
          method: .layers(.max), sparsity: sparsity,
          pattern: layers.pattern(keyValueHeads: model.keyValueHeads, window: window)),
      ]
    }
    return patterns
  }

  /// The same heads, of which the streaming ones see what `rule` says.
  func streaming(by rule: StreamingRule) -> BenchPattern {
    var deployed = self
    deployed.pattern.streaming = rule
    return deployed
  }

  var retrievalHeads: Int { pattern.heads.count - pattern.heads.streamingCount }
  var heads: Int { pattern.heads.count }
  var mixedLayers: Int { pattern.heads.mixedLayers.count }
}

extension Bench {
  /// Prefill, decode and cache of every pattern at every length.
  func maps(_ texts: [[Int32]]) throws -> MapsResult {
    let patterns = try BenchPattern.all(
      gates.map { $0.gates.within(MapSpace(decoder.configuration)) } ?? input.mapGates,
      sparsities: settings.sparsities,
      model: decoder.configuration, window: settings.window)
    return MapsResult(
      gates: gates?.file ?? "random, seed \(settings.seed)",
      lengths: try texts.map { tokens in
        let deployment = Deployment(settings.window, phase: settings.phase)
        let rule = deployment.rule(boundary: tokens.count)
        return try compare(patterns.map { $0.streaming(by: rule) }, tokens)
      })
  }

  private func compare(_ patterns: [BenchPattern], _ tokens: [Int32]) throws -> MapsAtLength {
    var decodings: [Int: Decoding] = [:]
    let measured = try rounds(
      "maps, \(tokens.count) tokens", variants: patterns.count
    ) { index in
      // The caches of the round before are given up first.
      decodings[index] = nil
      return seconds {
        decodings[index] = Decoding(
          decoder, prompt: tokens, pattern: patterns[index].pattern, tokens: decodeCapacity)
      }
    }
    let ready = patterns.indices.compactMap { decodings[$0] }
    let times = try decodeInTurn(ready, title: "maps, decode after \(tokens.count) tokens")
    let results = patterns.indices.map { index in
      result(
        patterns[index], tokens: tokens.count, prefill: Timing(measured.samples[index]),
        yardstick: measured.yardstick, decode: Timing(times[index]),
        cacheBytes: ready[index].cacheBytes)
    }
    return MapsAtLength(tokens: tokens.count, patterns: results, gains: gains(results))
  }

  private func result(
    _ pattern: BenchPattern, tokens: Int, prefill: Timing, yardstick: Double, decode: Timing,
    cacheBytes: Int
  ) -> PatternResult {
    PatternResult(
      method: pattern.method.name, requestedSparsity: pattern.sparsity,
      achievedSparsity: MapSpace(decoder.configuration).sparsity(of: pattern.pattern.heads),
      retrievalHeads: pattern.retrievalHeads, mixedLayers: pattern.mixedLayers, prefill: prefill,
      prefillRate: WorkRate(
        count.prefill(pattern.pattern, rows: tokens - 1..<tokens), seconds: prefill.median,
        yardstick: yardstick),
      decode: decode, cacheBytes: cacheBytes)
  }

  private func gains(_ results: [PatternResult]) -> [PatternGain] {
    settings.sparsities.compactMap { sparsity in
      let both = results.filter { $0.requestedSparsity == sparsity }
      guard let heads = both.first, let layers = both.last, both.count == 2 else { return nil }
      return PatternGain(
        sparsity: sparsity, prefill: heads.prefill.median / layers.prefill.median,
        decode: heads.decode.median / layers.decode.median,
        cacheBytes: Double(heads.cacheBytes) / Double(max(layers.cacheBytes, 1)))
    }
  }
}
