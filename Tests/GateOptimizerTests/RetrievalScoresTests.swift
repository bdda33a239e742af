import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

/// Retrieval_Head's JSON as gates.
@Suite struct RetrievalScoresTests {
  /// Two layers of four query heads; the means are .5 .1 0 .2 and 1 0 .3 .4.
  static let sound = """
    {"0-0": [0.25, 0.75], "0-1": [0.1], "0-2": [0, 0], "0-3": [0.2],
     "1-3": [0.4], "1-2": [0.3], "1-1": [0.0], "1-0": [1]}
    """

  private func read(_ text: String, heads: Int = 2) throws -> GateMatrix {
    try GateFixtures.withFolder { folder in
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/scores.json"))
      return try GateMatrix(retrievalScores: "\(folder)/scores.json", keyValueHeads: heads)
    }
  }

  @Test func aGateIsTheLargestMeanOfItsGroup() throws {
    #expect(
      try read(Self.sound) == GateMatrix(layers: 2, heads: 2, values: [0.5, 0.2, 1, 0.4]))
    #expect(
      try read(Self.sound, heads: 4).values == [0.5, 0.1, 0, 0.2, 1, 0, 0.3, 0.4])
    #expect(try read(Self.sound, heads: 1).values == [0.5, 1])
  }

  @Test(arguments: [
    ("[1]", "a JSON object"), ("{}", "at least one head"), ("{\"0-0\": []}", "found none"),
    ("{\"0-0\": [51]}", "found 51"), ("{\"0-0\": [-0.5, 1]}", "found -0.5"),
    ("{\"0-0\": [\"x\"]}", "a JSON object"),
    ("{\"0\": [1]}", "a layer and a query head"), ("{\"0-0\": [1], \"1-x\": [1]}", "1-x"),
    ("{\"0-0\": [1], \"00-0\": [1]}", "00-0"), ("{\"0-5000\": [1]}", "0-5000"),
    ("{\"0-0\": [1], \"1-1\": [1]}", "every head of 2 layers × 2 query heads"),
    ("{\"0-0\": [1], \"0-1\": [1], \"0-2\": [1]}", "2 key-value heads can share evenly"),
    ("", "a JSON object"),
    ("{\"0-0\": [1],\n\"0-0\": [0]}", "each head once, found line 2: the key \"0-0\""),
    ("{\"0-0\": [NaN]}", "NaN is none in JSON"), ("{\"0-0\": 1}", "the number 1 for 0-0"),
  ])
  func whatIsNoneIsRefusedInOneSentence(text: String, part: String) throws {
    let error = #expect(throws: FileError.self) { try read(text) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    #expect(error?.category == .badData)
  }

  /// A head that copies a token twice scores above 1; the order of the heads stays.
  @Test func scoresAboveOneAreDividedByTheLargest() throws {
    let text = """
      {"0-0": [1.01, 1.05], "0-1": [1.0], "0-2": [0.5], "0-3": [0, 4, 0.12]}
      """
    let gates = try read(text, heads: 4).values
    let largest = 4.12 / 3
    #expect(gates == [1.03 / largest, 1 / largest, 0.5 / largest, 1])
    try GateFixtures.withFolder { folder in
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/scores.json"))
      let scores = try HeadScoreFile(contentsOf: "\(folder)/scores.json").scores()
      #expect(scores.values.max() == (0 + 4 + 0.12) / 3)
    }
  }

  @Test func scoresUpToOneStayAsTheyAre() throws {
    #expect(try read("{\"0-0\": [1.5, 0.5], \"0-1\": [0.25]}", heads: 2).values == [1, 0.25])
  }

  @Test func scoresAreToldFromMaps() throws {
    try GateFixtures.withFolder { folder in
      let path = "\(folder)/file.json"
      for (text, isScores) in [
        (Self.sound, true), ("{\"schema_version\": 1}", false), ("{}", false), ("no", false),
        ("{\"a-b\": [1]}", false),
      ] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        #expect(try GateMatrix.holdsRetrievalScores(path: path) == isScores)
      }
    }
  }
}
