import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// One two-stream step as files, so that another implementation can make exactly this step:
/// tokens.npy (T) int32, gates.npy and gradients.npy (L, K) float32, and step.json (``StepRecord``).
package struct StepFolder {
  let path: String

  /// The folder at `path`.
  package init(path: String) { self.path = path }

  private var tokens: String { "\(path)/tokens.npy" }
  private var gates: String { "\(path)/gates.npy" }
  private var gradients: String { "\(path)/gradients.npy" }
  private var record: String { "\(path)/step.json" }

  /// Writes the step that was made, the record last.
  func write(_ sample: StepSample, _ measured: MeasuredStep, record: StepRecord) throws {
    let shape = [sample.gates.count, sample.gates.first?.count ?? 0]
    try NumpyFile.write(sample.tokens, shape: [sample.tokens.count], to: tokens)
    try NumpyFile.write(Array(sample.gates.joined()), shape: shape, to: gates)
    try NumpyFile.write(
      measured.gradients.joined().map { Float($0) }, shape: shape, to: gradients)
    try AtomicFile.write(try JSONFile.text(of: record, name: self.record), to: self.record)
  }

  /// The record of the step.
  package func readRecord() throws -> StepRecord {
    try JSONFile.decode(
      StepRecord.self,
      from: TextFile.bytes(
        at: record, what: "step's record", limit: FileLimit.record),
      path: record, format: "a step's record")
  }

  /// The sample of the step, for a model of this shape.
  func readSample(_ stored: StepRecord, for model: LoadedModel) throws -> StepSample {
    let c = model.configuration
    let ids = try NumpyFile.readTokens(path: tokens, vocabulary: c.vocabulary)
    try stored.check(tokens: ids.count, model: model, path: record)
    let values = try matrix(gates, for: c)
    guard values.joined().allSatisfy({ (0...1).contains($0) }) else {
      throw FileError.invalid(
        path: gates, place: "every gate", expected: "between 0 and 1", found: "not")
    }
    return StepSample(
      tokens: ids, labelRows: stored.labelRows[0]..<stored.labelRows[1], gates: values,
      window: StreamingWindow(sink: stored.sink, recent: stored.recent))
  }

  /// The stored gradients, (L, K).
  func readGradients(for model: LoadedModel) throws -> [[Float]] {
    try matrix(gradients, for: model.configuration)
  }

  private func matrix(_ path: String, for c: ModelConfiguration) throws -> [[Float]] {
    let (shape, values) = try NumpyFile.readFloats(path: path)
    guard shape == [c.layers, c.keyValueHeads] else {
      throw FileError.invalid(
        path: path, place: "the shape", expected: "[\(c.layers), \(c.keyValueHeads)]",
        found: "\(shape)")
    }
    return (0..<c.layers).map { layer in
      Array(values[layer * c.keyValueHeads..<(layer + 1) * c.keyValueHeads])
    }
  }
}

/// The facts of one step: step.json, and what a repeated step prints.
package struct StepRecord: Codable, Sendable {
  /// Tokens of the sample, T.
  package var tokens: Int
  /// First label row, and the one after the last.
  package var labelRows: [Int]
  /// First tokens that streaming heads see.
  package var sink: Int
  /// Last tokens that streaming heads see, the current one included.
  package var recent: Int
  /// The distillation loss.
  package var loss: Double
  /// Median seconds of each part and of the whole.
  package var seconds: StepParts<Double>
  /// Seconds of the whole, every round.
  package var samples: [Double]
  /// The most that was resident at any time up to the first step, mapped weights included.
  package var peakBytes: Int
  /// The most of it that was not a mapped file.
  package var peakAnonymousBytes: Int
  /// Rows the student computed over all layers.
  package var studentRows: Int
  /// 10⁹ operations of the step.
  package var gflop: Double
  /// The step's rate as a share of large products' meanwhile.
  package var share: Double
  /// SHA-256 of the weights.
  package var weightsSHA256: String
  /// SHA-256 of the model's configuration; earlier versions wrote none.
  package var configurationSHA256: String?
  /// The loss minus the one in the folder, where the step was repeated.
  package var lossDifference: Double?
  /// The largest difference from the folder's gradients over the largest of these, likewise.
  package var gradientDifference: Double?

  init(_ sample: StepSample, _ result: StepResult, identity: ModelIdentity) {
    tokens = result.tokens
    labelRows = [sample.labelRows.lowerBound, sample.labelRows.upperBound]
    (sink, recent) = (sample.window.sink, sample.window.recent)
    loss = result.loss
    seconds = StepParts(
      teacher: result.seconds.teacher.median, student: result.seconds.student.median,
      backward: result.seconds.backward.median, total: result.seconds.total.median)
    samples = result.seconds.total.samples
    peakBytes = result.memory.peakBytes
    peakAnonymousBytes = result.memory.peakAnonymousBytes
    studentRows = result.studentRows
    (gflop, share) = (result.rates.total.gflop, result.rates.total.share)
    weightsSHA256 = identity.weightsSHA256 ?? ""
    configurationSHA256 = identity.configurationSHA256
  }

  /// The record as JSON, keys in alphabetical order.
  ///
  /// - Throws: `FileError` where a number is not finite.
  package func json() throws(FileError) -> String { try JSONFile.text(of: self, name: "step.json") }

  func check(tokens count: Int, model: LoadedModel, path: String) throws(FileError) {
    func invalid(_ place: String, _ expected: String, _ found: String) -> FileError {
      .invalid(path: path, place: place, expected: expected, found: found)
    }
    guard tokens == count else {
      throw invalid("tokens", "\(count) as in tokens.npy", "\(tokens)")
    }
    guard labelRows.count == 2, labelRows[0] >= 0, labelRows[0] < labelRows[1],
      labelRows[1] <= tokens
    else { throw invalid("labelRows", "[first, end] within \(tokens) tokens", "\(labelRows)") }
    let (sinks, widths) = (SettingRange.sink, SettingRange.window)
    guard sink >= 0 else { throw invalid("sink", "0 or more", "\(sink)") }
    guard recent >= 1 else { throw invalid("recent", "at least 1", "\(recent)") }
    guard sinks.contains(sink) else {
      throw invalid("sink", "at most \(sinks.upperBound)", "\(sink)")
    }
    guard widths.contains(recent) else {
      throw invalid("recent", "at most \(widths.upperBound)", "\(recent)")
    }
    guard weightsSHA256 == model.sha256 else {
      throw invalid(
        "weightsSHA256", "\(model.sha256), the weights of \(model.path)", weightsSHA256)
    }
    let configuration = model.identity.configurationSHA256 ?? ""
    if let configurationSHA256, configurationSHA256 != configuration {
      throw invalid(
        "configurationSHA256", "\(configuration), the configuration of \(model.path)",
        configurationSHA256)
    }
  }
}
