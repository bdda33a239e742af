import TestSupport
import Testing
import Transformer

@Suite struct AttentionTests {
  let window = StreamingWindow(sink: 4, recent: 60)
  /// H = 6, K = 2, D = 8.
  let configuration = ModelConfiguration(
    modelType: "llama", layers: 1, hidden: 48, feedForward: 8, queryHeads: 6, keyValueHeads: 2,
    headDim: 8, vocabulary: 1, maxPositions: 1024)

  /// The oracle's own gradient, which is a formula, against central differences of its forward.
  @Test func oracleGradientsAreCentralDifferences() {
    var random = TestRandom(seed: 8)
    let (q, dO) = (random.matrix(7, 16, scale: 2), random.matrix(7, 16, scale: 1))
    let (k, v) = (random.matrix(7, 8, scale: 2), random.matrix(7, 8, scale: 1))
    let narrow = StreamingWindow(sink: 1, recent: 3)
    func attention(_ q: [[Double]], _ k: [[Double]], _ v: [[Double]]) -> [[Double]] {
      Oracle.attention(q, k, v, headDim: 4) { _, i, j in narrow.sees(query: i, key: j) }
    }
    let found = Oracle.attentionBackward(dO, q, k, v, headDim: 4) { _, i, j in
      narrow.sees(query: i, key: j)
    }
    for (formula, numeric) in [
      (found.q, Oracle.gradient(of: { attention($0, k, v) }, at: q, dO)),
      (found.k, Oracle.gradient(of: { attention(q, $0, v) }, at: k, dO)),
      (found.v, Oracle.gradient(of: { attention(q, k, $0) }, at: v, dO)),
    ] {
      expectClose(
        formula.joined().map { Float($0) }, Array(numeric.joined()), tolerance: 1e-6)
    }
  }

  /// Forward and gradient of both kinds, over one tile of keys and over several.
  @Test(arguments: [2, 37, 600]) func matchesTheOracle(_ tokens: Int) {
    var random = TestRandom(seed: 9)
    let (q, dO) = (random.matrix(tokens, 48, scale: 2), random.matrix(tokens, 48, scale: 1))
    let (k, v) = (random.matrix(tokens, 16, scale: 2), random.matrix(tokens, 16, scale: 1))
    let shape = AttentionShape(configuration)
    let rows = RowSet.all(tokens)
    let blocks = StreamingWindow(sink: window.sink, recent: 32, block: 16)
    let kinds: [(visibility: Visibility, sees: (Int, Int) -> Bool)] = [
      (.causal, { $1 <= $0 }), (.streaming(window), window.sees),
      (.streaming(blocks), blocks.sees),
      (.kept(sink: 2, from: tokens / 3), { $1 <= $0 && ($1 < 2 || $1 >= tokens / 3) }),
    ]
    for (visibility, sees) in kinds {
      var o = Tensor(rows: tokens, columns: 48)
      var logSumExp = Tensor(rows: tokens, columns: 6)
      do {
        var oView = o.mutableView
        var logView = logSumExp.mutableView
        attention(
          q: tensor(q).view, k: tensor(k).view, v: tensor(v).view, shape: shape, heads: [0, 1],
          visibility: visibility, queries: rows, keys: rows, into: &oView, logSumExp: &logView)
      }
      let output = Oracle.attention(q, k, v, headDim: 8) { _, i, j in sees(i, j) }
      expectClose(o, output, tolerance: 1e-5, "\(visibility)")
      let gradients = attentionBackward(
        dO: tensor(dO).view, q: tensor(q).view, k: tensor(k).view, v: tensor(v).view, o: o.view,
        logSumExp: logSumExp.view, shape: shape, visibility: visibility, queries: rows, keys: rows)
      let expected = Oracle.attentionBackward(dO, q, k, v, headDim: 8) { _, i, j in sees(i, j) }
      expectClose(gradients.q, expected.q, tolerance: 1e-5, "dq, \(visibility)")
      expectClose(gradients.k, expected.k, tolerance: 1e-5, "dk, \(visibility)")
      expectClose(gradients.v, expected.v, tolerance: 1e-5, "dv, \(visibility)")
    }
  }

  private func tensor(_ rows: [[Double]]) -> Tensor {
    Tensor(
      rows: rows.count, columns: rows.first?.count ?? 0, values: rows.joined().map(Float.init))
  }
}
