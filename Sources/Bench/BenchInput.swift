import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

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

  private func passkeySample(_ count: Int) throws -> PasskeySample? {
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
      values: (0..<count).map { _ in random.unit() })
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
