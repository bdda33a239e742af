import Foundation
import GateOptimizer
import ModelLoader
import TestSupport
import Testing

/// Samples begin with what a tokenizer puts before a text, and with nothing of what it puts behind one.
@Suite struct StartTokenTests {
  @Test(
    arguments: [
      ([1, 2], [3]), ([], [3]), ([1], []), ([], []),
    ] as [([UInt8], [UInt8])])
  func samplesBeginAsTextsDo(before: [UInt8], behind: [UInt8]) throws {
    let tokenizer = try Tokenizer(json: TinyModel.tokenizer(before: before, behind: behind))
    let start = before.map(Int32.init)
    #expect(tokenizer.startTokens == start)
    #expect(tokenizer.endTokens == behind.map(Int32.init))
    #expect(tokenizer.encode("", addSpecialTokens: true) == start + tokenizer.endTokens)

    let sample = try PasskeySampler(
      task: .wordPasskeys, haystack: .generated(), contextLengths: [2000], seed: 5,
      tokenizer: tokenizer
    ).sample(index: 0)
    let plain = try PasskeySampler(
      task: .wordPasskeys, haystack: .generated(), contextLengths: [2000], seed: 5,
      tokenizer: Tokenizer(json: TinyModel.tokenizer())
    ).sample(index: 0)
    #expect(Array(sample.tokens.prefix(start.count)) == start)
    #expect(
      Array(sample.tokens.dropFirst(start.count).prefix(20)) == Array(plain.tokens.prefix(20)))

    let passage = try ProseSampler(
      haystack: .generated(), context: 64, seed: 5, tokenizer: tokenizer
    ).passage(index: 0)
    #expect(passage.count == 64)
    #expect(Array(passage.prefix(start.count)) == start)
    #expect(passage.dropFirst(start.count).allSatisfy { $0 > 31 || $0 == 10 })
  }
}
