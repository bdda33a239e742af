import Foundation
import Testing

/// The documents lead to one another: every page is listed, every link leads somewhere, every file beside a
/// page is used.
@Suite struct DocumentTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardizedFileURL

  /// Folders with Markdown pages.
  private static let folders = ["", "docs", "docs/experiments", "data"]

  /// A link as it is written: a path and the place in it.
  private struct Link: Hashable {
    let target: URL
    let place: String
    let text: String
  }

  private func files(in folder: String, ending: String) throws -> [URL] {
    let place = Self.root.appending(path: folder)
    return try FileManager.default.contentsOfDirectory(
      at: place, includingPropertiesForKeys: nil
    )
    .filter { $0.pathExtension == ending }.map(\.standardizedFileURL)
  }

  private func pages() throws -> [URL] {
    try Self.folders.flatMap { try files(in: $0, ending: "md") }
  }

  /// The text of a page without its blocks of code.
  private func prose(of page: URL) throws -> String {
    let text = try String(contentsOf: page, encoding: .utf8)
    return text.replacing(/(?s)\n```.*?\n```/, with: "")
  }

  /// Links to files, not to the web.
  private func links(of page: URL) throws -> [Link] {
    try prose(of: page).matches(of: /\]\(([^)\s]+)\)/).map { String($0.output.1) }
      .filter { !$0.contains("://") }
      .map { text in
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let folder = page.deletingLastPathComponent()
        let target = parts[0].isEmpty ? page : folder.appending(path: String(parts[0]))
        return Link(
          target: target.standardizedFileURL, place: parts.count > 1 ? String(parts[1]) : "",
          text: text)
      }
  }

  /// The names that GitHub gives the headings of a page.
  private func places(in page: URL) throws -> Set<String> {
    let headings = try prose(of: page).matches(of: /(?m)^#+ (.+)$/)
    return Set(
      headings.map { heading in
        String(
          heading.output.1.lowercased().replacing(" ", with: "-")
            .filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" })
      })
  }

  @Test func everyLinkLeadsSomewhere() throws {
    var count = 0
    for page in try pages() {
      for link in try links(of: page) {
        count += 1
        let isThere = FileManager.default.fileExists(atPath: link.target.path)
        #expect(isThere, "\(page.lastPathComponent): \(link.text)")
        guard isThere, !link.place.isEmpty else { continue }
        #expect(
          try places(in: link.target).contains(link.place),
          "\(page.lastPathComponent): \(link.text)")
      }
    }
    #expect(count > 100)
  }

  @Test(arguments: ["docs", "docs/experiments"]) func everyPageIsListed(folder: String) throws {
    let index = Self.root.appending(path: folder).appending(path: "README.md").standardizedFileURL
    let listed = Set(try links(of: index).map(\.target))
    for page in try files(in: folder, ending: "md") where page != index {
      #expect(listed.contains(page), "\(page.lastPathComponent)")
    }
  }

  /// Pictures and tables that no page names would grow old unseen.
  @Test func everyFileBesideAPageIsUsed() throws {
    let used = Set(try pages().flatMap { try links(of: $0).map(\.target) })
    let beside =
      try files(in: "docs/images", ending: "svg")
      + files(in: "docs/experiments", ending: "csv")
      + files(in: "docs/experiments/smollm2-135m", ending: "csv")
    #expect(beside.count > 10)
    let unused = beside.filter { !used.contains($0) }.map(\.lastPathComponent)
    #expect(unused.isEmpty)
  }
}
