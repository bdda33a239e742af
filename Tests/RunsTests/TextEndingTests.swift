import Testing

@testable import Runs

/// Where a generated text ends.
@Suite struct TextEndingTests {
  @Test(arguments: [
    ("Paris\nQuestion: next", ["\n"], false, "Paris"),
    ("a ### b END c", ["END", "###"], false, "a "),
    ("\n\nParis\nLondon", [], true, "Paris"),
    ("\nParis END\nLondon", ["END"], true, "Paris "),
    ("\n\n", ["\n"], false, ""),
  ])
  func theFirstEndCounts(text: String, stops: [String], isOneLine: Bool, expected: String) {
    let ending = TextEnding(tokens: [], texts: stops, isOneLine: isOneLine)
    #expect(ending.cut(ending.begin(text)) == expected)
  }

  /// Line feeds ahead of a line do not end it.
  @Test func aTextWithoutAnEndGoesOn() {
    let ending = TextEnding(tokens: [], texts: ["END"], isOneLine: true)
    for text in ["", "\n", "\n\nParis", "EN"] { #expect(ending.cut(ending.begin(text)) == nil) }
    #expect(ending.begin("\n\nParis") == "Paris")
    #expect(TextEnding(tokens: []).begin("\nParis") == "\nParis")
  }
}
