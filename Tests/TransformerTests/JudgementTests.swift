import Foundation
import TestSupport
import Testing
import Transformer

/// What maps are judged by: losses of predictions, and where attention falls.
@Suite struct JudgementTests {
  @Test(arguments: Architectures.all) func lossesMatchTheOracle(_ c: ModelConfiguration) {
    let model = RandomModel(c)
    let (decoder, oracle) = (model.decoder, ReferenceModel(model))
    var random = TestRandom(seed: 3)
    let tokens = random.tokens(90, vocabulary: c.vocabulary)
    let streaming = AttentionPattern.streaming(c, window: StreamingWindow(sink: 1, recent: 4))
    let rows = Array(stride(from: 1, to: 89, by: 1))
    let targets = rows.map { tokens[$0 + 1] }
    let losses = decoder.losses(
      decoder.finalHidden(tokens, pattern: streaming),
      reference: decoder.finalHidden(tokens, pattern: .full(c)), rows: rows, targets: targets)
    let ours = oracle.logProbabilities(tokens, pattern: streaming)
    let theirs = oracle.logProbabilities(tokens, pattern: .full(c))
    for (row, (target, loss)) in zip(rows, zip(targets, losses)) {
      let divergence = zip(theirs[row], ours[row]).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
      #expect(abs(loss.negativeLogLikelihood + ours[row][Int(target)]) < 1e-4)
      #expect(abs(loss.divergence - divergence) < 1e-4)
    }
    #expect(losses.contains { $0.divergence > 1e-2 })
  }

  @Test func aModelDoesNotDivergeFromItself() {
    let c = Architectures.all[0]
    let decoder = RandomModel(c).decoder
    var random = TestRandom(seed: 4)
    let tokens = random.tokens(20, vocabulary: c.vocabulary)
    let hidden = decoder.finalHidden(tokens, pattern: .full(c))
    let losses = decoder.losses(
      hidden, reference: hidden, rows: [0, 18], targets: [tokens[1], tokens[19]])
    #expect(losses.allSatisfy { $0.divergence == 0 })
  }

  @Test(arguments: Architectures.all) func windowMassMatchesTheOracle(_ c: ModelConfiguration) {
    let model = RandomModel(c)
    var random = TestRandom(seed: 5)
    let tokens = random.tokens(120, vocabulary: c.vocabulary)
    let window = StreamingWindow(sink: 2, recent: 9)
    let rows = 70..<110
    let mass = model.decoder.windowMass(tokens, rows: rows, window: window)
    let expected = ReferenceModel(model).windowMass(tokens, rows: rows, window: window)
    for (layer, row) in expected.enumerated() {
      for (head, share) in row.enumerated() {
        #expect(abs(mass[layer][head] - share) < 1e-4, "layer \(layer), head \(head)")
      }
    }
    let all = model.decoder.windowMass(
      tokens, rows: rows, window: StreamingWindow(sink: 0, recent: 120))
    #expect(all.joined().allSatisfy { abs($0 - 1) < 1e-5 })
  }
}
