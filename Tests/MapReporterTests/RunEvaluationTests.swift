import GateOptimizer
import MapReporter
import TestSupport
import Testing
import Transformer

/// What an evaluation measures, how it is kept, and the points it becomes.
@Suite struct RunEvaluationTests {
  private let gates = GateMatrix(layers: 4, heads: 2, values: [1, 0, 0.5, 0.6, 0, 0.1, 0.9, 0.8])
  private let window = StreamingWindow(sink: 1, recent: 2)

  private var settings: EvaluationSettings {
    var settings = EvaluationSettings()
    settings.sparsities = [0, 0.5, 1]
    settings.criteria = [.max]
    settings.randomLayerSeeds = [1]
    settings.randomHeadSeeds = []
    settings.samples = 2
    settings.context = 10
    settings.bootstrap = 100
    return settings
  }

  private func plan() throws -> MapPlan {
    try MapPlan(gates: gates, settings: settings, window: window)
  }

  @Test func everyMethodIsPlannedAtEverySparsity() throws {
    let maps = try plan().maps
    #expect(maps.map(\.method.name).prefix(2) == ["full", "streaming"])
    for method in ["head-mixed", "layer:max", "random-layers"] {
      let mine = maps.filter { $0.method.name == method }
      #expect(mine.map(\.requestedSparsity) == [0, 0.5, 1])
      #expect(mine.map(\.achievedSparsity) == [0, 0.5, 1])
    }
    let half = try #require(
      maps.first { $0.method.name == "layer:max" && $0.requestedSparsity == 0.5 })
    #expect(
      half.pattern.isRetrieval == [[true, true], [false, false], [false, false], [true, true]])
  }

  @Test func equalPatternsAreMeasuredOnce() throws {
    let patterns = try plan().patterns
    #expect(Set(patterns).count == patterns.count)
    #expect(patterns.count <= 2 + 3)
  }

  private func accuracy(_ correct: Int) -> SampleAccuracy {
    SampleAccuracy(
      tokens: SampleScore(correct: correct, total: 10),
      firstTokens: SampleScore(correct: correct / 2, total: 5))
  }

  @Test func theTableReadsBack() throws {
    let scratch = try TemporaryFolder()
    var table = AccuracyTable()
    for (index, pattern) in try plan().patterns.enumerated() {
      table["words, many", pattern] = [accuracy(index), accuracy(10 - index)]
    }
    let path = try scratch.write(table.text, to: "accuracies.csv")
    #expect(try AccuracyTable.read(path) == table)
    #expect(try AccuracyTable.read(scratch.path("none.csv")) == AccuracyTable())
  }

  @Test(arguments: ["a,f0,1,1,2,1,1", "a,f0,0,3,2,1,1", "a,f0,0,x,2,1,1"])
  func damagedTablesAreRefused(line: String) throws {
    let scratch = try TemporaryFolder()
    let header = "task,pattern,sample,correct,tokens,first_correct,first_tokens\n"
    let path = try scratch.write(header + line + "\n", to: "accuracies.csv")
    #expect(throws: MapReporterError.self) { try AccuracyTable.read(path) }
  }

  @Test func pointsPoolTheSamples() throws {
    let plan = try plan()
    var table = AccuracyTable()
    for pattern in plan.patterns {
      table["words", pattern] = [accuracy(4), accuracy(8), accuracy(0)]
    }
    let model = ModelConfiguration(
      modelType: "llama", layers: 4, hidden: 8, feedForward: 8, queryHeads: 2, keyValueHeads: 2,
      headDim: 4, vocabulary: 8, maxPositions: 16)
    let points = MeasuredCurves(plan: plan, table: table, settings: settings, model: model).points
    #expect(points.count == plan.maps.count)
    let full = try #require(points.first)
    // The third sample is beyond what the settings ask for.
    #expect(full.samples == 2)
    #expect(full.accuracy.value == 0.6)
    #expect(full.firstTokenAccuracy?.value == 0.6)
    #expect(full.kvBytes == 2 * 4 * 2 * 8 * 10)
    #expect(points[1].kvBytes == 2 * 4 * 2 * 8 * 3)
  }
}
