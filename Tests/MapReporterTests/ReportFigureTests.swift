import Foundation
import MapReporter
import TestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct ReportFigureTests {
  static let smallPoints: [CurvePoint] = [
    ReportSamples.point("full", 0, 0.88), ReportSamples.point("streaming", 1, 0.19),
    ReportSamples.point("layer:max", 0, 0.88), ReportSamples.point("layer:max", 0.5, 0.84),
    ReportSamples.point("layer:max", 1, 0.19),
    ReportSamples.point("random-layers", 0.5, 0.6, seed: 0),
    ReportSamples.point("random-layers", 0.5, 0.4, seed: 1),
  ]

  @Test func accuracyIsDrawnAsBefore() throws {
    let figure = AccuracyFigure(
      points: Self.smallPoints, task: ReportSamples.task, metric: .tokens,
      highlighted: .layers(.max))
    try expectSnapshot(figure.svg(theme: .standalone), "accuracy.svg")
  }

  /// Curves along full attention at 100 % leave its name alone: it stands above them.
  @Test func namesOfReferencesAreClearOfCurves() throws {
    let sparsities = [0.0, 0.25, 0.5, 0.75, 1]
    let points =
      [ReportSamples.point("full", 0, 1), ReportSamples.point("streaming", 1, 0)]
      + ["layer:search", "layer:max"].flatMap { method in
        sparsities.map { ReportSamples.point(method, $0, $0 < 1 ? 1 : 0) }
      }
    let svg = AccuracyFigure(points: points, task: ReportSamples.task, metric: .tokens)
      .svg(theme: .standalone)
    let number = "([0-9.]+)"
    let label = try #require(
      svg.firstMatch(of: try Regex("<text x=\"\(number)\" y=\"\(number)\"[^>]*>Full attention")))
    let line = try #require(
      svg.firstMatch(
        of: try Regex("<line x1=\"\(number)\" y1=\"\(number)\" [^>]*stroke-dasharray=\"7 4\"")))
    let (baseline, height) = try (
      #require(label.output[2].substring.flatMap { Double($0) }),
      #require(line.output[2].substring.flatMap { Double($0) })
    )
    #expect(baseline < height - 2, "\(baseline) and \(height)")
  }

  /// Both ends, and `count` ways to choose layers, each better than the one before it.
  private static func ways(_ count: Int) -> [CurvePoint] {
    [ReportSamples.point("full", 0, 0.88), ReportSamples.point("streaming", 1, 0.19)]
      + (0..<count).flatMap { way in
        [0.5, 0.75].map { sparsity in
          ReportSamples.point(
            "imported:way \(way):layer:search", sparsity, 1 - sparsity + 0.02 * Double(way))
        }
      }
  }

  private static func figure(_ points: [CurvePoint]) -> String {
    AccuracyFigure(
      points: points, task: ReportSamples.task, metric: .tokens,
      highlighted: CurveMethod("imported:way 3:layer:search")
    ).svg(theme: .standalone)
  }

  @Test func moreMethodsThanColoursAreRows() throws {
    #expect(Self.figure(Self.ways(10)).contains("<polyline"))
    let random = [0.3, 0.4].enumerated().map {
      ReportSamples.point("random-layers", 0.5, $0.element, seed: $0.offset)
    }
    let rows = Self.figure(Self.ways(11) + random)
    #expect(!rows.contains("<polyline"))
    // A dot for every point but both ends, and one for each sparsity in the legend.
    #expect(rows.components(separatedBy: "<circle").count - 1 == 11 * 2 + 2 + 2)
    let places = try (0..<11).map { way in
      try #require(rows.range(of: ">way \(way)</text>")).lowerBound
    }
    #expect(places == places.sorted(by: >), "the best is first")
    try expectSnapshot(rows, "accuracy-rows.svg")
  }

  @Test func gatesAreDrawnAsBefore() throws {
    let figure = GateFigure(
      gates: MapSamples.gates, kept: [[true, true], [false, false], [false, true]],
      layerFull: [true, false, true])
    try expectSnapshot(figure.svg(theme: .standalone), "gates.svg")
  }

  /// No map decides of layers with windows of their own, and they have no gates.
  @Test func windowsOfTheirOwnAreNoStreamingLayers() {
    let strip = LayerStripFigure(layerFull: [true, false, false], own: [1]).svg(theme: .page)
    #expect(strip.contains("<title>layer 0: retrieval, whole context</title>"))
    #expect(strip.contains("<title>layer 1: window of its own</title>"))
    #expect(strip.contains("<title>layer 2: streaming</title>"))
    #expect(strip.contains("Layers with windows of their own: 1."))
    let gates = GateFigure(
      gates: MapSamples.gates, kept: [[true, true], [false, false], [false, true]],
      layerFull: [true, false, true], own: [1]
    ).svg(theme: .page)
    #expect(gates.contains("<title>layer 1: window of its own, no gate</title>"))
    #expect(!gates.contains("layer 1, head") && gates.contains("layer 2, head 0: gate"))
    for svg in [strip, gates] {
      #expect(svg.contains(">window of its own: no map changes it</text>"))
      #expect(XMLParser(data: Data(svg.utf8)).parse())
    }
    #expect(!LayerStripFigure(layerFull: [true, false]).svg(theme: .page).contains("of its own"))
  }

  @Test func trainingIsDrawnAsBefore() throws {
    let rows = Array(ReportSamples.training.prefix(4))
    try expectSnapshot(TrainingFigure(rows: rows).svg(theme: .standalone), "training.svg")
  }

  @Test func everyFigureIsWellFormed() throws {
    for figure in Report(try ReportSamples.input()).figures() {
      let parser = XMLParser(data: Data(figure.text.utf8))
      #expect(parser.parse(), "\(figure.path): \(String(describing: parser.parserError))")
      #expect(!figure.text.contains("var(--"), "\(figure.path) must not need the page's style")
      #expect(!figure.text.contains("nan"))
    }
  }

  @Test func figureOnThePageFollowsItsColours() throws {
    let figure = LayerStripFigure(layerFull: [true, false])
    #expect(figure.svg(theme: .page).contains("fill=\"var(--accent)\""))
    #expect(!figure.svg(theme: .page).contains("fill=\"#"))
  }

  @Test func titlesAreEscaped() {
    let figure = LayerStripFigure(layerFull: [true], title: "a < b & \"c\"\u{1}")
    #expect(figure.svg(theme: .page).contains("<title>a &lt; b &amp; &quot;c&quot;</title>"))
  }

  @Test(arguments: [(1, 1), (16, 8), (32, 8), (80, 8), (126, 16), (48, 32)])
  func anyShapeFits(layers: Int, heads: Int) throws {
    let gates = (0..<layers).map { layer in (0..<heads).map { Double((layer + $0) % 5) / 4 } }
    let figure = GateFigure(
      gates: gates, kept: gates.map { $0.map { $0 > 0.5 } },
      layerFull: (0..<layers).map { $0 % 3 == 0 })
    let parser = XMLParser(data: Data(figure.svg(theme: .standalone).utf8))
    #expect(parser.parse())
  }

  @Test func trainingOfOneStepOrConstantLossIsDrawn() {
    let row = TrainingRow(
      step: 1, loss: 0, distillation: 0, regularization: 0, learningRate: 0.02)
    #expect(!TrainingFigure(rows: [row]).svg(theme: .standalone).contains("nan"))
    #expect(TrainingFigure(rows: []).svg(theme: .standalone).hasPrefix("<svg"))
  }
}
