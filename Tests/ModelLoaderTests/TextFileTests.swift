import Foundation
import ModelLoader
import Support
import TestSupport
import Testing

/// The one door for files that are read whole.
@Suite struct TextFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func error(_ name: String, limit: Int = 100) -> FileError? {
    #expect(throws: FileError.self) {
      try TextFile.text(at: folder.path(name), what: "list", limit: limit)
    }
  }

  @Test func filesAreRead() throws {
    try folder.write("a\u{e9}\n", to: "text")
    #expect(try TextFile.text(at: folder.path("text"), what: "list", limit: 4) == "a\u{e9}\n")
    try folder.write("", to: "empty")
    #expect(try TextFile.bytes(at: folder.path("empty"), what: "list", limit: 0).isEmpty)
    let digest = TextFile.sha256(of: folder.path("text"))
    #expect(digest == sha256(of: "a\u{e9}\n"))
    #expect(TextFile.sha256(of: folder.path("none")) == nil)
  }

  @Test func whatIsNoFileIsRefused() throws {
    #expect(error("none") == .missing(path: folder.path("none"), what: "list"))
    #expect(unsafe mkfifo(folder.path("pipe"), 0o600) == 0)
    #expect(
      error("pipe")?.description.contains("it is a pipe, but the list must be a regular file")
        == true)
    #expect(
      error("")?.description.contains("it is a folder, but the list must be a regular file") == true
    )
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("zero"), withDestinationPath: "/dev/zero")
    #expect(
      error("zero")?.description.contains("it is a device, but the list must be a regular file")
        == true)
  }

  @Test func limitsAreCheckedBeforeReading() throws {
    try folder.write("12345", to: "five")
    #expect(error("five", limit: 4)?.category == .badData)
    try folder.write("", to: "huge")
    #expect(unsafe truncate(folder.path("huge"), 1 << 40) == 0)
    #expect(
      error("huge", limit: 16 << 20)?.description.contains(
        "a list of at most 16 MiB, found 1099511627776 bytes") == true)
  }

  @Test func theFirstLineThatIsNotUTF8IsNamed() throws {
    for (bytes, line) in [
      ([0xFF], 1), ([0x61, 0x0A, 0xC3, 0x0A], 2), ([0x0A, 0x0A, 0x0A, 0xE2, 0x82], 4),
      ([0xC3, 0xA9, 0x0D, 0x0A, 0x80], 2),
    ] as [([UInt8], Int)] {
      try Data(bytes).write(to: URL(fileURLWithPath: folder.path("x")))
      #expect(
        error("x")
          == .invalid(
            path: folder.path("x"), place: "line \(line)", expected: "text in UTF-8",
            found: "other bytes", fix: "save it as UTF-8"))
    }
  }
}
