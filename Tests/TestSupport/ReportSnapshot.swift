import Foundation
import Testing

/// Compares `text` with the snapshot file `name` in the Fixtures folder beside the calling test.
///
/// With ZIGZAG_UPDATE_SNAPSHOTS=1 in the environment the file is written instead: look at the
/// difference before committing it.
package func expectSnapshot(
  _ text: String, _ name: String, testFile: String = #filePath,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let file = URL(fileURLWithPath: testFile).deletingLastPathComponent()
    .appending(path: "Fixtures/\(name)")
  if ProcessInfo.processInfo.environment["ZIGZAG_UPDATE_SNAPSHOTS"] == "1" {
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
    return
  }
  let expected = String(decoding: try Data(contentsOf: file), as: UTF8.self)
  guard text != expected else { return }
  let (ours, theirs) = (text.split(separator: "\n"), expected.split(separator: "\n"))
  let line = zip(ours, theirs).enumerated().first { $0.element.0 != $0.element.1 }?.offset
  let place = line.map { "line \($0 + 1): \(ours[$0])\nexpected: \(theirs[$0])" }
  Issue.record(
    "\(name) differs at \(place ?? "its end: \(ours.count) lines, expected \(theirs.count)")",
    sourceLocation: sourceLocation)
}

/// A new folder that the body may fill; removed afterwards.
package func withTemporaryFolder<Result>(
  _ body: (URL) throws -> Result
) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appending(path: "zigzag-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}
