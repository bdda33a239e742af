import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// What `zigzag bench` measures, and at which sizes.
package struct BenchSettings: Codable, Sendable, Equatable {
  /// One kind of measurement.
  package enum Measure: String, Codable, Sendable, CaseIterable {
    /// Large products by OpenBLAS, what shares are shares of, and by the kernels of this package.
    case gemm
    /// Attention alone, full and streaming.
    case attention
    /// A prompt to its final hidden states, full attention.
    case prefill
    /// One token after the other, full attention.
    case decode
    /// The two-stream step gates are learned with.
    case step
    /// What maps cost that stream after the prompt alone.
    case prompts
    /// A step of gates for such maps whose teacher is kept, beside one of maps that stream everywhere.
    case keptStep = "kept-step"
    /// Prefill and decode under full, streaming, head-mixed and layer-exclusive patterns.
    case maps
  }

  /// What is measured.
  package var measures = Measure.allCases
  /// Tokens, ascending; every measurement but `gemm` is made at each.
  package var lengths = [1024, 2048, 4096]
  /// What streaming heads see.
  package var window = StreamingWindow(sink: 64, recent: 256)
  /// Where streaming heads stream in the maps that are compared; a prompt ends before the tokens decoded.
  package var phase = Deployment.Phase.everywhere
  /// Label rows of a step, at the end of its sample.
  package var labels = 110
  /// Bytes that a step's activations may take; nil keeps them all.
  package var memoryBudget: Int?
  /// Rounds behind a median, 1…10⁶, after one that does not count.
  package var repeats = 5
  /// Tokens decoded after a prompt, 1…2²⁰.
  package var decodeTokens = 32
  /// Shares of layers that stream in the maps that are compared, each in [0, 1].
  package var sparsities = [0.5, 0.75]
  /// Seed of tokens, gates and values.
  package var seed: UInt64 = 0

  /// The defaults.
  package init() {}

  /// Refuses what cannot be measured.
  ///
  /// - Throws: ``MapReporterError/invalidValue(place:expected:found:)`` for the first of them.
  package func validate() throws(MapReporterError) {
    try require(!measures.isEmpty, "--measure", "at least one measure", "empty")
    try require(!lengths.isEmpty, "--lengths", "at least one length", "empty")
    let most = 1 << 20
    for length in lengths {
      try require(
        (1...most).contains(length), "--lengths", "numbers of tokens from 1 to \(most)",
        "\(length)")
    }
    try require(window.sink, in: SettingRange.sink, "--sink")
    try require(window.recent, in: SettingRange.window, "--recent")
    try require(repeats, in: SettingRange.many, "--repeats")
    try require(decodeTokens, in: 1...most, "--decode-tokens")
    try require(
      sparsities.count <= SettingRange.entries, "--sparsities",
      "at most \(SettingRange.entries) numbers", "\(sparsities.count)")
    for sparsity in sparsities {
      try require(
        (0...1).contains(sparsity), "--sparsities", "between 0 and 100 percent",
        "\(fixed(sparsity * 100, 1))")
    }
    try require(labels >= 1, "--labels", "at least 1", "\(labels)")
    if measures.contains(.step), let shortest = lengths.min() {
      try require(
        labels <= shortest, "--labels", "at most \(shortest), the shortest length", "\(labels)")
    }
    if !Set(measures).isDisjoint(with: [.prompts, .keptStep]), let shortest = lengths.min() {
      try require(
        labels < shortest, "--labels", "below \(shortest), the shortest length", "\(labels)")
    }
  }

  private func require(
    _ value: Int, in range: ClosedRange<Int>, _ place: String
  ) throws(MapReporterError) {
    guard !range.contains(value) else { return }
    let low = range.lowerBound == 0 ? "0 or more" : "at least \(range.lowerBound)"
    let expected = value < range.lowerBound ? low : "at most \(range.upperBound)"
    throw .invalidValue(place: place, expected: expected, found: "\(value)")
  }

  private func require(
    _ condition: Bool, _ place: String, _ expected: String, _ found: String
  ) throws(MapReporterError) {
    guard condition else {
      throw .invalidValue(place: place, expected: expected, found: found)
    }
  }
}

/// Tokens, gates and values to measure on, all of them functions of the seed.
struct BenchInput {
  /// What one length is measured on.
  struct Text {
    let tokens: [Int32]
    let source: String
  }

  private enum Item: UInt64 {
    case tokens, stepGates, mapGates, values
  }

  let model: ModelConfiguration
  let seed: UInt64
  private let tokenizer: Tokenizer?
  private let given: BenchTokens?

  /// The tokens given, or passkey samples, or random ids where there is no tokenizer.
  init(_ model: LoadedModel, seed: UInt64, tokens: BenchTokens?) throws {
    self.model = model.configuration
    self.seed = seed
    given = tokens
    tokenizer = try model.tokenizer()
  }

  /// `count` tokens: the first of the file, a passkey sample, or random ids where the length holds
  /// no passkey.
  func text(_ count: Int) throws -> Text {
    if let given {
      guard count <= given.ids.count else {
        throw MapReporterError.invalidValue(
          place: "--lengths", expected: "at most \(given.ids.count), the tokens of \(given.path)",
          found: "\(count)")
      }
      return Text(tokens: Array(given.ids.prefix(count)), source: given.path)
    }
    if let sample = try passkeySample(count) {
      return Text(tokens: sample.tokens, source: "passkey sample, seed \(seed)")
    }
    var random = generator(.tokens)
    return Text(
      tokens: (0..<count).map { _ in Int32(random.below(model.vocabulary)) },
      source: "random ids, seed \(seed)")
  }

  private func passkeySample(_ count: Int) throws -> TaskSample? {
    guard let tokenizer else { return nil }
    do {
      return try PasskeySampler(
        task: .wordPasskeys, haystack: .generated(), contextLengths: [count], seed: seed,
        tokenizer: tokenizer
      ).sample(index: 0)
    } catch GateOptimizerError.contextTooShort {
      return nil
    }
  }

  /// Gates of a step, (L, K), uniform in [0, 1).
  var stepGates: [[Float]] {
    var random = generator(.stepGates)
    return (0..<model.layers).map { _ in
      (0..<model.keyValueHeads).map { _ in Float(random.unit()) }
    }
  }

  /// Gates to make maps of where none are given, uniform in [0, 1).
  var mapGates: GateMatrix {
    var random = generator(.mapGates)
    let count = model.layers * model.keyValueHeads
    return GateMatrix(
      layers: model.layers, heads: model.keyValueHeads,
      values: (0..<count).map { _ in random.unit() }
    ).within(MapSpace(model))
  }

  /// A matrix of values uniform in [−1, 1).
  func matrix(rows: Int, columns: Int) -> Tensor {
    var random = generator(.values)
    return Tensor(
      rows: rows, columns: columns,
      values: (0..<rows * columns).map { _ in Float(2 * random.unit() - 1) })
  }

  private func generator(_ item: Item) -> SeededGenerator {
    SeededGenerator(seed: seed, index: item.rawValue, stream: .benchmark)
  }
}
