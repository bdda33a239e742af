import Bench
import MapReporter
import Support

/// A benchmark's report as text: a title and a table of aligned columns for each measure.
struct BenchTables {
  let report: BenchReport

  /// All lines.
  var lines: [String] {
    let tables = [gemm, attention, prefill, decode, step, prompts, keptStep] + maps
    return head + tables.compactMap { $0 }.flatMap { [""] + $0 }
  }

  private var head: [String] {
    let (model, machine) = (report.model, report.machine)
    let window = report.settings.window
    return [
      "\(model.path): \(model.layers) layers × \(model.keyValueHeads) key-value heads, "
        + "\(model.elementType) weights",
      "\(machine.processor), \(machine.cores) cores, \(machine.kernels); "
        + "yardstick: \(machine.yardstick)",
      "medians of \(report.settings.repeats); window sink \(window.sink), recent \(window.recent); "
        + "tokens: " + Set(report.input.map(\.source)).sorted().joined(separator: ", "),
    ]
  }

  private var gemm: [String]? {
    report.gemm.map { gemm in
      let shape = "\(gemm.rowsPerCore) × \(gemm.columns) by \(gemm.columns) × \(gemm.columns)"
      return ["gemm: sgemm of \(shape) on each core"]
        + aligned([
          ["by", "cores", "GFLOP/s"],
          ["OpenBLAS", "1", fixed(gemm.oneCore, 1)],
          ["OpenBLAS", "\(report.machine.cores)", fixed(gemm.allCores, 1)],
          ["zigzag", "\(report.machine.cores)", fixed(gemm.own, 1)],
        ])
    }
  }

  private var attention: [String]? {
    table(
      "attention: one layer alone", ["kind", "tokens", "ms", "ns/query"] + Self.rate,
      report.attention?.map { row in
        [
          row.kind, "\(row.tokens)", milliseconds(row.seconds),
          fixed(row.nanosecondsPerQuery, 0),
        ]
          + rate(row.rate)
      })
  }

  private var prefill: [String]? {
    table(
      "prefill: to the final hidden states of all tokens, full attention",
      ["tokens", "s", "tokens/s"] + Self.rate,
      report.prefill?.map { row in
        ["\(row.tokens)", seconds(row.seconds), fixed(row.tokensPerSecond, 0)]
          + rate(row.rate)
      })
  }

  private var decode: [String]? {
    table(
      "decode: \(report.settings.decodeTokens) tokens with logits, full attention",
      ["prompt", "ms/token", "tokens/s", "cache", "GB/s"],
      report.decode?.map { row in
        [
          "\(row.promptTokens)", milliseconds(row.seconds), fixed(row.tokensPerSecond, 1),
          byteCount(row.cacheBytes), fixed(row.gigabytesPerSecond, 1),
        ]
      })
  }

  private var step: [String]? {
    table(
      "step: two streams, \(report.settings.labels) label rows",
      ["tokens", "teacher s", "student s", "backward s", "total s", "rows", "predicted"]
        + Self.rate + ["peak", "anonymous"],
      report.step?.map { row in
        let parts = row.seconds
        return [
          "\(row.tokens)", seconds(parts.teacher), seconds(parts.student), seconds(parts.backward),
          seconds(parts.total), "\(row.studentRows)", "\(row.predictedStudentRows)",
        ] + rate(row.rates.total) + [
          byteCount(row.memory.peakBytes), byteCount(row.memory.peakAnonymousBytes),
        ]
      })
  }

  private var prompts: [String]? {
    table(
      "prompts: \(report.settings.labels) rows after the prompt; prefills in a map's time",
      ["tokens", "prefill s", "read s", "cache", "map ms", "prefills", "trial ms"],
      report.prompts?.map { row in
        [
          "\(row.tokens)", seconds(row.prefill), seconds(row.read), byteCount(row.cacheBytes),
          milliseconds(row.map), fixed(row.prefill.median / row.map.median, 1),
          milliseconds(row.trial),
        ]
      })
  }

  private var keptStep: [String]? {
    table(
      "steps: \(report.settings.labels) label rows, streaming everywhere and after a prompt whose teacher is kept",
      ["tokens", "everywhere s", "kept s", "ratio"],
      report.keptStep?.map { row in
        [
          "\(row.tokens)", seconds(row.everywhere), seconds(row.kept),
          fixed(row.everywhere.median / row.kept.median, 1),
        ]
      })
  }

  private var maps: [[String]?] {
    report.maps.map { maps in maps.lengths.flatMap { [patterns($0, gates: maps.gates), gains($0)] }
    }
      ?? []
  }

  private var phase: String {
    let phase = report.settings.phase
    return phase == .everywhere ? "" : ", streaming in \(phase.rawValue) alone"
  }

  private func patterns(_ length: MapsAtLength, gates: String) -> [String]? {
    table(
      "maps: \(length.tokens) tokens\(phase), gates: \(gates)",
      ["pattern", "sparsity", "full heads", "mixed layers", "prefill s"] + Self.rate
        + ["decode ms", "cache"],
      length.patterns.map { row in
        [
          row.method, percent(row.achievedSparsity), "\(row.retrievalHeads)", "\(row.mixedLayers)",
          seconds(row.prefill),
        ] + rate(row.prefillRate) + [milliseconds(row.decode), byteCount(row.cacheBytes)]
      })
  }

  private func gains(_ length: MapsAtLength) -> [String]? {
    table(
      "maps: head-mixed over layers, \(length.tokens) tokens (above 1: layers are better)",
      ["sparsity", "prefill", "decode", "cache"],
      length.gains.map { row in
        [percent(row.sparsity)]
          + [row.prefill, row.decode, row.cacheBytes].map { fixed($0, 3) }
      })
  }

  private func table(_ title: String, _ header: [String], _ rows: [[String]]?) -> [String]? {
    rows.map { [title] + aligned([header] + $0) }
  }

  private static let rate = ["GFLOP", "GFLOP/s", "share"]

  private func rate(_ rate: WorkRate) -> [String] {
    [fixed(rate.gflop, 1), fixed(rate.gflopPerSecond, 1), percent(rate.share)]
  }

  private func seconds(_ timing: Timing) -> String { fixed(timing.median, 3) }

  private func milliseconds(_ timing: Timing) -> String { fixed(timing.median * 1e3, 2) }

  private func percent(_ share: Double) -> String { fixed(share * 100, 1) + " %" }
}
