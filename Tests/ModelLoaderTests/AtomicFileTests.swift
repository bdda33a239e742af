import Foundation
import ModelLoader
import Support
import Testing
import TestSupport

struct AtomicFileTests {
  private let folder: ModelTestFolder

  init() throws { folder = try ModelTestFolder() }

  @Test func writesAndReplaces() throws {
    try AtomicFile.write("one", to: folder.file("a.txt"))
    try AtomicFile.write(Data("two".utf8), to: folder.file("a.txt"))
    try AtomicFile.write("", to: folder.file("empty"))
    #expect(try String(contentsOfFile: folder.file("a.txt"), encoding: .utf8) == "two")
    #expect(try folder.names() == ["a.txt", "empty"])
  }

  @Test func refusesFoldersThatAreMissingOrFiles() throws {
    expectError(.cannotWrite, "no/a.txt", "no such file") {
      try AtomicFile.write("x", to: folder.file("no/a.txt"))
    }
    try AtomicFile.write("x", to: folder.file("file"))
    expectError(.cannotWrite, "file/a.txt", "a part of its path is a file") {
      try AtomicFile.write("x", to: folder.file("file/a.txt"))
    }
    // A folder cannot be replaced by a file; nothing is left behind.
    try FileManager.default.createDirectory(
      atPath: folder.file("b"), withIntermediateDirectories: true)
    expectError(.cannotWrite, "/b") { try AtomicFile.write("x", to: folder.file("b")) }
    #expect(try folder.names() == ["b", "file"])
  }

  @Test(.enabled(if: FileManager.default.isWritableFile(atPath: "/dev/shm")))
  func reservesSpaceBeforeWriting() throws {
    // No file system here holds 2^50 bytes.
    let file = try TemporaryFile(for: "/dev/shm/zigzag-test-\(UUID().uuidString)")
    do {
      try file.reserve(byteCount: 1 << 50)
      Issue.record("reserved 2^50 bytes")
    } catch {
      #expect(error.category == .cannotWrite)
      #expect(error.description.contains("1125899906842624 bytes are needed"))
    }
  }
}
