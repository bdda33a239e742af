import Foundation
import GateOptimizer
import MapReporter
import TestSupport
import Testing
import Transformer

@Suite struct ReportPageTests {
  /// Says which words are missing, without printing the page.
  private func expect(
    _ page: String, contains words: String, _ isExpected: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isThere = page.contains(words)
    #expect(isThere == isExpected, "\(words)", sourceLocation: sourceLocation)
  }

  @Test func answerComesFirstInWords() throws {
    let page = try Report(try ReportSamples.input()).html()
    let headline = try #require(page.range(of: "15 of 30 layers can stream"))
    let curve = try #require(page.range(of: "Accuracy against sparsity"))
    #expect(headline.lowerBound < curve.lowerBound)
    expect(
      page,
      contains: "With the layers that max chooses at 50\u{a0}% sparsity, the model keeps "
        + "95.5\u{a0}% of full attention’s token accuracy: "
        + "84.0\u{a0}% (95\u{a0}% interval 78.1 to 89.9 over 24 samples) against 88.0\u{a0}% on passkey 4 × 8, a "
        + "difference of −4.0 points (paired 95\u{a0}% interval −4.2 to −3.0)")
    expect(page, contains: "Against single heads with the same cache the difference is −3.0 points")
    // Half the layers keep 80 of 1024 tokens: 1 − (1024 + 80) / 2048 = 46 %.
    expect(page, contains: "saves 46\u{a0}% of the KV cache at 1,024 tokens")
    expect(page, contains: "reach 32.8\u{a0}%, the median of 4 draws")
    expect(page, contains: "Measured on 24 held-out samples, 1,056 tokens.")
  }

  @Test func pageLoadsNothingFromOutside() throws {
    let page = try Report(try ReportSamples.input()).html()
    let links = page.matches(of: /(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)/)
      .map { String($0.output.1) }
    #expect(!links.isEmpty)
    #expect(links.allSatisfy { $0.hasPrefix("./") })
    expect(page, contains: "<script", false)
    expect(page, contains: "@import", false)
    expect(page.replacing("http://www.w3.org/2000/svg", with: ""), contains: "http", false)
  }

  @Test func whatWasTypedIsShownNotRun() throws {
    var input = try ReportSamples.input()
    let bad = "<script>alert('&\"')</script>"
    input.title = bad
    input.subtitle = bad
    input.primaryTask = bad
    input.points = input.points.map { point in
      var point = point
      point.task = bad
      return point
    }
    input.points.append(ReportSamples.point("layer:\(bad)", 0.5, 0.5))
    input.facts = [.init(bad, bad)]
    input.files = [.init(path: "javascript:alert(1)", summary: bad)]
    input.notes = [bad]
    let page = try Report(input).html()
    expect(page, contains: "<script", false)
    expect(page, contains: "&lt;script&gt;")
    expect(page, contains: "href=\"./javascript%3Aalert(1)\"")
  }

  @Test func honestWhereNoMapQualifies() throws {
    var input = try ReportSamples.input()
    input.keptShare = 1.01
    let page = try Report(input).html()
    expect(page, contains: "No layer map kept 101\u{a0}% of full attention’s accuracy")
    expect(page, contains: "The closest is layers by")
  }

  /// Points of a run whose full attention and maps reach these accuracies on a few samples.
  private func input(
    full: Double, map: Double, samples: Int = 4, metric: CurveMetric = .tokens
  ) -> ReportInput {
    let points = [("full", 0, full), ("layer:max", 0.5, map)].map { method, sparsity, value in
      CurvePoint(
        method: CurveMethod(method), task: "key", requestedSparsity: sparsity,
        achievedSparsity: sparsity, samples: samples, tokens: 128,
        measures: [
          metric: .init(
            ScoreInterval().share(value, samples: samples),
            minusFull: ScoreInterval().difference(value - full, samples: samples))
        ])
    }
    return ReportInput(title: "t", points: points, primaryTask: "key", context: 1024)
  }

  @Test func fewSamplesSayWhyNothingQualifies() throws {
    let page = try Report(input(full: 1, map: 1)).html()
    expect(page, contains: "No layer map surely kept 95\u{a0}% of full attention’s accuracy")
    expect(page, contains: "100.0\u{a0}% (95\u{a0}% interval 51.0 to 100.0 over 4 samples)")
    expect(page, contains: "(paired 95\u{a0}% interval −49.0 to +49.0)")
    expect(page, contains: "With 4 samples even a map that agrees with full attention on each")
    expect(page, contains: "cannot show 95\u{a0}%; measure at least 73.")
    let enough = try Report(input(full: 1, map: 1, samples: 73)).html()
    expect(enough, contains: "can stream</h2>")
    expect(enough, contains: "measure at least", false)
  }

