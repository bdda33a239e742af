import Foundation
import Testing

/// The rooms use one another in one direction, as docs/architecture.md draws them.
@Suite struct ArchitectureTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardizedFileURL

  /// From the top down, each with those it may use besides those below it.
  private static let rooms = [
    "zigzag", "Runs", "Bench", "MapReporter", "GateOptimizer", "ModelLoader", "Transformer",
    "Cluster", "Support",
  ]
  private static let strangers = [
    "Runs": ["Bench"], "Bench": ["Cluster"], "MapReporter": ["Cluster"],
    "GateOptimizer": ["Cluster"],
    "ModelLoader": ["Cluster"], "Transformer": ["Cluster"],
  ]

  private func sources(of room: String) throws -> [URL] {
    let folder = Self.root.appending(path: "Sources/\(room)")
    let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    return (all?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
  }

  @Test func everyRoomIsDrawn() throws {
    let page = try String(
      contentsOf: Self.root.appending(path: "docs/architecture.md"), encoding: .utf8)
    let picture = page.split(separator: "\n").filter { $0.hasPrefix("    ") }.joined(
      separator: "\n")
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Self.root.appending(path: "Sources").path)
    for room in folders where try !sources(of: room).isEmpty {
      #expect(Self.rooms.contains(room), "\(room)")
      #expect(picture.contains(room), "\(room) is not in docs/architecture.md")
    }
  }

  /// Types that the page names are there.
  @Test func everyNameIsReal() throws {
    let page = try String(
      contentsOf: Self.root.appending(path: "docs/architecture.md"), encoding: .utf8)
    let files = try Self.rooms.flatMap { try sources(of: $0) }
    let text = try files.map { try String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
    // Folders are named in the same way.
    let folders = Set(files.flatMap { $0.deletingLastPathComponent().pathComponents })
    let declared = text.matches(of: /\b(?:struct|class|enum|protocol) (\w+)/)
    let known = folders.union(declared.map { String($0.output.1) })
      .union(["ArchitectureTests", "Package", "Tests"])
    let names = page.matches(of: /`([A-Z][A-Za-z]+)[`.\/]/).map { String($0.output.1) }
    #expect(names.count > 20)
    for name in names { #expect(known.contains(name), "\(name)") }
  }

  @Test(arguments: rooms.indices) func aRoomUsesThoseBelowIt(place: Int) throws {
    let room = Self.rooms[place]
    let allowed = Set(Self.rooms[(place + 1)...]).subtracting(Self.strangers[room] ?? [])
    let files = try sources(of: room)
    #expect(!files.isEmpty, "\(room)")
    for file in files {
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(
        of:
          /(?m)^\s*(?:@\w+(?:\([^)]*\))? |\w+ )*import (?:(?:struct|class|enum|protocol|func|var|let|typealias) )?(\w+)/
      ) {
        let other = String(match.output.1)
        guard Self.rooms.contains(other) else { continue }
        #expect(allowed.contains(other), "\(room)/\(file.lastPathComponent) imports \(other)")
      }
    }
  }
}
