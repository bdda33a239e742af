import Foundation
import MapReporter
import Runs
import TestSupport
import Testing

/// The list of a run folder's files, which everything else goes by.
@Suite struct RunFileTests {
  @Test func everyFileHasANameOfItsOwn() {
    let names = RunFile.allCases.map(\.name)
    #expect(Set(names).count == names.count)
  }

  /// Every result is written by one stage.
  @Test func everyResultHasItsStage() {
    let files = Stage.allCases.flatMap(\.files)
    for result in RunFile.results { #expect(files.count { $0 == result } == 1, "\(result.name)") }
    #expect(Stage.evaluate.through == [.learn, .search, .score, .evaluate])
    #expect(Stage.score.through == [.score])
  }

  /// docs/run-folder.md has a line for each.
  @Test func everyFileIsDocumented() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/run-folder.md").standardizedFileURL.path
    let rows = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("| `") }
    for file in RunFile.allCases {
      let names = ["`\(file.name)`", "`\(file.name)/"]
      #expect(rows.contains { row in names.contains(where: row.contains) }, "\(file.name)")
    }
  }
}
