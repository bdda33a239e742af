import Support
import TestSupport
import Testing

@testable import ModelLoader

@Suite struct LongestPatternSearchTests {
  /// The longest string at each place, of equal ones the first, by trying all of them.
  private func expected(_ strings: [[UInt8]], _ text: [UInt8]) -> [Int?] {
    text.indices.map { place in
      var best: Int?
      for (position, string) in strings.enumerated() where !string.isEmpty {
        guard text[place...].starts(with: string) else { continue }
        if best.map({ strings[$0].count < string.count }) ?? true { best = position }
      }
      return best
    }
  }

  private func found(_ strings: [[UInt8]], _ text: [UInt8]) -> [Int?] {
    var matches = LongestPatternSearch.Matches(LongestPatternSearch(strings), in: text)
    return text.indices.map { matches.longest(at: $0)?.position }
  }

  @Test func nothingIsFoundOfNothing() {
    #expect(LongestPatternSearch([]).isEmpty)
    #expect(LongestPatternSearch([[]]).isEmpty)
    #expect(found([[]], Array("abc".utf8)) == [nil, nil, nil])
  }

  /// Strings of two letters, so that they begin, end and hold one another.
  @Test func itFindsWhatTryingAllFinds() {
    var generator = TestRandom(seed: 3)
    for _ in 0..<200 {
      let strings = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
        (0..<Int.random(in: 0...6, using: &generator)).map { _ in
          UInt8.random(in: 97...98, using: &generator)
        }
      }
      let text = (0..<60).map { _ in UInt8.random(in: 97...98, using: &generator) }
      #expect(found(strings, text) == expected(strings, text), "\(strings) in \(text)")
    }
  }

  /// A text is looked at in blocks of 16,384 places; what begins in one may end in the next.
  @Test func stringsReachOverBlocks() {
    var text = Array(repeating: UInt8(ascii: "-"), count: 1 << 15)
    let string = Array("<|end|>".utf8)
    let starts = [(1 << 14) - 3, (1 << 15) - 7]
    for start in starts {
      text.replaceSubrange(start..<start + string.count, with: string)
    }
    let matches = found([string], text)
    #expect(matches.indices.filter { matches[$0] != nil } == starts)
  }

  /// A thousand tokens of one long beginning cost what one costs: 39 microseconds a byte before.
  @Test func aLongCommonBeginningCostsNoMore() {
    let beginning = Array(repeating: UInt8(ascii: "a"), count: 1000)
    let strings = (0..<1019).map { beginning + Array("\($0)".utf8) }
    let text = Array(repeating: UInt8(ascii: "a"), count: 1 << 20)
    var matches = LongestPatternSearch.Matches(LongestPatternSearch(strings), in: text)
    let clock = ContinuousClock()
    let time = clock.measure { for place in text.indices { _ = matches.longest(at: place) } }
    #expect(time < .seconds(10))
  }
}
