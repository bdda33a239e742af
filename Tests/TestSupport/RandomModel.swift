import Transformer

/// A small decoder with seeded random weights, for tests; float32 values, kept as Double too.
package struct RandomModel {
  /// One layer's parameters.
  package struct Layer {
    var attentionNorm, mlpNorm, attentionOutputNorm, mlpOutputNorm: [Double]?
    var wq, wk, wv, wo, wGate, wUp, wDown: [[Double]]
    var biases: (q: [Double], k: [Double], v: [Double])?
    var headNorms: (q: [Double], k: [Double])?
    var outputBias: [Double]?
    /// (H).
    var sinks: [Double]?
    /// Of the router (E), and of all experts' gate (E·F), up (E·F) and down (E·C) projections.
    var expertBiases: (router: [Double], gate: [Double], up: [Double], down: [Double])?
    /// (E, C); with it the gate, up and down projections are those of all experts under one another.
    var router: [[Double]]?
  }

  /// The architecture.
  package let configuration: ModelConfiguration
  /// Token embeddings, (V, C).
  package var embedding: [[Double]]
  let layers: [Layer]
  let finalNorm: [Double]

  /// A model of `configuration`, the same for the same seed.
  package init(_ configuration: ModelConfiguration, seed: UInt64 = 1) {
    var random = TestRandom(seed: seed)
    let c = configuration
    let (wide, narrow) = (c.queryHeads * c.headDim, c.keyValueHeads * c.headDim)
    self.configuration = c
    embedding = random.matrix(c.vocabulary, c.hidden, scale: 1)
    layers = c.kinds.map { kind in
      let isWhole = kind.headNorm == .whole
      let copies = kind.experts?.count ?? 1
      let width = kind.experts?.width ?? c.feedForward
      var layer = Layer(
        attentionNorm: kind.norms == .behind ? nil : random.vector(c.hidden, around: 1),
        mlpNorm: kind.norms == .behind || kind.norms == .beside
          ? nil : random.vector(c.hidden, around: 1),
        wq: random.matrix(wide, c.hidden), wk: random.matrix(narrow, c.hidden),
        wv: random.matrix(narrow, c.hidden), wo: random.matrix(c.hidden, wide),
        wGate: random.matrix(copies * width, c.hidden),
        wUp: random.matrix(copies * width, c.hidden),
        wDown: random.matrix(copies * c.hidden, width),
        biases: kind.projectionBias
          ? (random.vector(wide), random.vector(narrow), random.vector(narrow)) : nil,
        headNorms: kind.headNorm == nil
          ? nil
          : (
            random.vector(isWhole ? wide : c.headDim, around: 1),
            random.vector(isWhole ? narrow : c.headDim, around: 1)
          ))
      if let experts = kind.experts { layer.router = random.matrix(experts.count, c.hidden) }
      if let experts = kind.experts, experts.hasBiases {
        layer.expertBiases = (
          random.vector(experts.count), random.vector(copies * width),
          random.vector(copies * width), random.vector(copies * c.hidden)
        )
      }
      if kind.learnsSinks { layer.sinks = random.vector(c.queryHeads, around: 0.5) }
      if kind.outputBias { layer.outputBias = random.vector(c.hidden) }
      if kind.norms.followBlocks {
        layer.attentionOutputNorm = random.vector(c.hidden, around: 1)
        layer.mlpOutputNorm = random.vector(c.hidden, around: 1)
      }
      return layer
    }
    finalNorm = random.vector(c.hidden, around: 1)
  }

  /// The decoder of these weights.
  package var decoder: DecoderModel {
    DecoderModel(
      configuration: configuration,
      weights: DecoderWeights(
        embedding: weight(embedding), layers: layers.map(layerWeights),
        finalNorm: finalNorm.map(Float.init)))
  }

  private func layerWeights(_ p: Layer) -> LayerWeights {
    LayerWeights(
      attentionNorm: p.attentionNorm?.map(Float.init), wq: weight(p.wq), wk: weight(p.wk),
      wv: weight(p.wv), wo: weight(p.wo),
      biases: p.biases.map {
        ($0.q.map(Float.init), $0.k.map(Float.init), $0.v.map(Float.init))
      },
      outputBias: p.outputBias?.map(Float.init),
      headNorms: p.headNorms.map { ($0.q.map(Float.init), $0.k.map(Float.init)) },
      sinks: p.sinks?.map(Float.init),
      attentionOutputNorm: p.attentionOutputNorm?.map(Float.init),
      mlpNorm: p.mlpNorm?.map(Float.init), router: p.router.map(weight),
      expertBiases: p.expertBiases.map {
        ExpertBiases(
          router: $0.router.map(Float.init), gate: $0.gate.map(Float.init),
          up: $0.up.map(Float.init), down: $0.down.map(Float.init))
      }, wGate: weight(p.wGate),
      wUp: weight(p.wUp),
      wDown: weight(p.wDown), mlpOutputNorm: p.mlpOutputNorm?.map(Float.init))
  }

  private func weight(_ rows: [[Double]]) -> WeightMatrix {
    WeightMatrix(
      rows: rows.count, columns: rows.first?.count ?? 0, values: rows.joined().map(Float.init))
  }
}

/// Seeded random numbers for tests (SplitMix64), rounded to float32 so that both sides see the same.
package struct TestRandom: RandomNumberGenerator {
  private var state: UInt64

  /// A generator; equal seeds give equal numbers.
  package init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in −1…1.
  package mutating func unit() -> Double { Double(Float.random(in: -1...1, using: &self)) }

  /// `count` values within 0.3 of `around`.
  package mutating func vector(_ count: Int, around: Double = 0) -> [Double] {
    (0..<count).map { _ in Double(Float(around + 0.3 * unit())) }
  }

  /// A matrix whose products keep the size of their input, or of the given scale.
  package mutating func matrix(_ rows: Int, _ columns: Int, scale: Double? = nil) -> [[Double]] {
    let size = scale ?? 1.7 / Double(columns).squareRoot()
    return (0..<rows).map { _ in (0..<columns).map { _ in Double(Float(size * unit())) } }
  }

  /// `count` token ids below `vocabulary`.
  package mutating func tokens(_ count: Int, vocabulary: Int) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &self) }
  }
}
