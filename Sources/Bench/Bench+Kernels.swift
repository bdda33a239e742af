import Foundation
import MapReporter
import Transformer

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
