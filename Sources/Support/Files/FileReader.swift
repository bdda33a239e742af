import Foundation
import Synchronization

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

/// What reading one file may cost: 64 times its size in memory, and 16 MiB whatever its size.
///
/// Every reader of a file draws from the same budget before it makes anything that a short file can make
/// large: decompressed values, the nodes of a document, repeated parts, text that grows. So a hostile file
/// is refused before its memory is taken and not after.
package final class ReadingBudget: Sendable {
  /// Bytes of memory for each byte of a file.
  package static let factor = 64
  /// Bytes of memory that any file may cost.
  package static let floor = 16 << 20

  private let path: String
  private let limit: Int
  private let spent = Atomic<Int>(0)

  /// The budget of the file at `path`, which messages name, with `byteCount` bytes.
  package init(path: String, byteCount: Int) {
    self.path = path
    let fits = byteCount < Int.max / (2 * Self.factor)
    limit = fits ? Self.factor * byteCount + Self.floor : .max / 2
  }

  /// Takes `bytes` for `place`, which names a part of the file in the message.
  ///
  /// - Throws: `FileError.invalid` where the budget does not hold so much any more.
  package func charge(_ bytes: Int, for place: String) throws(FileError) {
    guard bytes <= limit, spent.wrappingAdd(max(bytes, 0), ordering: .relaxed).newValue <= limit
    else {
      throw .invalid(
        path: path, place: place,
        expected: "content of at most \(limit) bytes in a file of this size", found: "more",
        fix: "the file is damaged or made to exhaust memory, so get it anew")
    }
  }

  /// Gives back `bytes` that were taken for something that is kept no longer.
  package func refund(_ bytes: Int) {
    spent.wrappingSubtract(max(bytes, 0), ordering: .relaxed)
  }
}

/// The most bytes that a file of each kind may have; larger ones are refused before they are read.
package enum FileLimit {
  /// A run configuration or a sweep.
  package static let configuration = 256 << 10
  /// A config.json.
  package static let modelConfiguration = 16 << 20
  /// An index of shards.
  package static let index = 64 << 20
  /// A tokenizer.json.
  package static let tokenizer = 256 << 20
  /// A table of gates.
  package static let gates = 16 << 20
  /// Scores of retrieval heads.
  package static let scores = 64 << 20
  /// A headmap.json.
  package static let map = 16 << 20
  /// The record of a run, a sweep or a step.
  package static let record = 16 << 20
  /// A table of a run folder.
  package static let table = 256 << 20
  /// What an interrupted search continues from.
  package static let search = 256 << 20
  /// A text that passkeys are hidden in.
  package static let text = 256 << 20

  /// A limit in words.
  package static func words(_ bytes: Int) -> String {
    bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
  }
}
