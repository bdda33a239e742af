import Foundation
import Transformer

/// A decoder whose weights are written down, not trained, so that it is known which heads look far back.
///
/// It copies: in layer 0 one head tells every position which token is before it; then, at each planted
/// place (layer, key-value head), a group of heads looks for positions whose *previous* token is the
/// present one, however far back, and copies what stands there (an induction circuit: Olsson et al. 2022).
/// With two places each copies one half of a token's code. Every other head looks at its own position
/// only and adds noise, so that it matters but is served as well by any window.
package struct PlantedModel {
  /// Layers, 6; each has 2 key-value heads of two query heads.
  package static let layers = 6
  /// Token ids, for ``GateToyTokenizers/hashedWords(_:)``.
  package static let vocabulary = 2048

  private static let code = 32
  private static let noise = 16
  private static let headDim = 64
  private static let hidden = 3 * code + noise
  // The residual stream: a token's own code, the code of the token before, the prediction, noise.
  private static let own = 0
  private static let before = code
  private static let prediction = 2 * code
  /// Planes of RoPE that turn, and tell positions apart; those from 16 on do not turn and hold codes.
  private static let turning = 10
  /// Strengths that make a softmax choose: about 15 between the best and the next score.
  private static let positionStrength = 15.0
  private static let codeStrength = 3.0

  /// Where heads look far back: exactly two (layer, key-value head), ascending, none in layer 0.
  package let planted: [(layer: Int, head: Int)]
  private let codes: [[Double]]

  /// A model with heads at `planted`.
  package init(planted: [(layer: Int, head: Int)], seed: UInt64 = 5) {
    var random = TestRandom(seed: seed)
    self.planted = planted
    codes = (0..<Self.vocabulary).map { _ in
      (0..<Self.code).map { _ in random.unit() < 0 ? -1 : 1 }
    }
  }

  /// The architecture.
  package let configuration = ModelConfiguration(
    modelType: "qwen2", layers: layers, hidden: hidden, feedForward: 16, queryHeads: 4,
    keyValueHeads: 2, headDim: headDim, vocabulary: vocabulary, maxPositions: 4096,
    kind: kind)

  private static var kind: LayerKind {
    var kind = LayerKind.biased
    kind.rotary?.theta = 1e12
    return kind
  }

  /// The decoder of these weights.
  package var decoder: DecoderModel {
    var random = TestRandom(seed: 9)
    let embedding = codes.map { $0 + Array(repeating: 0, count: Self.hidden - Self.code) }
    let output = codes.map { code in
      Array(repeating: 0, count: Self.prediction) + code + Array(repeating: 0, count: Self.noise)
    }
    return DecoderModel(
      configuration: configuration,
      weights: DecoderWeights(
        embedding: Self.matrix(embedding),
        layers: (0..<Self.layers).map { layer(index: $0, &random) },
        finalNorm: Array(repeating: 1, count: Self.hidden), output: Self.matrix(output)))
  }

  private func layer(index: Int, _ random: inout TestRandom) -> LayerWeights {
    var parts = Parts()
    for head in 0..<2 {
      if let place = planted.firstIndex(where: { $0 == (index, head) }) {
        parts.plantCopy(head: head, half: place)
      } else if index == 0 && head == 0 {
        parts.plantPrevious(head: head)
      } else {
        parts.plantNoise(head: head, &random)
      }
    }
    return parts.weights
  }

  private static func matrix(_ rows: [[Double]]) -> WeightMatrix {
    WeightMatrix(
      rows: rows.count, columns: rows.first?.count ?? 0, values: rows.joined().map(Float.init))
  }

  /// The weights of one layer while heads are planted in them.
  private struct Parts {
    var q = [[Double]](repeating: .init(repeating: 0, count: hidden), count: 4 * headDim)
    var k = [[Double]](repeating: .init(repeating: 0, count: hidden), count: 2 * headDim)
    var v = [[Double]](repeating: .init(repeating: 0, count: hidden), count: 2 * headDim)
    var o = [[Double]](repeating: .init(repeating: 0, count: 4 * headDim), count: hidden)
    var biasQ = [Double](repeating: 0, count: 4 * headDim)
    var biasK = [Double](repeating: 0, count: 2 * headDim)

    /// Looks for positions whose previous token is the present one; copies one half of what is there.
    mutating func plantCopy(head: Int, half: Int) {
      for i in 0..<code {
        // Planes 16…31 are the pairs (i, i + 32).
        let dim = i < 16 ? 16 + i : 32 + i
        k[head * headDim + dim][before + i] = codeStrength
        for group in 0..<2 { q[(2 * head + group) * headDim + dim][own + i] = codeStrength }
        v[head * headDim + i][own + i] = 1
      }
      for i in 0..<code / 2 {
        let (from, query) = (half * code / 2 + i, 2 * head + i % 2)
        o[prediction + from][query * headDim + from] = 1
      }
    }

    /// Looks one position back and writes the token that is there.
    mutating func plantPrevious(head: Int) {
      look(back: 1, head: head)
      for i in 0..<code {
        v[head * headDim + i][own + i] = 1
        o[before + i][2 * head * headDim + i] = 0.5
      }
    }

    /// Looks at its own position and writes some projection of it.
    mutating func plantNoise(head: Int, _ random: inout TestRandom) {
      look(back: 0, head: head)
      for i in 0..<headDim {
        for j in 0..<hidden { v[head * headDim + i][j] = 0.1 * random.unit() }
        for j in 0..<noise {
          for group in 0..<2 {
            o[3 * code + j][(2 * head + group) * headDim + i] = 0.1 * random.unit()
          }
        }
      }
    }

    /// Scores that are largest `distance` positions back, whatever the tokens: constant queries and keys
    /// whose phases differ by what RoPE turns over that distance.
    private mutating func look(back distance: Double, head: Int) {
      for i in 0..<turning {
        let angle = pow(1e12, -Double(i) / 32) * distance
        biasK[head * headDim + i] = positionStrength
        for group in 0..<2 {
          let start = (2 * head + group) * headDim
          biasQ[start + i] = positionStrength * cos(angle)
          biasQ[start + 32 + i] = -positionStrength * sin(angle)
        }
      }
    }

    var weights: LayerWeights {
      let ones = [Float](repeating: 1, count: hidden)
      let none = [[Double]](repeating: .init(repeating: 0, count: hidden), count: 16)
      let back = [[Double]](repeating: .init(repeating: 0, count: 16), count: hidden)
      return LayerWeights(
        attentionNorm: ones, wq: matrix(q), wk: matrix(k), wv: matrix(v), wo: matrix(o),
        biases: (
          biasQ.map(Float.init), biasK.map(Float.init),
          Array(repeating: 0, count: 2 * headDim)
        ), headNorms: nil, mlpNorm: ones, wGate: matrix(none), wUp: matrix(none),
        wDown: matrix(back))
    }
  }
}
