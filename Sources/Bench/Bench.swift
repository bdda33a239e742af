import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// Measures a model on this machine.
///
/// Every time is a median over rounds after one that does not count. What is compared takes turns within
/// a round, and the yardstick, a large product, is measured before the first round and after each, so that
/// a share is the share of what the machine could do at that time.
public struct Bench {
  let model: LoadedModel
  let decoder: DecoderModel
  let settings: BenchSettings
  let input: BenchInput
  let gates: BenchGates?
  let observer: any WorkObserver
  var count: OperationCount { OperationCount(decoder) }

  /// Measurements of `model`, which is opened already.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - settings: What to measure, checked here.
  ///   - tokens: What to measure on; passkey samples without it.
  ///   - gates: What maps are made of; random gates without it.
  ///   - observer: What is told how far the measuring is.
  /// - Throws: ``MapReporterError`` and `FileError` for what cannot be measured.
  public init(
    _ model: LoadedModel, settings: BenchSettings, tokens: BenchTokens? = nil,
    gates: BenchGates? = nil, observer: any WorkObserver
  ) throws {
    try settings.validate()
    try gates?.check(for: model)
    self.model = model
    self.settings = settings
    self.gates = gates
    self.observer = observer
    input = try BenchInput(model, seed: settings.seed, tokens: tokens)
    decoder = DecoderModel(configuration: model.configuration, weights: model.weights)
  }

  /// Measures everything that is asked for.
  ///
  /// - Throws: ``MapReporterError/stopped`` where the observer asks to stop.
  public func run() throws -> BenchReport {
    let texts = try texts()
    var report = report(on: texts)
    let wanted = Set(settings.measures)
    if wanted.contains(.gemm) { report.gemm = try gemm() }
    // Steps come first, shortest first: memory that others have used would count in their peak.
    if wanted.contains(.step) {
      report.step = try texts.map { text in
        try step(StepSample(text.tokens, settings: settings, input: input)).result
      }
    }
    if wanted.contains(.attention) {
      report.attention = try texts.flatMap { try attention($0.tokens.count) }
    }
    if wanted.contains(.prefill) { report.prefill = try texts.map { try prefill($0.tokens) } }
    if wanted.contains(.decode) { report.decode = try texts.map { try decode($0.tokens) } }
    if wanted.contains(.maps) { report.maps = try maps(texts.map(\.tokens)) }
    try model.requireUnchanged()
    return report
  }

  /// The tokens of every length, shortest first.
  func texts() throws -> [BenchInput.Text] {
    let texts = try settings.lengths.sorted().map { try input.text($0) }
    let positions = model.configuration.maxPositions
    if let longest = texts.last, longest.tokens.count > positions {
      observer.report(
        "\(model.path) was made for at most \(positions) tokens; times do not depend on that")
    }
    return texts
  }

  /// A report without measurements.
  func report(on texts: [BenchInput.Text]) -> BenchReport {
    BenchReport(
      model: BenchModel(model), settings: settings,
      input: texts.map { BenchText(tokens: $0.tokens.count, source: $0.source) })
  }
}

/// Tokens to measure on.
public struct BenchTokens: Sendable {
  /// The ids.
  public let ids: [Int32]
  /// The file they are from.
  public let path: String

  /// The token ids of a NumPy file (.npy), for a model of `vocabulary` tokens.
  ///
  /// - Throws: `FileError` where the file holds something else.
  public init(contentsOf path: String, vocabulary: Int) throws(FileError) {
    ids = try NumpyFile.readTokens(path: path, vocabulary: vocabulary)
    self.path = path
  }
}

/// Gates that maps are made of.
public struct BenchGates: Sendable {
  /// The gates, (L, K).
  public let matrix: GateMatrix
  /// The file they are from.
  public let path: String

  /// The gates of a table in DuoAttention's format.
  ///
  /// - Throws: `FileError` where the file is no such table.
  public init(contentsOf path: String) throws(FileError) {
    matrix = try GateMatrix(contentsOf: path)
    self.path = path
  }

  func check(for model: LoadedModel) throws(MapReporterError) {
    let c = model.configuration
    guard matrix.layers == c.layers && matrix.heads == c.keyValueHeads else {
      throw .shapeMismatch(
        map: path, mapLayers: matrix.layers, mapHeads: matrix.heads, model: model.path,
        modelLayers: c.layers, modelHeads: c.keyValueHeads)
    }
  }
}
