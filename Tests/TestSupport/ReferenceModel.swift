import Foundation
import Transformer

/// The naive oracle: a Llama-family decoder in `Double`, one loop per sum, T×T scores, no tiles.
package struct ReferenceModel {
  /// A matrix as rows.
  package typealias Matrix = Oracle.Matrix
  let configuration: ModelConfiguration
  let parameters: RandomModel

  /// The oracle of the decoder that `model` makes.
  package init(_ model: RandomModel) {
    configuration = model.configuration
    parameters = model
  }

  /// Final hidden states (T, C) under a pattern.
  package func finalHidden(_ tokens: [Int32], pattern: AttentionPattern) -> Matrix {
    var x = embed(tokens)
    for layer in 0..<configuration.layers {
      let (q, k, v) = project(x, layer)
      let o = attend(q, k, v) { head, i, j in
        j <= i && (pattern.isRetrieval[layer][head] || pattern.streaming.sees(query: i, key: j))
      }
      x = finish(x, o, layer)
    }
    return norm(x, parameters.finalNorm)
  }

  /// log softmax of the logits (T, V) under a pattern.
  package func logProbabilities(_ tokens: [Int32], pattern: AttentionPattern) -> Matrix {
    linear(finalHidden(tokens, pattern: pattern), parameters.embedding).map { row in
      let total = log(row.reduce(0) { $0 + exp($1) })
      return row.map { $0 - total }
    }
  }

  /// The mean share of attention on what a streaming head sees, (L, K), of the queries at `rows`.
  package func windowMass(
    _ tokens: [Int32], rows: Range<Int>, window: StreamingWindow
  ) -> Matrix {
    let (dim, group) = (
      configuration.headDim, configuration.queryHeads / configuration.keyValueHeads
    )
    var x = embed(tokens)
    return (0..<configuration.layers).map { layer in
      let (q, k, v) = project(x, layer)
      func score(_ query: Int, _ i: Int, _ j: Int) -> Double {
        let key = query / group
        return exp(
          (0..<dim).reduce(0) { $0 + q[i][query * dim + $1] * k[j][key * dim + $1] }
            / Double(dim).squareRoot())
      }
      let shares = (0..<configuration.queryHeads).map { query in
        rows.reduce(0.0) { sum, i in
          let scores = (0...i).map { score(query, i, $0) }
          let seen = scores.indices.filter { window.sees(query: i, key: $0) }
          return sum + seen.reduce(0) { $0 + scores[$1] } / scores.reduce(0, +)
        } / Double(rows.count)
      }
      x = finish(x, attend(q, k, v) { _, i, j in j <= i }, layer)
      return (0..<configuration.keyValueHeads).map { head in
        shares[head * group..<(head + 1) * group].reduce(0, +) / Double(group)
      }
    }
  }

  /// Mean squared difference over `rows` of teacher and student final hidden states, all rows of
  /// both streams computed; the student mixes, in the rows that stream, the teacher's full attention, or its own.
  package func distillation(
    _ tokens: [Int32], rows: Range<Int>, gates: [[Double]], rule: StreamingRule,
    ownFullAttention: Bool = false
  ) -> Double {
    var (teacher, student) = (embed(tokens), embed(tokens))
    for layer in 0..<configuration.layers {
      let (tq, tk, tv) = project(teacher, layer)
      let full = attend(tq, tk, tv) { _, i, j in j <= i }
      teacher = finish(teacher, full, layer)
      let (sq, sk, sv) = project(student, layer)
      let stream = attend(sq, sk, sv) { _, i, j in rule.sees(query: i, key: j) }
      let own = attend(sq, sk, sv) { _, i, j in j <= i }
      let mix = Oracle.mix(
        full: ownFullAttention ? own : full, stream: stream, gates: gates[layer])
      let mixed = mix.indices.map { rule.queries.contains($0) ? mix[$0] : own[$0] }
      student = finish(student, mixed, layer)
    }
    let target = norm(teacher, parameters.finalNorm)
    let hidden = norm(student, parameters.finalNorm)
    return rows.reduce(0) { total, r in
      total + zip(target[r], hidden[r]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    } / Double(rows.count * configuration.hidden)
  }

  private func embed(_ tokens: [Int32]) -> Matrix {
    tokens.map { parameters.embedding[Int($0)] }
  }

  private func project(_ x: Matrix, _ layer: Int) -> (Matrix, Matrix, Matrix) {
    let p = parameters.layers[layer]
    let n = norm(x, p.attentionNorm)
    var (q, k, v) = (linear(n, p.wq), linear(n, p.wk), linear(n, p.wv))
    if let b = p.biases {
      q = q.map { zip($0, b.q).map(+) }
      k = k.map { zip($0, b.k).map(+) }
      v = v.map { zip($0, b.v).map(+) }
    }
    if let h = p.headNorms { (q, k) = (headNorm(q, h.q), headNorm(k, h.k)) }
    return (rope(q), rope(k), v)
  }

  private func attend(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, sees: (Int, Int, Int) -> Bool
  ) -> Matrix {
    Oracle.attention(q, k, v, headDim: configuration.headDim, sees: sees)
  }

  private func finish(_ x: Matrix, _ o: Matrix, _ layer: Int) -> Matrix {
    let p = parameters.layers[layer]
    let h = zip(x, linear(o, p.wo)).map { zip($0, $1).map(+) }
    let n = norm(h, p.mlpNorm)
    let act = Oracle.swiglu(gate: linear(n, p.wGate), up: linear(n, p.wUp))
    return zip(h, linear(act, p.wDown)).map { zip($0, $1).map(+) }
  }

  private func linear(_ x: Matrix, _ w: Matrix) -> Matrix { Oracle.linear(x, w) }

  private func norm(_ x: Matrix, _ w: [Double]) -> Matrix {
    Oracle.rmsNorm(x, w, epsilon: Double(configuration.rmsNormEpsilon))
  }

  private func headNorm(_ x: Matrix, _ w: [Double]) -> Matrix {
    x.map { row in
      stride(from: 0, to: row.count, by: w.count).flatMap {
        norm([Array(row[$0..<$0 + w.count])], w)[0]
      }
    }
  }

  private func rope(_ x: Matrix) -> Matrix {
    Oracle.rotate(x, headDim: configuration.headDim, theta: configuration.ropeTheta)
  }
}
