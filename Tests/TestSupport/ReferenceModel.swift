import Foundation
import Transformer

/// The naive oracle: a decoder in `Double`, one loop per sum, T×T scores, no tiles.
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
      let own = configuration.kinds[layer].window
      let o = attend(q, k, v, layer) { head, i, j in
        if own != nil { return sees(layer, i, j) }
        return j <= i
          && (pattern.isRetrieval[layer][head] || pattern.streaming.sees(query: i, key: j))
      }
      x = finish(x, o, layer)
    }
    return norm(x, parameters.finalNorm)
  }

  /// Final hidden states (T, C) under full attention in which masked query heads, (L, H), give nothing, or the mean of
  /// the values that a row sees.
  package func finalHidden(_ tokens: [Int32], masked: [[Bool]], uniform: Bool) -> Matrix {
    let (dim, group) = (
      configuration.headDim, configuration.queryHeads / configuration.keyValueHeads
    )
    var x = embed(tokens)
    for layer in 0..<configuration.layers {
      let (q, k, v) = project(x, layer)
      var o = attend(q, k, v, layer) { sees(layer, $1, $2) }
      for head in masked[layer].indices where masked[layer][head] {
        for i in o.indices {
          let seen = o.indices.filter { sees(layer, i, $0) }
          for d in 0..<dim {
            let sum = seen.reduce(0) { $0 + v[$1][head / group * dim + d] }
            o[i][head * dim + d] = uniform ? sum / Double(seen.count) : 0
          }
        }
      }
      x = finish(x, o, layer)
    }
    return norm(x, parameters.finalNorm)
  }

  /// Whether query i sees key j in the model as it was trained.
  private func sees(_ layer: Int, _ i: Int, _ j: Int) -> Bool {
    j <= i && i - j < configuration.kinds[layer].window ?? .max
  }

  /// log softmax of the logits (T, V) under a pattern.
  package func logProbabilities(_ tokens: [Int32], pattern: AttentionPattern) -> Matrix {
    logits(finalHidden(tokens, pattern: pattern)).map { row in
      let total = log(row.reduce(0) { $0 + exp($1) })
      return row.map { $0 - total }
    }
  }

  /// The logits of final hidden states, (T, V).
  package func logits(_ hidden: Matrix) -> Matrix {
    linear(hidden, parameters.embedding).map { $0.map { $0 * configuration.logitScale } }
  }

  /// The softmax weights of every query head, (L, H, T, T), under full attention; what a learned sink takes is missing.
  package func attentionWeights(_ tokens: [Int32]) -> [[Matrix]] {
    let (dim, group) = (
      configuration.headDim, configuration.queryHeads / configuration.keyValueHeads
    )
    var x = embed(tokens)
    return (0..<configuration.layers).map { layer in
      let (q, k, v) = project(x, layer)
      x = finish(x, attend(q, k, v, layer) { sees(layer, $1, $2) }, layer)
      return (0..<configuration.queryHeads).map { query in
        let sink = parameters.layers[layer].sinks.map { exp($0[query]) } ?? 0
        return tokens.indices.map { i in
          let powers = tokens.indices.map { j -> Double in
            guard sees(layer, i, j) else { return 0 }
            let score = (0..<dim).reduce(0.0) {
              $0 + q[i][query * dim + $1] * k[j][query / group * dim + $1]
            }
            return exp(score / Double(dim).squareRoot())
          }
          let total = sink + powers.reduce(0, +)
          return powers.map { $0 / total }
        }
      }
    }
  }

  /// The mean running sum of the weights of each head's mean query on copies of its mean key, (L, H).
  package func profiles(_ tokens: [Int32], distances count: Int) -> Matrix {
    let (dim, group) = (
      configuration.headDim, configuration.queryHeads / configuration.keyValueHeads
    )
    func mean(_ x: Matrix) -> [Double] {
      x[0].indices.map { column in x.reduce(0) { $0 + $1[column] } / Double(x.count) }
    }
    var x = embed(tokens)
    return (0..<configuration.layers).map { layer in
      let kind = configuration.kinds[layer]
      let (unturnedQ, unturnedK, _) = projectUnturned(x, layer)
      let (q, k, v) = project(x, layer)
      x = finish(x, attend(q, k, v, layer) { sees(layer, $1, $2) }, layer)
      let scale = kind.attentionScale.map(Double.init) ?? 1 / Double(dim).squareRoot()
      let keys = rope(Array(repeating: mean(unturnedK), count: count), kind)
      let query = rope(Array(repeating: mean(unturnedQ), count: count), kind)[count - 1]
      return (0..<configuration.queryHeads).map { head in
        let powers = keys.map { key in
          exp(
            scale
              * (0..<dim).reduce(0.0) { $0 + query[head * dim + $1] * key[head / group * dim + $1] }
          )
        }
        let sink = parameters.layers[layer].sinks.map { exp($0[head]) } ?? 0
        let total = sink + powers.reduce(0, +)
        var (running, sum) = (0.0, 0.0)
        for power in powers {
          running += power / total
          sum += running
        }
        return sum / Double(count)
      }
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
          let sink = parameters.layers[layer].sinks.map { exp($0[query]) } ?? 0
          return sum + (sink + seen.reduce(0) { $0 + scores[$1] }) / (sink + scores.reduce(0, +))
        } / Double(rows.count)
      }
      x = finish(x, attend(q, k, v, layer) { sees(layer, $1, $2) }, layer)
      if configuration.kinds[layer].window != nil {
        return Array(repeating: 1, count: configuration.keyValueHeads)
      }
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
      let full = attend(tq, tk, tv, layer) { sees(layer, $1, $2) }
      teacher = finish(teacher, full, layer)
      let (sq, sk, sv) = project(student, layer)
      let stream = attend(sq, sk, sv, layer) { _, i, j in rule.sees(query: i, key: j) }
      let own = attend(sq, sk, sv, layer) { sees(layer, $1, $2) }
      if configuration.kinds[layer].window != nil {
        student = finish(student, own, layer)
        continue
      }
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
    tokens.map { token in
      parameters.embedding[Int(token)].map { $0 * Double(configuration.embeddingScale) }
    }
  }

  private func project(_ x: Matrix, _ layer: Int) -> (Matrix, Matrix, Matrix) {
    let kind = configuration.kinds[layer]
    var (q, k, v) = projectUnturned(x, layer)
    (q, k) = (rope(q, kind), rope(k, kind))
    if let scale = kind.attentionScale {
      // The attention divides by √D.
      q = q.map { $0.map { $0 * Double(scale) * Double(configuration.headDim).squareRoot() } }
    }
    return (q, k, v)
  }

  /// Queries, keys and values before they are turned by their positions.
  private func projectUnturned(_ x: Matrix, _ layer: Int) -> (Matrix, Matrix, Matrix) {
    let p = parameters.layers[layer]
    let n = p.attentionNorm.map { norm(x, $0) } ?? x
    var (q, k, v) = (linear(n, p.wq), linear(n, p.wk), linear(n, p.wv))
    if let b = p.biases {
      q = q.map { zip($0, b.q).map(+) }
      k = k.map { zip($0, b.k).map(+) }
      v = v.map { zip($0, b.v).map(+) }
    }
    if let h = p.headNorms { (q, k) = (headNorm(q, h.q), headNorm(k, h.k)) }
    return (q, k, v)
  }

  private func attend(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, _ layer: Int, sees: (Int, Int, Int) -> Bool
  ) -> Matrix {
    Oracle.attention(
      q, k, v, headDim: configuration.headDim, sinks: parameters.layers[layer].sinks, sees: sees)
  }

  private func finish(_ x: Matrix, _ o: Matrix, _ layer: Int) -> Matrix {
    let (p, kind) = (parameters.layers[layer], configuration.kinds[layer])
    func join(_ x: Matrix, _ block: Matrix, _ weight: [Double]?) -> Matrix {
      let branch = weight.map { norm(block, $0) } ?? block
      return zip(x, branch).map { zip($0, $1).map { $0 + Double(kind.residualScale) * $1 } }
    }
    var attended = linear(o, p.wo)
    if let bias = p.outputBias { attended = attended.map { zip($0, bias).map(+) } }
    let h = join(x, attended, p.attentionOutputNorm)
    if kind.norms == .beside {
      return join(h, feedForward(p.attentionNorm.map { norm(x, $0) } ?? x, layer), nil)
    }
    let n = p.mlpNorm.map { norm(h, $0) } ?? h
    return join(h, feedForward(n, layer), p.mlpOutputNorm)
  }

  private func feedForward(_ n: Matrix, _ layer: Int) -> Matrix {
    let (p, kind) = (parameters.layers[layer], configuration.kinds[layer])
    func block(_ x: Matrix, _ expert: Int, of count: Int) -> Matrix {
      func part<Value>(_ w: [Value]) -> [Value] {
        let rows = w.count / count
        return Array(w[expert * rows..<(expert + 1) * rows])
      }
      func biased(_ x: Matrix, _ bias: [Double]?) -> Matrix {
        bias.map { bias in x.map { zip($0, part(bias)).map(+) } } ?? x
      }
      let gate = biased(linear(x, part(p.wGate)), p.expertBiases?.gate)
      let up = biased(linear(x, part(p.wUp)), p.expertBiases?.up)
      let act =
        switch kind.activation {
        case .silu: Oracle.swiglu(gate: gate, up: up)
        case .geluTanh: Oracle.geglu(gate: gate, up: up)
        case .clamped: Oracle.clampedSwiglu(gate: gate, up: up)
        }
      return biased(linear(act, part(p.wDown)), p.expertBiases?.down)
    }
    guard let experts = kind.experts, let router = p.router else { return block(n, 0, of: 1) }
    return n.map { row in
      var logits = linear([row], router)[0]
      if let bias = p.expertBiases?.router { logits = zip(logits, bias).map(+) }
      let powers = logits.map { exp($0) }
      let probabilities = powers.map { $0 / powers.reduce(0, +) }
      let chosen = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(experts.active)
      let total = experts.normalises ? chosen.reduce(0) { $0 + probabilities[$1] } : 1
      return chosen.reduce(Array(repeating: 0, count: row.count)) { sum, expert in
        let output = block([row], expert, of: experts.count)[0]
        return zip(sum, output).map { $0 + probabilities[expert] / total * $1 }
      }
    }
  }

  private func linear(_ x: Matrix, _ w: Matrix) -> Matrix { Oracle.linear(x, w) }

  private func norm(_ x: Matrix, _ w: [Double]) -> Matrix {
    let centered =
      configuration.centersNorms
      ? x.map { row in
        let mean = row.reduce(0, +) / Double(row.count)
        return row.map { $0 - mean }
      } : x
    return Oracle.rmsNorm(centered, w, epsilon: Double(configuration.rmsNormEpsilon))
  }

  private func headNorm(_ x: Matrix, _ w: [Double]) -> Matrix {
    x.map { row in
      stride(from: 0, to: row.count, by: w.count).flatMap {
        norm([Array(row[$0..<$0 + w.count])], w)[0]
      }
    }
  }

  /// Frequencies of plain RoPE; tests of its scalings have their own numbers.
  private func rope(_ x: Matrix, _ kind: LayerKind) -> Matrix {
    guard let rotary = kind.rotary else { return x }
    let turned = rotary.features ?? configuration.headDim
    let angles = (0..<turned / 2).map { pow(rotary.theta, -2 * Double($0) / Double(turned)) }
    return Oracle.rotate(
      x, headDim: configuration.headDim, frequencies: angles, neighbours: rotary.isInterleaved)
  }
}
