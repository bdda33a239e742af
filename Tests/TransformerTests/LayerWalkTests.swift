import BasicContainers
import TestSupport
import Testing
import Transformer

/// The walk back through the layers.
@Suite struct LayerWalkTests {
  private let rows = 22..<30
  /// Each token occurs once: its embedding is one row of the first layer's input.
  private let tokens = (0..<30).map(Int32.init)

  /// The gradient of Σ w·(final hidden state) for the first layer's input, (30, C), w (8, C).
  private func gradient(
    _ model: RandomModel, _ weights: [[Double]], _ window: StreamingWindow?, keeping: Retention
  ) -> [[Float]] {
    let (decoder, c) = (model.decoder, model.configuration)
    func seen(_ layer: DecoderLayer) -> Visibility {
      layer.kind.window != nil
        ? layer.kind.ownVisibility : window.map { Visibility.streaming($0) } ?? .causal
    }
    let plan = decoder.rowPlan(pattern(c, window), output: RowSet(sink: 0, tail: rows))
    let table = RotaryTable(c, positions: tokens.count)
    var saved = UniqueArray<SavedLayer>()
    let x = decoder.walk(
      decoder.embed(tokens, rows: plan[0]), rows: plan, table: table,
      keeping: Array(repeating: keeping, count: c.layers), in: &saved
    ) { layer, qkv in layer.attend(qkv, seen(layer)).output() }
    let dHidden = Tensor(
      rows: rows.count, columns: c.hidden, values: weights.joined().map(Float.init))
    let dx = decoder.walkBack(
      decoder.finalNormBackward(dHidden.view, x: x.view), saved: saved, table: table
    ) { layer, qkv in
      layer.attend(qkv, seen(layer)).output()
    } attendBackward: { layer, qkv, dO in
      layer.attendBackward(dO, qkv, layer.attend(qkv, seen(layer)), seen(layer))
    }
    guard let dx else { return [] }
    let (held, values) = (plan[0], dx.values)
    return (0..<held.count).map { Array(values[$0 * c.hidden..<($0 + 1) * c.hidden]) }
  }

  private func pattern(
    _ c: ModelConfiguration, _ window: StreamingWindow?
  ) -> AttentionPattern {
    window.map { .streaming(c, window: $0) } ?? .full(c)
  }

  /// Against central differences of the oracle, which are good to 1e-7; what remains is float32.
  @Test(arguments: Architectures.all) func gradientsMatchCentralDifferences(
    _ c: ModelConfiguration
  ) {
    let model = RandomModel(c, seed: 13)
    var random = TestRandom(seed: 14)
    let weights = random.matrix(rows.count, c.hidden, scale: 1)
    // Under streaming attention the input holds positions 0 and 1, and the last ones.
    for window in [nil, StreamingWindow(sink: 2, recent: 4)] {
      let pattern = pattern(c, window)
      func loss(_ model: RandomModel) -> Double {
        let hidden = ReferenceModel(model).finalHidden(tokens, pattern: pattern)
        return zip(hidden[rows].joined(), weights.joined()).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let gradients = gradient(model, weights, window, keeping: .all)
      for position in [0, 1, 20, 23, 29] {
        let row = position < 2 ? position : gradients.count - tokens.count + position
        let h = 1e-4
        let numeric = (0..<c.hidden).map { column in
          var (up, down) = (model, model)
          up.embedding[position][column] += h
          down.embedding[position][column] -= h
          return (loss(up) - loss(down)) / (2 * h)
        }
        expectClose(
          gradients[row].map { $0 * c.embeddingScale }, numeric, tolerance: 1e-4,
          "\(c.modelType), \(window.map { "\($0)" } ?? "causal"), position \(position)")
      }
    }
  }

  @Test(arguments: Architectures.all) func whatIsNotKeptIsComputedAgain(_ c: ModelConfiguration) {
    let model = RandomModel(c, seed: 15)
    var random = TestRandom(seed: 16)
    let weights = random.matrix(rows.count, c.hidden, scale: 1)
    let window = StreamingWindow(sink: 2, recent: 4)
    let whole = gradient(model, weights, window, keeping: .all)
    #expect(!whole.isEmpty)
    for retention in [Retention.withoutGatedUnit, .input] {
      #expect(gradient(model, weights, window, keeping: retention) == whole, "\(retention)")
    }
  }
}