  @Test(arguments: [
    (1.0, 0.9, "Full attention reaches 100.0\u{a0}%"),
    (0.996, 0.9, "a harder task, such as the preset many-words"),
    (0.1, 0.0, "Full attention itself reaches only 10.0\u{a0}%"),
    (0.01, 0.01, "Neither full attention nor any map reaches more than 1\u{a0}%"),
  ])
  func tasksThatTellNothingAreMarked(full: Double, map: Double, words: String) throws {
    let page = try Report(input(full: full, map: map)).html()
    expect(page, contains: words)
    #expect(page.components(separatedBy: "class=\"warning\"").count == 2)
  }

  @Test(arguments: [0.99, 0.2])
  func tasksThatTellMapsApartAreNot(full: Double) throws {
    expect(try Report(input(full: full, map: 0.1)).html(), contains: "class=\"warning\"", false)
    let losses = try Report(input(full: 1, map: 1, metric: .perplexity)).html()
    expect(losses, contains: "class=\"warning\"", false)
  }

  @Test func samplesAreNamedBesideEveryInterval() throws {
    let page = try Report(try ReportSamples.input()).html()
    for words in [
      "lower end of the paired 95&nbsp;% interval over 24 samples",
      "95&nbsp;% intervals over 24 samples",
      "Small: 95&nbsp;% interval over 24 samples",
    ] {
      expect(page, contains: words)
    }
    var input = try ReportSamples.input()
    input.points[0].samples = 8
    expect(try Report(input).html(), contains: "Small: 95&nbsp;% interval over 8 to 24 samples")
    input.points = input.points.map { point in
      var point = point
      point.measures[.divergence] = .init(Estimate(withoutInterval: 0.25))
      return point
    }
    expect(try Report(input).html(), contains: "0.250<small>no interval</small>")
  }

  @Test func reportOfAlmostNothingIsStillAPage() throws {
    let input = ReportInput(title: "empty", points: [], primaryTask: "key", context: 0)
    let page = try Report(input).html()
    expect(page, contains: "Nothing to recommend yet")
    expect(page, contains: "Full attention was not scored on key")
    expect(page, contains: "<table", false)
    expect(page, contains: "Gate learning", false)
    #expect(Report(input).figures().isEmpty)
  }

  @Test func tableShowsNearestSparsitiesAndMarksTheBest() throws {
    let page = try Report(try ReportSamples.input()).html()
    for column in ["30", "50", "80"] {
      expect(page, contains: "scope=\"colgroup\">\(column)\u{a0}%</th>")
    }
    expect(page, contains: "<td class=\"best\">84.0<small>78.1 – 89.9</small></td>")
  }

  /// Of 8 layers 66.7 % cannot stream: what was asked for stands beside what there is.
  @Test func everySparsityThatWasAskedForIsShown() throws {
    func point(_ method: String, _ sparsity: Double, _ accuracy: Double) -> CurvePoint {
      var point = ReportSamples.point(method, sparsity, accuracy)
      point.achievedSparsity = (sparsity * 8).rounded() / 8
      return point
    }
    let model = HeadMap.Model(layers: 8, keyValueHeads: 1)
    let map = try HeadMap(
      model: model, window: HeadMap.Window(sink: 4, recent: 32),
      gates: Array(repeating: [1], count: 8),
      heads: HeadSet(retrievalLayers: [true] + Array(repeating: false, count: 7), heads: 1),
      criterion: HeadMap.Criterion(name: "max"), requestedSparsity: 0.9,
      calibration: HeadMap.Calibration(source: "zigzag"))
    let input = ReportInput(
      title: "t",
      points: [
        point("full", 0, 0.9), point("layer:search", 0.375, 0.9), point("layer:max", 0.375, 0.8),
        point("layer:search", 2.0 / 3, 0.89), point("layer:max", 2.0 / 3, 0.7),
      ], primaryTask: ReportSamples.task, context: 512,
      maps: [ReportInput.MapEntry(method: .layers(.max), map: map)])
    let page = try Report(input).html()
    expect(
      page,
      contains: "<th scope=\"row\">37.5\u{a0}%</th><td>37.5\u{a0}%: 3 of 8 layers</td>"
        + "<td class=\"best\">90.0</td><td>80.0</td>")
    expect(
      page,
      contains: "<th scope=\"row\">66.7\u{a0}%</th><td>62.5\u{a0}%: 5 of 8 layers</td>"
        + "<td class=\"best\">89.0</td><td>70.0</td>")
    expect(
      page, contains: "scope=\"colgroup\">66.7\u{a0}%<small>layers allow 62.5\u{a0}%</small></th>")
  }

