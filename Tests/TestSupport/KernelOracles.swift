import Foundation

/// The kernels' definitions in `Double`, one loop per sum; matrices are rows.
package enum Oracle {
  /// A matrix as rows.
  package typealias Matrix = [[Double]]

  /// x·wᵀ.
  package static func linear(_ x: Matrix, _ w: Matrix) -> Matrix {
    x.map { row in w.map { zip(row, $0).reduce(0) { $0 + $1.0 * $1.1 } } }
  }

  /// xᵀ.
  package static func transposed(_ x: Matrix) -> Matrix {
    (0..<(x.first?.count ?? 0)).map { c in x.map { $0[c] } }
  }

  /// Softmax attention: q (T, H·D), k and v (T, K·D); `sees` says, for key-value head, query and key,
  /// whether the key counts; `sinks` are logits without a value, (H).
  package static func attention(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, headDim d: Int, sinks: [Double]? = nil,
    sees: (Int, Int, Int) -> Bool
  ) -> Matrix {
    let queryHeads = (q.first?.count ?? 0) / d
    let group = queryHeads * d / (k.first?.count ?? 1)
    return q.indices.map { i in
      (0..<queryHeads).flatMap { head -> [Double] in
        let kv = head / group
        let (keys, weights) = softmax(
          q, k, d, head: head, kv: kv, query: i, sink: sinks?[head], sees: sees)
        return (0..<d).map { c in
          zip(keys, weights).reduce(0) { $0 + $1.1 * v[$1.0][kv * d + c] }
        }
      }
    }
  }

  /// The gradients of ``attention(_:_:_:headDim:sees:)`` for dO (T, H·D).
  package static func attentionBackward(
    _ dO: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, headDim d: Int,
    sees: (Int, Int, Int) -> Bool
  ) -> (q: Matrix, k: Matrix, v: Matrix) {
    let queryHeads = (q.first?.count ?? 0) / d
    let group = queryHeads * d / (k.first?.count ?? 1)
    let scale = 1 / Double(d).squareRoot()
    var (dq, dk, dv) = (zeros(like: q), zeros(like: k), zeros(like: v))
    for i in q.indices {
      for head in 0..<queryHeads {
        let kv = head / group
        let (keys, weights) = softmax(q, k, d, head: head, kv: kv, query: i, sees: sees)
        let dWeights = keys.map { j in
          (0..<d).reduce(0) { $0 + dO[i][head * d + $1] * v[j][kv * d + $1] }
        }
        let delta = zip(weights, dWeights).reduce(0) { $0 + $1.0 * $1.1 }
        for (n, j) in keys.enumerated() {
          let dScore = weights[n] * (dWeights[n] - delta) * scale
          for c in 0..<d {
            dq[i][head * d + c] += dScore * k[j][kv * d + c]
            dk[j][kv * d + c] += dScore * q[i][head * d + c]
            dv[j][kv * d + c] += weights[n] * dO[i][head * d + c]
          }
        }
      }
    }
    return (dq, dk, dv)
  }

  /// The keys that query `query` of a head sees, and their weights.
  private static func softmax(
    _ q: Matrix, _ k: Matrix, _ d: Int, head: Int, kv: Int, query i: Int, sink: Double? = nil,
    sees: (Int, Int, Int) -> Bool
  ) -> (keys: [Int], weights: [Double]) {
    let keys = k.indices.filter { sees(kv, i, $0) }
    let scores = keys.map { j in
      (0..<d).reduce(0) { $0 + q[i][head * d + $1] * k[j][kv * d + $1] } / Double(d).squareRoot()
    }
    let top = scores.max() ?? 0
    let powers = scores.map { exp($0 - top) }
    let total = powers.reduce(sink.map { exp($0 - top) } ?? 0, +)
    return (keys, powers.map { $0 / total })
  }

  /// x / √(mean x² + ε) ∘ w, row by row.
  package static func rmsNorm(_ x: Matrix, _ w: [Double], epsilon: Double) -> Matrix {
    x.map { row in
      let square = row.reduce(0) { $0 + $1 * $1 } / Double(row.count)
      let rms = (square + epsilon).squareRoot()
      return zip(row, w).map { $0 / rms * $1 }
    }
  }

  /// silu(gate) ∘ up.
  package static func swiglu(gate: Matrix, up: Matrix) -> Matrix {
    zip(gate, up).map { g, u in zip(g, u).map { $0 / (1 + exp(-$0)) * $1 } }
  }

  /// gelu(gate) ∘ up, gelu in its form with tanh.
  package static func geglu(gate: Matrix, up: Matrix) -> Matrix {
    zip(gate, up).map { g, u in
      zip(g, u).map { x, u in
        let inner = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
        return x / 2 * (1 + tanh(inner)) * u
      }
    }
  }

  /// gpt-oss' activation: g·sigmoid(1.702·g)·(1 + u), g at most 7 and u within −7…7.
  package static func clampedSwiglu(gate: Matrix, up: Matrix) -> Matrix {
    zip(gate, up).map { g, u in
      zip(g, u).map { g, u in
        let g = min(g, 7)
        return g / (1 + exp(-1.702 * g)) * (1 + min(max(u, -7), 7))
      }
    }
  }

  /// Rotary embedding, the half-split form; row t is position t.
  package static func rotate(_ x: Matrix, headDim d: Int, theta: Double) -> Matrix {
    let angles = (0..<d / 2).map { pow(theta, -2 * Double($0) / Double(d)) }
    return rotate(x, headDim: d, frequencies: angles)
  }

  /// Rotary embedding of the first 2n features of each head by n frequencies: the pairs are (i, i + n), or
  /// (2i, 2i + 1) where they are `neighbours`; cosines and sines are multiplied by `factor`.
  package static func rotate(
    _ x: Matrix, headDim d: Int, frequencies: [Double], factor: Double = 1, neighbours: Bool = false
  ) -> Matrix {
    let n = frequencies.count
    return x.enumerated().map { t, row in
      var turned = row
      for head in stride(from: 0, to: row.count, by: d) {
        for i in 0..<n {
          let (a, b) = neighbours ? (head + 2 * i, head + 2 * i + 1) : (head + i, head + i + n)
          let (c, s) = (
            factor * cos(Double(t) * frequencies[i]), factor * sin(Double(t) * frequencies[i])
          )
          turned[a] = row[a] * c - row[b] * s
          turned[b] = row[b] * c + row[a] * s
        }
      }
      return turned
    }
  }

  /// a·full + (1 − a)·stream, each gate for an equal share of the columns.
  package static func mix(full: Matrix, stream: Matrix, gates: [Double]) -> Matrix {
    let width = (full.first?.count ?? 0) / gates.count
    return zip(full, stream).map { f, s in
      f.indices.map { c in gates[c / width] * f[c] + (1 - gates[c / width]) * s[c] }
    }
  }

  /// Central differences of Σ dy ∘ f(x), element by element.
  package static func gradient(
    of f: (Matrix) -> Matrix, at x: Matrix, _ dy: Matrix
  ) -> Matrix {
    func value(_ x: Matrix) -> Double {
      zip(f(x), dy).reduce(0) { $0 + zip($1.0, $1.1).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    return x.indices.map { r in
      x[r].indices.map { c in
        var (up, down) = (x, x)
        up[r][c] += 1e-5
        down[r][c] -= 1e-5
        return (value(up) - value(down)) / 2e-5
      }
    }
  }

  private static func zeros(like x: Matrix) -> Matrix {
    x.map { Array(repeating: 0, count: $0.count) }
  }
}
