import GateOptimizer
import Testing

/// Scores of answers, with values of the benchmarks' own scripts and of rouge-score.
@Suite struct AnswerMetricTests {
  private func score(
    _ metric: AnswerMetric, _ text: String, _ references: [String], classes: [String] = []
  ) -> Double {
    metric.score(text, AnswerKey(references: references, classes: classes, maximumTokens: 1))
  }

  @Test func containedAnswersAreCounted() {
    let text = "They are 1234567, and 7654321."
    #expect(score(.containsAll, text, ["1234567", "7654321"]) == 1)
    #expect(score(.containsAll, text, ["1234567", "1111111"]) == 0.5)
    #expect(score(.containsAny, text, ["1111111", "7654321"]) == 1)
    #expect(score(.containsAny, text, ["1111111"]) == 0)
    // Cases are ignored, forms of one letter are not.
    #expect(score(.containsAll, "RIVER", ["river"]) == 1)
    #expect(score(.containsAll, "Caf\u{e9}", ["cafe\u{301}"]) == 0)
    #expect(score(.containsAny, "", ["a"]) == 0)
  }

  @Test func wordsAreNormalisedAsForSQuAD() {
    #expect(score(.exact, "The  Palace, of a Porcelain!", ["palace of porcelain"]) == 1)
    #expect(score(.exact, "an anchor", ["the anchor"]) == 1)
    // An article inside a word is none, and punctuation goes before articles are looked for.
    #expect(score(.exact, "theatre", ["atre"]) == 0)
    #expect(score(.exact, "a-b", ["ab"]) == 1)
    #expect(score(.exact, "the", ["an"]) == 1)
    #expect(score(.exact, "one two", ["one", "one  two"]) == 1)
    // Final sigma, as Python lowers it.
    #expect(score(.exact, "\u{39F}\u{394}\u{39F}\u{3A3}", ["\u{3BF}\u{3B4}\u{3BF}\u{3C2}"]) == 1)
  }

  @Test func f1IsOfWords() {
    #expect(score(.f1, "the red car", ["red"]) == 2.0 / 3)
    #expect(score(.f1, "red red", ["red blue"]) == 0.5)
    #expect(score(.f1, "green", ["red", "green tea"]) == 2.0 / 3)
    #expect(score(.f1, "", ["red"]) == 0)
    #expect(score(.f1, "the", ["a"]) == 0)
  }

  /// rouge_score 0.1.2, rougeL without stemmer.
  @Test(arguments: [
    ("the cat sat on the mat", "the cat was on a mat", 0.6666666666666666),
    ("police killed the gunman", "police kill the gunman", 0.75),
    ("", "a b", 0), ("A-B c2", "a b C2", 1),
    ("one three two", "one two three four", 0.5714285714285715),
    ("\u{130}x na\u{ef}ve", "i x na ve", 1),
  ])
  func rougeLIsThatOfRougeScore(text: String, reference: String, value: Double) {
    #expect(abs(score(.rougeL, text, [reference]) - value) < 1e-12)
  }

  @Test func classesAreNamed() {
    let classes = ["entity", "human", "human group", "number"]
    #expect(score(.classification, "It is human.", ["human"], classes: classes) == 1)
    #expect(score(.classification, "entity or number", ["number"], classes: classes) == 0.5)
    #expect(score(.classification, "human group", ["human group"], classes: classes) == 1)
    #expect(score(.classification, "human group", ["human"], classes: classes) == 0.5)
    #expect(score(.classification, "nothing", ["human"], classes: classes) == 0)
    // The class behind one that is taken out is not looked at.
    let nested = ["a", "ab", "abc"]
    #expect(score(.classification, "abc", ["abc"], classes: nested) == 0.5)
  }

  /// The ratio of rapidfuzz, of the first line without marks of comments.
  @Test func codeIsComparedByItsFirstLine() {
    #expect(score(.editSimilarity, "x = 1\ny = 2", ["x = 1"]) == 1)
    #expect(score(.editSimilarity, "\n# note\nx = 1", ["x = 1"]) == 1)
    #expect(score(.editSimilarity, "// a\n`b`", ["c"]) == 0)
    #expect(abs(score(.editSimilarity, "return foo", ["return bar"]) - 0.7) < 1e-12)
  }
}
