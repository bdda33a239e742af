import Foundation
import GateOptimizer
import MapReporter
import TestSupport
import Testing

@Suite struct ComparisonTests {
  private let folders: ComparedFolders

  init() throws { folders = try ComparedFolders() }

  private func compare(_ runs: [String], by criterion: Criterion? = nil) throws -> Comparison {
    try Comparison(runs: runs, title: "two & more", criterion: criterion)
  }

  private func page(_ runs: [String]) throws -> String {
    try compare(runs).html(in: folders.scratch.path)
  }

  /// Base, another seed with other layers, and a longer run with the base's layers.
  private func three() throws -> [String] {
    [
      try folders.add("base"),
      try folders.add("seed-1", gates: ComparedFolders.otherGates, accuracy: 0.7) { $0.seed = 1 },
      try folders.add("steps-40", accuracy: 0.82) { $0.calibration?.steps = 40 },
    ]
  }

  @Test func theAnswerComesFirstInWords() throws {
    let page = try page(try three())
    let accuracy = """
      With 50\u{a0}% of the layers streaming, by max, on words: from 60.0\u{a0}% (seed-1) to \
      72.0\u{a0}% (steps-40), base 70.0\u{a0}%. Their 95\u{a0}% intervals over 8 samples do not overlap.
      """
    let layers = """
      1 of 2 other runs keep the very layers that base keeps at 50\u{a0}%, by max; least alike is \
      seed-1, where 1 layer is another.
      """
    #expect(page.contains(accuracy))
    #expect(page.contains(layers))
    #expect(page.contains("<h2>3 runs, compared with base</h2>"))
    #expect(page.contains("Full attention: 90.0\u{a0}% (86.0 to 94.0)."))
    #expect(page.contains("<title>two &amp; more</title>"))
    let end = try #require(page.range(of: "The runs</h2>"))
    let lead = try #require(page.range(of: "least alike"))
    #expect(lead.lowerBound < end.lowerBound)
  }

