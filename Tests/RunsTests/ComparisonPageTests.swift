import Foundation
import MapReporter
import Runs
import Support
import TestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct ComparisonPageTests {
  private let folders: ComparedFolders

  init() throws { folders = try ComparedFolders() }

  private func runs() throws -> [String] {
    try [
      folders.add("base"),
      folders.add("recent-32", gates: ComparedFolders.otherGates, accuracy: 0.7) {
        $0.window.recent = 32
      },
      folders.add("sink-4", accuracy: 0.78) { $0.window.sink = 4 },
    ]
  }

  private func figure(_ name: String) throws -> String {
    let figures = try Comparison(runs: try runs(), title: "t").figures()
    return try #require(figures.first { $0.path == "figures/\(name).svg" }).text
  }

  @Test(arguments: ["accuracy-recent", "layers-max-50", "overlap"])
  func figuresAreDrawnAsBefore(name: String) throws {
    try expectSnapshot(try figure(name), "compare/\(name).svg")
  }

  @Test func differencesAreMarkedInTheStrips() throws {
    let strips = try figure("layers-max-50")
    // One gained, one lost, and the key.
    #expect(strips.components(separatedBy: "<circle").count - 1 == 3)
    #expect(strips.contains(">0.33</text>") && strips.contains(">1.00</text>"))
    #expect(strips.contains("recent-32: retrieval layers 0, 3."))
  }

  @Test func everyFigureIsWellFormed() throws {
    let figures = try Comparison(runs: try runs(), title: "t").figures()
    #expect(figures.count == 6)
    for figure in figures {
      let parser = XMLParser(data: Data(figure.text.utf8))
      #expect(parser.parse(), "\(figure.path): \(String(describing: parser.parserError))")
      #expect(!figure.text.contains("var(--") && !figure.text.contains("nan"), "\(figure.path)")
    }
  }

  @Test func thePageIsWholeAndLoadsNothing() throws {
    let page = try Comparison(runs: try runs(), title: "t").html(in: folders.scratch.path)
    let links = page.matches(of: /(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)/)
      .map { String($0.output.1) }
    #expect(links.allSatisfy { $0.hasPrefix("./") })
    #expect(!page.contains("<script") && !page.contains("@import"))
    #expect(!page.replacing("http://www.w3.org/2000/svg", with: "").contains("http"))
    #expect(!page.contains("{{") && page.hasSuffix("</html>\n"))
    #expect(page.contains("@media (prefers-color-scheme: dark)"))
    for tag in ["table", "section", "figure", "svg", "tr", "div"] {
      let opened = page.components(separatedBy: "<\(tag)").count - 1
      let others = tag == "tr" ? page.components(separatedBy: "<track").count - 1 : 0
      #expect(opened - others == page.components(separatedBy: "</\(tag)>").count - 1, "\(tag)")
    }
  }

  @Test func runsWithAPageOfTheirOwnAreLinked() throws {
    let runs = try runs()
    try folders.scratch.write("<html>", to: "base/report.html")
    let comparison = try Comparison(runs: runs, title: "t")
    let beside = try comparison.html(in: folders.scratch.path)
    #expect(beside.contains("<a href=\"./base/report.html\">base</a>"))
    #expect(beside.contains("<th scope=\"row\">sink-4</th>"))
    let elsewhere = try comparison.html(in: folders.scratch.path("a/b"))
    #expect(elsewhere.contains("<a href=\"./../../base/report.html\">base</a>"))
  }

  @Test func whatWasTypedIsShownNotRun() throws {
    let bad = "<script>&"
    let runs = try [folders.add(bad), folders.add("b") { $0.evaluation.tasks[0].name = bad }]
    let page = try Comparison(runs: runs, title: bad).html(in: folders.scratch.path)
    #expect(!page.contains("<script"))
    #expect(page.contains("<th scope=\"row\">&lt;script&gt;&amp;</th>"))
  }

  @Test func runsOfOneNameAreToldApartByTheirFolders() throws {
    let runs = try [folders.add("a/same"), folders.add("b/same") { $0.seed = 3 }]
    let page = try Comparison(runs: runs, title: "t").html(in: folders.scratch.path)
    #expect(page.contains("<th scope=\"row\">\(runs[1])</th>"))
  }

  @Test func aPageAloneOrWithTablesAndFigures() throws {
    let comparison = try Comparison(runs: try runs(), title: "t")
    #expect(
      try comparison.write(to: folders.scratch.path("x"))
        == folders.scratch.path("x/comparison.html"))
    let written = try FileManager.default.contentsOfDirectory(atPath: folders.scratch.path("x"))
    #expect(
      written.sorted() == [
        "comparison-accuracy.csv", "comparison-layers.csv", "comparison.csv", "comparison.html",
        "figures",
      ])
    try comparison.writePage(to: folders.scratch.path("y/z.html"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folders.scratch.path("y")) == ["z.html"])
  }

  @Test func whatIsNoRunIsRefused() throws {
    let run = try folders.add("base")
    let missing = folders.scratch.path("none")
    let error = #expect(throws: FileError.self) {
      _ = try Comparison(runs: [run, missing], title: "t")
    }
    #expect(error?.description.contains("\(missing)/config.yaml: there is no such") == true)
    try FileManager.default.removeItem(atPath: "\(run)/gates.tsv")
    let bare = #expect(throws: FileError.self) { _ = try Comparison(runs: [run], title: "t") }
    #expect(bare?.description.contains("learn the gates first") == true)
  }
}
