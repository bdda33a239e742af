import Foundation
import Support
import TestSupport
import Testing

@testable import MapReporter

@Suite struct CurveTests {
  static let points = [
    CurvePoint(
      method: .full, task: "passkey 4 × 8", requestedSparsity: 0, achievedSparsity: 0, samples: 5,
      tokens: 216,
      measures: [
        .tokens: .init(
          Estimate(value: 0.88, low: 0.85, high: 0.9),
          minusFull: Estimate(value: 0, low: 0, high: 0)),
        .firstTokens: .init(
          Estimate(value: 0.78, low: 0.75, high: 0.8),
          minusHeadMixed: Estimate(value: -0.25, low: -0.5, high: 0.125)),
      ], primary: .tokens, kvBytes: 47_185_920, kvShare: 1),
    CurvePoint(
      method: .random(of: "layers"), seed: 7, task: "key, \"quoted\"", requestedSparsity: 0.5,
      achievedSparsity: 0.5, samples: 5, tokens: 5,
      measures: [.divergence: .init(Estimate(value: 10.0 / 3, low: 0, high: 20.0 / 3))],
      primary: .divergence),
  ]

  @Test func tableIsWrittenAsSpecified() throws {
    try expectSnapshot(CurveTable.text(Self.points), "curves.csv")
  }

  @Test func tableIsReadBackToItsPrecision() throws {
    let read = try CurveTable.parse(CurveTable.text(Self.points))
    #expect(read[0] == Self.points[0])
    #expect(read[1].task == Self.points[1].task)
    #expect(read[1].seed == 7)
    #expect(read[1].estimate(.divergence)?.value == 3.333333)
    #expect(read[1].estimate(.tokens) == nil)
    #expect(read[1].measures[.divergence]?.minusFull == nil)
    #expect(read[1].kvBytes == nil)
  }

  /// What a task is judged by first stands first, and is what runs are compared by.
  @Test func theFirstMetricIsTheTasksOwn() throws {
    var point = Self.points[0]
    point.measures[.f1] = .init(Estimate(value: 0.4, low: 0.3, high: 0.5))
    point.primary = .f1
    let text = CurveTable.text([point])
    let metrics = text.split(separator: "\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false)[9]
    }
    #expect(metrics == ["f1", "tokens", "first-tokens"])
    let read = try CurveTable.parse(text)
    #expect(read == [point])
    #expect(TaskDifficulty(read) == nil)
    point.measures[.f1] = .init(Estimate(value: 0.1, low: 0, high: 0.2))
    #expect(TaskDifficulty([point]) == .tooHard(0.1))
  }

  /// A loss of one sample: the fields of its ends are empty.
  @Test func whatHasNoIntervalHasNoneInTheTable() throws {
    var points = Self.points
    points[1].measures[.divergence] = .init(
      Estimate(withoutInterval: 0.25), minusFull: Estimate(withoutInterval: 0.5))
    let text = CurveTable.text(points)
    #expect(text.contains(",kl,0.250000,,,0.500000,,,"))
    #expect(try CurveTable.parse(text)[1] == points[1])
    let place = PlacePoint(
      method: .full, task: "prose", requestedSparsity: 0, place: .part(from: 0, to: 8), samples: 1,
      metric: .perplexity, estimate: Estimate(withoutInterval: 12))
    #expect(try PlaceTable.parse(PlaceTable.text([place]), path: "places.csv") == [place])
    // A share always has one, and no interval has one end.
    for (from, to) in [("0.850000,0.900000", ","), ("kl,0.250000,,", "kl,0.250000,0.1,")] {
      #expect(throws: FileError.self) { try CurveTable.parse(text.replacing(from, with: to)) }
    }
  }

  @Test func columnsAreFoundByNameAndOthersIgnored() throws {
    let text = CurveTable.text(Self.points)
    let lines = text.split(separator: "\n")
    let wider = zip(["note", "a", "b", "c"], lines).map { "\($0),\($1)\r\n" }.joined()
    #expect(try CurveTable.parse(wider) == CurveTable.parse(text))
  }

  @Test(arguments: [
    ("0.880000", "1.500000", "line 2, column value: expected from 0 to 1, found 1.5"),
    ("0.880000", "none", "line 2, column value: expected a finite number, found \"none\""),
    ("0.880000", "", "line 2, column value: expected a finite number, found \"\""),
    (",tokens,0.88", ",token,0.88", "line 2, column metric: expected one of tokens, first-tokens"),
    (",first-tokens,", ",tokens,", "line 3, column metric: expected each once for a point"),
    (",216,", ",216.5,", "line 2, column tokens: expected a whole number, found \"216.5\""),
    ("method,", "methods,", "line 2, column method: expected a column of this name, found none"),
    (",216,", ",", "line 2: expected 19 fields, found 18"),
    (",\"key, \"\"quoted\"\"\",", ",\"key,", "line 4: expected a closing quote"),
  ])
  func badTableIsRefusedByLineAndColumn(from: String, to: String, message: String) throws {
    let text = CurveTable.text(Self.points).replacing(from, with: to)
    let error = #expect(throws: FileError.self) {
      try CurveTable.parse(text, path: "curves.csv")
    }
    let sentence = try #require(error).description
    #expect(sentence.hasPrefix("curves.csv: \(message)"), "\(sentence)")
  }

  @Test func methodNamesKeepTheirMeaning() {
    let names = [
      "full", "streaming", "head-mixed", "layer:weighted:0.5", "random-heads", "lazy-layers",
      "imported:theirs", "imported:theirs:layer:weighted:0.5", "mine",
    ]
    #expect(names.map { CurveMethod($0).name } == names)
    #expect(names.filter { CurveMethod($0).isLayerExclusive } == ["layer:weighted:0.5"])
    #expect(names.filter { CurveMethod($0).isRandom } == ["random-heads"])
    #expect(CurveMethod("lazy-layers") == .baseline(.lazy))
    #expect(
      CurveMethod("imported:theirs:layer:max") == .imported(name: "theirs", method: .layers(.max)))
  }

  @Test func metricsAreReadByColumnName() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "metrics.csv")
      let text = "step,lr,loss,distill,reg,other\n1,0.002,0.05,0,0.05,171.5\n"
      try Data(text.utf8).write(to: file)
      let row = TrainingRow(
        step: 1, loss: 0.05, distillation: 0, regularization: 0.05, learningRate: 0.002)
      #expect(try TrainingRow.read(from: file) == [row])
    }
  }
}