  @Test func pageLeadsToTheMapInTheFormatsOfRuntimes() throws {
    var input = try ReportSamples.input()
    expect(try Report(input).html(), contains: "zigzag export", false)
    input.recommendedFolder = "maps/recommended/"
    input.exportCommand = "zigzag export . --format vllm"
    let page = try Report(input).html()
    expect(page, contains: "<a href=\"./maps/recommended/\">maps/recommended/</a>")
    expect(page, contains: "<code>zigzag export . --format vllm</code>")
  }

  /// Without gates and training nothing is said of them.
  @Test func whatWasNotLearnedIsLeftOut() throws {
    var input = try ReportSamples.input()
    (input.gates, input.training) = ([], [])
    let page = try Report(input).html()
    expect(page, contains: "<h2>Gates</h2>", false)
    expect(page, contains: "Gate learning</h2>", false)
    expect(page, contains: "class=\"beside\"", false)
  }

  @Test func everyWayOfChoosingHasItsRecommendation() throws {
    let page = try Report(try ReportSamples.input()).html()
    // Head-mixed keeps .84 of .88, surely .838, at 70 %; layers by count .86, surely .858, at 20 %.
    for row in [
      "Single heads (head-mixed)</th><td>70\u{a0}%</td><td>84.0<small>78.1 – 89.9</small></td>"
        + "<td>95.5\u{a0}%</td><td>−4.0<small>−4.2 to −3.0</small></td><td>–<small></small></td>",
      "Layers by count</th><td>20\u{a0}%</td><td>86.0",
    ] {
      expect(page, contains: row)
    }
  }

  @Test func placesAreDrawn() throws {
    var input = try ReportSamples.input()
    let grid = NeedleGrid(lengths: [512, 1024], depths: [0, 1])
    for method in ["full", "layer:max", "head-mixed", "random-layers"] {
      for (index, cell) in grid.cells.enumerated() {
        input.places.append(
          PlacePoint(
            method: CurveMethod(method), seed: method == "random-layers" ? 1 : nil,
            task: ReportSamples.task,
            requestedSparsity: method == "full" ? 0 : 0.5,
            place: .cell(length: cell.length, depth: cell.depth), samples: 2, metric: .tokens,
            estimate: Estimate(value: Double(index) / 4, low: 0, high: 1)))
      }
    }
    let page = try Report(input).html()
    expect(page, contains: "1,024 tokens, depth 100\u{a0}%: 75.0\u{a0}%")
    expect(page, contains: "Layers by max, 50\u{a0}%")
    // Random maps have no panel.
    #expect(page.matches(of: /512 tokens, depth 0/).count == 3)
    let figure = try #require(Report(input).figures().first { $0.path.contains("places-") })
    #expect(figure.path == "figures/places-passkey-4---8.svg")
  }

  @Test func pageAndFiguresLandInTheRunFolder() throws {
    let kept = ProcessInfo.processInfo.environment["ZIGZAG_SAMPLE_REPORT"]
    try withTemporaryFolder { temporary in
      let folder = kept.map { URL(fileURLWithPath: $0) } ?? temporary
      // An earlier page's, and pictures of the user's own: one that was not drawn here, one of another name.
      let drawn = try #require(try Report(ReportSamples.input()).figures().first).text
      let earlier = ["accuracy-exact.svg", "places-far.svg"].map {
        ExportedFile(path: "figures/\($0)", text: drawn)
      }
      let own = [
        ExportedFile(path: "figures/accuracy-mine.svg", text: "<svg>\n<title>Mine</title></svg>\n"),
        ExportedFile(path: "figures/old.svg", text: drawn),
      ]
      try MapExport(files: earlier + own, warnings: []).write(to: folder)
      let page = try Report(try ReportSamples.input()).write(to: folder)
      #expect(FileManager.default.fileExists(atPath: page.path))
      let figures = try FileManager.default.contentsOfDirectory(
        atPath: folder.appending(path: "figures").path)
      #expect(
        figures.sorted() == [
          "accuracy-first-tokens.svg", "accuracy-mine.svg", "accuracy-tokens.svg", "gates.svg",
          "layers.svg", "old.svg", "training.svg",
        ])
    }
  }
}