  @Test func layersGainedAndLostAreListed() throws {
    try compare(try three()).write(to: folders.scratch.path("out"))
    // At one half and at the sparsity that the base's report recommends.
    #expect(
      try folders.read("out/comparison-layers.csv") == """
        run,calibration.steps,seed,criterion,sparsity,retrieval_layers,shared_with_first,gained,lost
        base,20,0,max,0.250000,0 1 3,1.000000,,
        base,20,0,max,0.500000,0 1,1.000000,,
        base,20,0,balance,0.250000,0 1 3,1.000000,,
        base,20,0,balance,0.500000,0 3,1.000000,,
        seed-1,20,1,max,0.250000,0 1 3,1.000000,,
        seed-1,20,1,max,0.500000,0 3,0.333333,3,1
        seed-1,20,1,balance,0.250000,0 1 3,1.000000,,
        seed-1,20,1,balance,0.500000,0 3,1.000000,,
        steps-40,40,0,max,0.250000,0 1 3,1.000000,,
        steps-40,40,0,max,0.500000,0 1,1.000000,,
        steps-40,40,0,balance,0.250000,0 1 3,1.000000,,
        steps-40,40,0,balance,0.500000,0 3,1.000000,,

        """)
  }

  @Test func aRowPerRunHoldsWhatIsKnownOfIt() throws {
    try compare(try three()).write(to: folders.scratch.path("out"))
    let lines = try folders.read("out/comparison.csv").split(separator: "\n")
    #expect(lines.count == 4)
    let columns: String = """
      run,calibration.steps,seed,criterion,sparsity,accuracy,accuracy_low,accuracy_high,kept_share,\
      kv_saved,qualified,steps,learn_seconds,distillation_loss,mean_gate,open_share,\
      gate_correlation
      """
    #expect(String(lines[0]) == columns)
    // One of four layers keeps 80 of 200 tokens: 1 − (3 · 200 + 80) / 800 = 15 %. Of the last two
    // steps the distillation loss is 0.03; five of eight gates are 0.5 or more.
    let base: String = """
      base,20,0,max,0.250000,0.800000,0.760000,0.840000,0.888889,0.150000,0,20,61.000000,\
      0.030000,0.515625,0.625000,1.000000
      """
    #expect(String(lines[1]) == base)
    #expect(lines[3].hasPrefix("steps-40,40,0,max,0.250000,0.820000,"))
    let points = try folders.read("out/comparison-accuracy.csv").split(separator: "\n")
    #expect(points.count == 1 + 3 * 8)
    let point = "base,20,0,words,layer:max,,0.250000,0.250000,8,0.800000,0.760000,0.840000"
    #expect(String(points[3]) == point)
  }

  @Test func settingsThatChangeTogetherAreOneColumn() throws {
    let runs = [
      try folders.add("base"),
      try folders.add("context-512") {
        $0.calibration?.contextMin = 512
        $0.calibration?.contextMax = 512
        $0.compute.teacherCache = .bytes(7)
        $0.evaluation.bootstrap = 99
      },
    ]
    let page = try page(runs)
    #expect(page.contains("<th scope=\"col\">KV saved</th><th scope=\"col\">context</th>"))
    #expect(page.contains("<td>1024</td>") && page.contains("<td>512</td>"))
    #expect(!page.contains("teacher_cache") && !page.contains("bootstrap</th>"))
    #expect(try compare(runs).figures().map(\.path).contains("figures/accuracy-context.svg"))
  }

  @Test func otherSamplesAreNotCompared() throws {
    let runs = try [
      folders.add("base"), folders.add("digits") { $0.evaluation.context = 300 },
      folders.add("few", samples: 3),
    ]
    let page = try page(runs)
    let reason = """
      digits is judged on other samples than base (context is 300, there it was 200), so \
      that their accuracies are not compared.
      """
    #expect(page.contains(reason))
    #expect(page.contains("few is judged on 3 samples per task, base on 8."))
    let tables = try #require(page.range(of: "<div class=\"tables\">"))
    let layers = try #require(page.range(of: "<h2>Layers</h2>"))
    let between = page[tables.upperBound..<layers.lowerBound]
    #expect(between.contains(">base</th>") && between.contains(">few</th>"))
    #expect(!between.contains("digits"))
  }

  @Test func runsWithoutAccuracyAreComparedByTheirLayers() throws {
    let runs = try [
      folders.add("base", accuracy: nil),
      folders.add("seed-1", gates: ComparedFolders.otherGates, accuracy: nil) { $0.seed = 1 },
    ]
    let page = try page(runs)
    #expect(page.contains("The accuracy of seed-1 is not measured yet."))
    #expect(!page.contains("<h2>Accuracy"))
    #expect(page.contains("keeps at 50\u{a0}%, by max, 1 layer is another in seed-1."))
    #expect(try !compare(runs).figures().contains { $0.path.contains("accuracy") })
  }

  @Test func sparsitiesHaveTheDecimalsTheyNeed() throws {
    let page = try page([
      folders.add("base") { $0.evaluation.sparsities = [0.375, 0.5] },
      folders.add("seed-1", gates: ComparedFolders.otherGates) {
        $0.seed = 1
        $0.evaluation.sparsities = [0.375, 0.5]
      },
    ])
    #expect(page.contains("<th scope=\"col\">37.5\u{a0}%</th><th scope=\"col\">50\u{a0}%</th>"))
    #expect(page.contains("by max, 1 layer is another in seed-1."))
  }

  @Test func anotherModelIsSaid() throws {
    let runs = try [
      folders.add("base"), folders.add("tuned", hash: String(ComparedFolders.digest.reversed())),
    ]
    #expect(try page(runs).contains("tuned is of another model than base."))
  }

  @Test func theCriterionOfTheFiguresIsTheMostAccurateOrTheOneAskedFor() throws {
    let runs = try three()
    #expect(try page(runs).contains("Seed: layers by max, words"))
    let asked = try compare(runs, by: .balance).html(in: folders.scratch.path)
    #expect(asked.contains("Seed: layers by balance, words"))
    #expect(asked.contains("All other runs keep the very layers that base keeps"))
  }

  @Test func manyRunsOfOneSettingTakeSeveralFigures() throws {
    let runs = try (0...9).map { seed in
      try folders.add("seed-\(seed)") { $0.seed = UInt64(seed) }
    }
    let names = try compare(runs).figures().map(\.path)
    #expect(
      names == [
        "figures/accuracy-seed.svg", "figures/accuracy-seed-part-2.svg",
        "figures/layers-max-50.svg", "figures/layers-balance-50.svg", "figures/layers-max-25.svg",
        "figures/overlap.svg",
      ])
  }
}
