import Foundation

/// A file open for reading at any offset; what is read is checked against the file's length first.
package final class FileReader: Sendable {
  package let path: String
  package let byteCount: Int
  /// What reading this file may still cost.
  package let budget: ReadingBudget
  private let descriptor: Int32
  /// What kind of file it is, for messages.
  private let what: String

  /// Opens the file at `path`; `what` names it in the message if it is missing.
  package init(path: String, what: String) throws(FileError) {
    // Without blocking: a named pipe is refused below and not waited for.
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      throw code == ENOENT
        ? .missing(path: path, what: what)
        : .unreadable(path: path, reason: systemMessage(code))
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let kind = Self.kind(of: status.st_mode)
      throw .unreadable(
        path: path, reason: "it is \(kind), but the \(what) must be a regular file")
    }
    self.path = path
    self.what = what
    byteCount = status.st_size
    budget = ReadingBudget(path: path, byteCount: byteCount)
    try refuseGitLFSPointer()
  }

  /// Refuses the three lines of text that stand for a file where Git LFS has not fetched it.
  private func refuseGitLFSPointer() throws(FileError) {
    // The specification keeps pointers below 1,024 bytes.
    guard (1..<1024).contains(byteCount) else { return }
    guard FileKind(beginning: try beginning) == .gitLFSPointer else { return }
    throw .invalid(
      path: path, place: "the file", expected: "the \(what)", found: FileKind.gitLFSPointer.name,
      fix: "run `git lfs pull` in its folder")
  }

  deinit { close(descriptor) }

  /// The bytes that tell what kind of file it is, at most 64.
  package var beginning: [UInt8] {
    get throws(FileError) { try read(at: 0, count: min(64, byteCount), place: "the file") }
  }

  /// The `count` bytes from `offset` on; `place` names them in messages.
  package func read(at offset: Int, count: Int, place: String) throws(FileError) -> [UInt8] {
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard offset >= 0, count >= 0, !overflow, end <= byteCount else {
      throw truncated(place, expected: "\(count) bytes at offset \(offset)")
    }
    // The array of nothing is one for all threads, and not to be written.
    if count == 0 { return [] }
    let descriptor = descriptor
    var failure: Int32?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let part = unsafe UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
        let got = unsafe pread(descriptor, part.baseAddress, part.count, off_t(offset + filled))
        if got < 0 && errno == EINTR { continue }
        if got <= 0 {
          failure = got < 0 ? errno : 0
          return
        }
        filled += got
      }
    }
    if let failure {
      throw failure == 0
        ? truncated(place, expected: "\(count) bytes at offset \(offset)")
        : .unreadable(path: path, reason: systemMessage(failure))
    }
    return bytes
  }

  /// Fills `output` with the bytes from `offset` on; `place` names them in messages.
  package func read(
    at offset: Int, into output: inout MutableRawSpan, place: String
  ) throws(FileError) {
    let piece = 4 << 20
    for start in stride(from: 0, to: output.byteCount, by: piece) {
      let bytes = try read(
        at: offset + start, count: min(piece, output.byteCount - start), place: place)
      // The piece lies in `output`, since it ends where that does or before.
      unsafe output.withUnsafeMutableBytes { output in
        unsafe UnsafeMutableRawBufferPointer(rebasing: output[start..<start + bytes.count])
          .copyBytes(from: bytes)
      }
    }
  }

  /// What is there instead of a regular file.
  private static func kind(of mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFDIR: "a folder"
    case S_IFIFO: "a pipe"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }

  /// The whole file, refused before it is read if it has more than `limit` bytes.
  package func readAll(limit: Int) throws(FileError) -> Data {
    guard byteCount <= limit else {
      throw .invalid(
        path: path, place: "the file",
        expected: "a \(what) of at most \(FileLimit.words(limit))", found: "\(byteCount) bytes",
        fix: "it is damaged or another file, so name another or get it anew")
    }
    return Data(try read(at: 0, count: byteCount, place: "the file"))
  }

  private func truncated(_ place: String, expected: String) -> FileError {
    .invalid(
      path: path, place: place, expected: expected, found: "a file of \(byteCount) bytes",
      fix: "it is truncated or damaged, so fetch or make it again")
  }
}
