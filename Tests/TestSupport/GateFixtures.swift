import Foundation

/// Where tests find published gate tables and write files of their own.
package enum GateFixtures {
  /// The published DuoAttention gate tables, sorted by path; empty where there are none.
  ///
  /// They lie in the folder named by ZIGZAG_PATTERNS, or in a folder `patterns` of a neighbour of this
  /// repository.
  package static let publishedTables: [String] = {
    let files = FileManager.default
    let repository = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let parent = repository.deletingLastPathComponent().path
    let neighbours = (try? files.contentsOfDirectory(atPath: parent)) ?? []
    let named = ProcessInfo.processInfo.environment["ZIGZAG_PATTERNS"].map { [$0] }
    let folders = named ?? neighbours.sorted().map { "\(parent)/\($0)/patterns" }
    return folders.flatMap { folder in
      ((try? files.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        .map { "\(folder)/\($0)/full_attention_heads.tsv" }
        .filter { files.fileExists(atPath: $0) }
    }
  }()

  /// Runs `body` with the path of a fresh folder that is removed afterwards.
  package static func withFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("zigzag-gates-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
  }
}
