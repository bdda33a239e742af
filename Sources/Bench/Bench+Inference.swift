import Foundation
import MapReporter
import Transformer

extension Bench {
  /// A prompt to the final hidden states of all its tokens, full attention.
  func prefill(_ tokens: [Int32]) throws -> PrefillResult {
    let full = AttentionPattern.full(decoder.configuration)
    let measured = try rounds("prefill, \(tokens.count) tokens") { _ in
      seconds { _ = decoder.finalHidden(tokens, pattern: full) }
    }
    let timing = Timing(measured.samples[0])
    return PrefillResult(
      tokens: tokens.count, seconds: timing,
      tokensPerSecond: Double(tokens.count) / timing.median,
      rate: WorkRate(
        count.prefill(full, rows: 0..<tokens.count), seconds: timing.median,
        yardstick: measured.yardstick))
  }

  /// Tokens decoded one by one after a prompt, full attention.
  func decode(_ tokens: [Int32]) throws -> DecodeResult {
    let full = AttentionPattern.full(decoder.configuration)
    let decoding = Decoding(decoder, prompt: tokens, pattern: full, tokens: decodeCapacity)
    let times = try decodeInTurn([decoding], title: "decode after \(tokens.count) tokens")
    let timing = Timing(times[0])
    // The middle of the tokens that were timed.
    let context = tokens.count + Decoding.untimed + (settings.decodeTokens + 1) / 2
    let bytes =
      decoder.weights.bytesPerToken(decoder.configuration.kinds)
      + cachedBytesRead(full, context: context)
    return DecodeResult(
      promptTokens: tokens.count, seconds: timing, tokensPerSecond: 1 / timing.median,
      cacheBytes: decoding.cacheBytes,
      gigabytesPerSecond: Double(bytes) / timing.median / 1e9, generated: decoding.generated)
  }

  /// Tokens a cache must take in besides the prompt.
  var decodeCapacity: Int { Decoding.untimed + settings.decodeTokens }

  /// Bytes of float32 keys and values that one token sees of `context` tokens.
  private func cachedBytesRead(_ pattern: AttentionPattern, context: Int) -> Int {
    let visible = pattern.isRetrieval.joined().reduce(0) { sum, isRetrieval in
      sum + (isRetrieval ? context : pattern.streaming.visibleKeys(at: context - 1))
    }
    return visible * 2 * decoder.configuration.headDim * MemoryLayout<Float>.stride
  }

  /// Seconds of each of `decodeTokens` tokens, for every decoding; all decode a token in turn.
  func decodeInTurn(_ decodings: [Decoding], title: String) throws -> [[Double]] {
    observer.stepBegan(title, unit: "tokens", done: 0, total: decodeCapacity)
    var times: [[Double]] = Array(repeating: [], count: decodings.count)
    for token in 0..<decodeCapacity {
      for (index, decoding) in decodings.enumerated() {
        let time = try unlessStopped { seconds { decoding.advance() } }
        if token >= Decoding.untimed { times[index].append(time) }
      }
      observer.stepAdvanced(to: token + 1, note: "")
    }
    return times
  }
}

/// A generation under way, greedily.
final class Decoding {
  /// Tokens decoded before any is timed.
  static let untimed = 2

  private var generation: Generation
  private(set) var generated: [Int32] = []
  private var next: Int32?

  /// Reads `prompt`, with room for `tokens` more.
  init(_ decoder: DecoderModel, prompt: [Int32], pattern: AttentionPattern, tokens: Int) {
    generation = Generation(
      decoder, prompt: prompt, pattern: pattern, capacity: prompt.count + tokens)
  }

  /// Bytes the cache holds.
  var cacheBytes: Int { generation.cacheBytes }

  /// Decodes one token: takes in the last prediction and makes the next.
  func advance() {
    let token = next ?? generation.prediction
    generated.append(token)
    generation.append(token)
    next = generation.prediction
  }
}

extension Bench {
  /// Large products by OpenBLAS on one core and on all, and by our own kernels, in turn.
  func gemm() throws -> GemmResult {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let (rows, columns) = (SgemmRate.rowsPerCore * cores, SgemmRate.columns)
    let a = input.matrix(rows: rows, columns: columns)
    let b = WeightMatrix(
      rows: columns, columns: columns, values: input.matrix(rows: columns, columns: columns).values)
    var c = Tensor(rows: rows, columns: columns)
    let rates = try rounds("gemm", variants: 3) { variant in
      if variant < 2 { return yardstick(cores: variant == 0 ? 1 : cores) }
      let time = seconds {
        var view = c.mutableView
        matmul(a.view, b, .transposed, into: &view)
      }
      return 2 * Double(rows * columns * columns) / time / 1e9
    }.samples
    return GemmResult(
      rowsPerCore: SgemmRate.rowsPerCore, columns: columns, oneCore: medianOf(rates[0]),
      allCores: medianOf(rates[1]), own: medianOf(rates[2]))
  }

  /// Full and streaming attention of one layer over `tokens` positions.
  func attention(_ tokens: Int) throws -> [AttentionResult] {
    let c = decoder.configuration
    let shape = AttentionShape(c)
    let q = input.matrix(rows: tokens, columns: c.queryHeads * c.headDim)
    let k = input.matrix(rows: tokens, columns: c.keyValueHeads * c.headDim)
    let v = input.matrix(rows: tokens, columns: c.keyValueHeads * c.headDim)
    var o = Tensor(rows: tokens, columns: c.queryHeads * c.headDim)
    var logSumExp = Tensor(rows: tokens, columns: c.queryHeads)
    let windows = [nil, settings.window]
    let measured = try rounds("attention, \(tokens) tokens", variants: windows.count) { variant in
      meanSeconds {
        var oView = o.mutableView
        var logView = logSumExp.mutableView
        Transformer.attention(
          q: q.view, k: k.view, v: v.view, shape: shape, heads: Array(0..<c.keyValueHeads),
          visibility: windows[variant].map { .streaming($0) } ?? .causal, queries: .all(tokens),
          keys: .all(tokens), into: &oView, logSumExp: &logView)
      }
    }
    return zip(windows, measured.samples).map { window, samples in
      let timing = Timing(samples)
      return AttentionResult(
        tokens: tokens, kind: window == nil ? "full" : "streaming", seconds: timing,
        nanosecondsPerQuery: timing.median * 1e9 / Double(tokens),
        rate: WorkRate(
          count.attention(tokens: tokens, window: window), seconds: timing.median,
          yardstick: measured.yardstick))
    }
  }
}
