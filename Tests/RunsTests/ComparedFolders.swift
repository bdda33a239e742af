import Foundation
import GateOptimizer
import MapReporter
import Runs
import TestSupport

/// Run folders of a made-up model of four layers × two heads, for comparisons.
struct ComparedFolders {
  let scratch: TemporaryFolder

  /// By max the layers 0 and 1 are kept at one half, by balance 0 and 3.
  static let gates = [1, 0.875, 0.75, 0.25, 0.125, 0, 0.625, 0.5]
  /// By both 0 and 3.
  static let otherGates = [1, 0.875, 0.25, 0.125, 0.125, 0, 0.875, 0.5]

  static let digest = String(repeating: "0123456789abcdef", count: 4)

  init() throws { scratch = try TemporaryFolder() }

  /// Writes a run folder and returns its path.
  @discardableResult
  func add(
    _ name: String, gates: [Double] = gates, accuracy: Double? = 0.8, samples: Int = 8,
    hash: String = ComparedFolders.digest, _ change: (inout RunConfiguration) -> Void = { _ in }
  ) throws -> String {
    var configuration = RunConfiguration(name: "run", model: "nowhere.h5")
    configuration.evaluation.sparsities = [0.25, 0.5]
    configuration.evaluation.samples = samples
    configuration.evaluation.context = 200
    configuration.calibration?.steps = 20
    change(&configuration)
    let folder = scratch.path(name)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let files = RunFiles(folder: folder)
    try write(configuration.yaml(), files.configuration)
    try write(GateMatrix(layers: 4, heads: 2, values: gates).tsv, files.gates)
    var record = RunRecord()
    record.model = HeadMap.Model(
      modelType: "llama", layers: 4, queryHeads: 4, keyValueHeads: 2, weightsSHA256: hash)
    record.seconds = ["learn": 61]
    try write(record.json(), files.record)
    let rows = (1...20).map { "\($0),0.1,\($0 > 18 ? 0.03 : 0.5),0.05,0.02\n" }
    try write("step,loss,distill,reg,lr\n" + rows.joined(), files.metrics)
    if let accuracy {
      let points = Self.points(
        accuracy, samples: samples, task: configuration.evaluation.tasks[0].name,
        sparsities: configuration.evaluation.sparsities)
      try CurveTable.write(points, to: URL(fileURLWithPath: files.curves))
    }
    return folder
  }

  /// Full attention 0.9; layers by max `accuracy` at the first sparsity, a tenth less at the next, by
  /// balance 0.3; head-mixed 0.85.
  private static func points(
    _ accuracy: Double, samples: Int, task: String, sparsities: [Double]
  ) -> [CurvePoint] {
    func point(_ method: String, _ sparsity: Double, _ accuracy: Double) -> CurvePoint {
      CurvePoint(
        method: CurveMethod(method), task: task, requestedSparsity: sparsity,
        achievedSparsity: sparsity,
        samples: samples, tokens: 100,
        measures: [
          .tokens: .init(Estimate(value: accuracy, low: accuracy - 0.04, high: accuracy + 0.04))
        ])
    }
    return [point("full", 0, 0.9), point("streaming", 1, 0.1)]
      + sparsities.enumerated().flatMap { place, sparsity in
        [
          point("layer:max", sparsity, accuracy - 0.1 * Double(place)),
          point("layer:balance", sparsity, 0.3), point("head-mixed", sparsity, 0.85),
        ]
      }
  }

  private func write(_ text: String, _ path: String) throws {
    try text.write(toFile: path, atomically: false, encoding: .utf8)
  }

  /// A file below the scratch folder.
  func read(_ name: String) throws -> String {
    try String(contentsOfFile: scratch.path(name), encoding: .utf8)
  }
}
