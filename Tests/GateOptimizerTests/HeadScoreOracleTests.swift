import TestSupport
import Testing
import Transformer

@testable import GateOptimizer

/// The formulas of all scores against whole attention matrices in Double, on every family.
@Suite struct HeadScoreOracleTests {
  private let prefixCount = 40
  private let queryCount = 9

  /// A model with its oracle, and a prompt: prefix, query, and a query that asks nothing.
  private struct Case {
    let c: ModelConfiguration
    let decoder: DecoderModel
    let oracle: ReferenceModel
    let prefix: [Int32]
    let query: [Int32]
    let null: [Int32]

    init(_ c: ModelConfiguration, _ prefix: Int, _ query: Int, seed: UInt64) {
      let model = RandomModel(c, seed: seed)
      var random = TestRandom(seed: seed + 1)
      self.c = c
      decoder = model.decoder
      oracle = ReferenceModel(model)
      self.prefix = random.tokens(prefix, vocabulary: c.vocabulary)
      self.query = random.tokens(query, vocabulary: c.vocabulary)
      null = random.tokens(query - 3, vocabulary: c.vocabulary)
    }

    /// The mean weights of a query's rows on the prefix, (L, H, prefix).
    func means(_ rows: [Int32]) -> [[[Double]]] {
      oracle.attentionWeights(prefix + rows).map { heads in
        heads.map { weights in
          prefix.indices.map { key in
            rows.indices.reduce(0) { $0 + weights[prefix.count + $1][key] } / Double(rows.count)
          }
        }
      }
    }
  }

  @Test(arguments: Architectures.all)
  func documentsWithAndWithoutMask(_ c: ModelConfiguration) {
    let given = Case(c, prefixCount, queryCount, seed: 61)
    let documents = [2..<15, 15..<16, 20..<40]
    let found = AttentionScores(given.decoder).documents(
      given.decoder.input(given.prefix), query: given.decoder.input(given.query),
      null: given.decoder.input(given.null), documents)
    let (asked, null) = (given.means(given.query), given.means(given.null))
    for (index, document) in documents.enumerated() {
      var (masked, plain) = ([Double](), [Double]())
      for layer in 0..<c.layers {
        for head in 0..<c.queryHeads {
          let gains = document.map { asked[layer][head][$0] - null[layer][head][$0] }
          let n = Double(gains.count)
          let mean = gains.reduce(0, +) / n
          let deviation =
            (gains.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / max(n - 1, 1)).squareRoot()
          plain.append(gains.reduce(0, +))
          masked.append(
            gains.count == 1
              ? gains[0] : gains.filter { $0 > mean - 2 * deviation }.reduce(0, +))
        }
      }
      let scale = Float(plain.map(abs).max() ?? 1)
      #expect(scale > 0)
      expectClose(
        found.plain[index].joined().map(Float.init), plain, tolerance: 1e-4, "\(c.modelType)")
      // A token at the mask's very edge may fall on either side.
      let strays = zip(found.masked[index].joined(), masked).count {
        abs($0 - $1) > 1e-4 * Double(scale)
      }
      #expect(strays <= masked.count / 50, "\(strays) of \(masked.count), \(c.modelType)")
    }
  }

  @Test(arguments: Architectures.all)
  func evaluator(_ c: ModelConfiguration) {
    let given = Case(c, prefixCount, queryCount, seed: 63)
    let needles = [5..<9, 30..<31]
    let found = AttentionScores(given.decoder).needle(
      given.decoder.input(given.prefix), last: given.decoder.input(given.query), needles)
    let expected = given.means(given.query).flatMap { heads in
      heads.map { weights in needles.joined().reduce(0) { $0 + weights[$1] } }
    }
    expectClose(found.joined().map(Float.init), expected, tolerance: 1e-4, "\(c.modelType)")
  }

  /// The weights of the repeated rows are those of a softmax over sink, chunk and repeated rows alone.
  @Test(arguments: Architectures.all)
  func repetition(_ c: ModelConfiguration) {
    let given = Case(c, prefixCount, queryCount, seed: 65)
    let (sink, chunks) = (4, [4..<20, 20..<40])
    let rows = chunks.map { given.query + given.prefix[$0] }
    let found = AttentionScores(given.decoder).repetition(
      given.decoder.input(given.prefix), sink: sink,
      zip(chunks, rows).map { ($0, given.decoder.input($1)) })
    let group = c.queryHeads / c.keyValueHeads
    var expected = Array(
      repeating: Array(repeating: 0.0, count: c.keyValueHeads), count: c.layers)
    for (chunk, own) in zip(chunks, rows) {
      let weights = given.oracle.attentionWeights(given.prefix + own)
      let places = given.prefix.count..<given.prefix.count + own.count
      for layer in 0..<c.layers {
        for head in 0..<c.queryHeads {
          for row in places {
            let line = weights[layer][head][row]
            // What the keys do not have is a learned sink's.
            let rest = 1 - line.reduce(0, +)
            let kept = Array(0..<sink) + Array(chunk) + Array(places)
            let sum =
              c.kinds[layer].window == nil
              ? kept.reduce(rest) { $0 + line[$1] } : 1
            let largest = chunk.map { line[$0] / sum }.max() ?? 0
            expected[layer][head / group] = max(expected[layer][head / group], largest)
          }
        }
      }
    }
    expectClose(
      found.joined().map(Float.init), Array(expected.joined()), tolerance: 1e-4, "\(c.modelType)")
  }

  @Test(arguments: Architectures.all)
  func profiles(_ c: ModelConfiguration) {
    let given = Case(c, prefixCount, queryCount, seed: 67)
    let found = given.decoder.profiles(given.decoder.input(given.prefix), distances: 21)
    let expected = given.oracle.profiles(given.prefix, distances: 21)
    expectClose(
      found.joined().map(Float.init), Array(expected.joined()), tolerance: 1e-4, "\(c.modelType)")
  }
}
