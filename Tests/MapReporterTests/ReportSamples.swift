import Foundation
import GateOptimizer
import MapReporter
import Transformer

/// A made-up run in the shape of a real one: 30 layers of 3 heads, accuracies as measured on
/// SmolLM2-135M at 1k tokens.
enum ReportSamples {
  static let task = "passkey 4 × 8"
  static let sparsities = stride(from: 0, through: 10, by: 1).map { Double($0) / 10 }

  /// Retrieval-head strength per layer, as PyTorch found it: some layers whole, some one head.
  static let gates: [[Double]] = (0..<30).map { layer in
    (0..<3).map { head in
      let strong = [15, 20, 21, 22, 23, 24, 28, 29].contains(layer)
      let single = [4, 5, 7, 8, 14, 17, 18].contains(layer) && head == layer % 3
      let noise = Double((layer * 31 + head * 17) % 23) / 23
      if single { return 1 - 0.04 * noise }
      return strong ? 1 - 0.5 * noise * noise : 0.35 * noise * noise * noise
    }
  }

  /// Accuracy at sparsity 0, 0.1, …, 1.
  static let curves: [(method: String, accuracies: [Double])] = [
    ("head-mixed", [0.88, 0.88, 0.87, 0.87, 0.87, 0.87, 0.86, 0.84, 0.76, 0.41, 0.19]),
    ("layer:max", [0.88, 0.88, 0.87, 0.87, 0.86, 0.84, 0.71, 0.39, 0.21, 0.20, 0.19]),
    ("layer:balance", [0.88, 0.87, 0.87, 0.85, 0.71, 0.48, 0.36, 0.27, 0.24, 0.21, 0.19]),
    ("layer:lost", [0.88, 0.88, 0.87, 0.86, 0.78, 0.60, 0.40, 0.30, 0.22, 0.20, 0.19]),
    ("layer:count", [0.88, 0.87, 0.86, 0.83, 0.69, 0.51, 0.33, 0.26, 0.23, 0.19, 0.19]),
  ]

  static func points(methods: Int = 5, seeds: Int = 4) -> [CurvePoint] {
    let flat = [point("full", 0, 0.88), point("streaming", 1, 0.19)]
    let lines = curves.prefix(methods).flatMap { curve in
      zip(sparsities, curve.accuracies).map { point(curve.method, $0, $1) }
    }
    let random = (0..<seeds).flatMap { seed in
      ["random-layers", "random-heads"].flatMap { method in
        sparsities.dropFirst().dropLast().map { sparsity in
          let wobble = Double((seed * 37 + Int(sparsity * 10) * 13) % 19) / 19 - 0.5
          let slope = method == "random-layers" ? 1.5 : 1.05
          let accuracy = 0.88 - 0.69 * min(1, sparsity * slope) + 0.22 * wobble
          return point(method, sparsity, min(max(accuracy, 0.18), 0.88), seed: seed)
        }
      }
    }
    return flat + lines + random
  }

  static func point(
    _ method: String, _ sparsity: Double, _ accuracy: Double, seed: Int? = nil
  ) -> CurvePoint {
    let first = min(max((accuracy - 0.19) * 1.1, 0.01), 0.78)
    let spread = 0.16 * (accuracy * (1 - accuracy)).squareRoot()
    return CurvePoint(
      method: CurveMethod(method), seed: seed, task: task, requestedSparsity: sparsity,
      achievedSparsity: (sparsity * 30).rounded() / 30, samples: 24, tokens: 1056,
      measures: [
        .tokens: .init(
          interval(accuracy, spread),
          minusFull: Estimate(value: accuracy - 0.88, low: accuracy - 0.882, high: accuracy - 0.87),
          minusHeadMixed: method.hasPrefix("layer:")
            ? Estimate(value: -0.03, low: -0.05, high: 0.01) : nil),
        .firstTokens: .init(interval(first, spread)),
      ], kvBytes: Int(23_592_960 * (1 - 0.92 * sparsity)), kvShare: 1 - 0.92 * sparsity)
  }

  private static func interval(_ value: Double, _ spread: Double) -> Estimate {
    Estimate(value: value, low: max(0, value - spread), high: min(1, value + spread))
  }

  static let training: [TrainingRow] = (1...160).map { step in
    let t = Double(step)
    let decay = 0.05 * (0.42 + 0.58 * exp(-t / 28))
    let noise = Double((step * 7919) % 97) / 97
    let distillation = 0.0066 * (1 - exp(-t / 22)) * (0.75 + 0.5 * noise)
    let rate = 0.02 * min(1, t / 32, max(0.1, (161 - t) / 32))
    return TrainingRow(
      step: step, loss: distillation + decay, distillation: distillation, regularization: decay,
      learningRate: rate)
  }

  static func maps() throws -> [ReportInput.MapEntry] {
    let matrix = GateMatrix(layers: 30, heads: 3, values: gates.flatMap { $0 })
    let model = HeadMap.Model(
      modelType: "llama", layers: 30, queryHeads: 9, keyValueHeads: 3,
      weightsSHA256: MapSamples.digest)
    let window = HeadMap.Window(sink: 16, recent: 64)
    let calibration = HeadMap.Calibration(source: "zigzag", steps: 160, seed: 1)
    let layers = try matrix.layerMap(by: .max, sparsity: 0.5)
    let heads = try matrix.headCut(sparsity: 0.5)
    return [
      ReportInput.MapEntry(
        method: .layers(.max),
        map: try HeadMap(
          model: model, window: window, gates: gates, heads: layers.heads(keyValueHeads: 3),
          criterion: HeadMap.Criterion(name: "max"), requestedSparsity: 0.5,
          calibration: calibration),
        path: "maps/max-0.50/headmap.json"),
      ReportInput.MapEntry(
        method: .headMixed,
        map: try HeadMap(
          model: model, window: window, gates: gates, heads: heads,
          criterion: HeadMap.Criterion(name: "head-mixed"), requestedSparsity: 0.5,
          calibration: calibration)),
    ]
  }

  static func input() throws -> ReportInput {
    ReportInput(
      title: "smollm2-135m",
      subtitle:
        "SmolLM2-135M-Instruct · 30 layers × 3 key-value heads · sink 16, recent 64 · 1,024 "
        + "tokens",
      points: points(), primaryTask: task, context: 1024, contexts: [task: 1024], gates: gates,
      maps: try maps(),
      training: training,
      facts: [
        .init("Model", "SmolLM2-135M-Instruct (llama)"),
        .init(
          "Weights", "SHA-256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
        .init("Window", "sink 16, recent 64"), .init("Seed", "1"), .init("Steps", "160"),
        .init("Gate learning", "8 min 12 s"), .init("Evaluation", "4 min 40 s"),
        .init("Samples", "24 held-out"), .init("zigzag", "0.1.0"),
        .init("OpenBLAS", "0.3.21, SkylakeX kernels, 2 threads"),
      ],
      files: [
        .init(path: "maps/max-0.50/headmap.json", summary: "the recommended map"),
        .init(path: "gates.tsv", summary: "the learned gates"),
        .init(path: "curves.csv", summary: "every point of the curves"),
        .init(path: "metrics.csv", summary: "every step of gate learning"),
        .init(path: "config.yaml", summary: "the resolved configuration"),
      ],
      notes: ["Figures on this page are drawn from made-up numbers."])
  }
}
