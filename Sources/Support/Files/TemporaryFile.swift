import Foundation

/// A file written under a temporary name beside its destination, renamed when it is complete, and
/// removed when it is not.
///
/// Its process holds a lock on it. What a killed process has left of the same destination is not locked
/// and is removed when the next one begins.
package struct TemporaryFile: ~Copyable {
  /// Where the bytes are until `commit`.
  package let temporaryPath: String
  /// Where they go.
  package let path: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Creates an empty temporary file in the folder of `path`.
  package init(for path: String) throws(FileError) {
    // What is renamed over a device takes it away.
    var status = stat()
    if unsafe lstat(path, &status) == 0, [S_IFCHR, S_IFBLK].contains(status.st_mode & S_IFMT) {
      throw .cannotWrite(path: path, reason: "it is a device and not a file")
    }
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    let prefix = ".\(url.lastPathComponent)."
    Self.removeAbandoned(in: folder, prefix: prefix)
    var (descriptor, temporary): (Int32, String)
    repeat {
      let suffix = String(UInt32.random(in: .min ... .max), radix: 36)
      temporary = "\(folder)/\(prefix)\(Self.mark)\(suffix)\(Self.ending)"
      descriptor = unsafe open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else {
        throw .cannotWrite(path: path, reason: systemMessage(errno))
      }
      // Where there are no locks, nothing is removed either.
      flock(descriptor, LOCK_EX)
    } while Self.wasRemoved(descriptor)
    self.descriptor = descriptor
    temporaryPath = temporary
    self.path = path
  }

  /// What temporary names have behind a dot and the destination's name, before a number in base 36: by
  /// it a file of this package is known from a user's own `.notes.tmp`.
  private static let mark = "zigzag-"
  private static let ending = ".tmp"

  /// Whether a name is one that `init(for:)` makes, of the destination with this prefix or of any.
  private static func isTemporary(_ name: String, prefix: String) -> Bool {
    guard name.hasPrefix(prefix), name.hasSuffix(ending) else { return false }
    let parts = name.dropLast(ending.count).split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 2, let last = parts.last, last.hasPrefix(mark) else { return false }
    let number = last.dropFirst(mark.count)
    return (1...7).contains(number.count)
      && number.allSatisfy { ("a"..."z").contains($0) || ("0"..."9").contains($0) }
  }

  /// Whether another process took the file for abandoned before it was locked; closes it then.
  private static func wasRemoved(_ descriptor: Int32) -> Bool {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_nlink == 0 else { return false }
    close(descriptor)
    return true
  }

  /// Removes the temporary files in a folder whose processes are gone: those of one destination with its
  /// prefix, all of them without.
  package static func removeAbandoned(in folder: String, prefix: String = ".") {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where isTemporary(name, prefix: prefix) {
      let path = "\(folder)/\(name)"
      let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
      guard descriptor >= 0 else { continue }
      var status = stat()
      let isFile = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      // A file that cannot be removed is in nobody's way.
      if isFile, flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unsafe unlink(path) }
      close(descriptor)
    }
  }

  deinit {
    close(descriptor)
    if !isCommitted { unsafe unlink(temporaryPath) }
  }

  /// Reserves `byteCount` bytes of disk, so that a full disk shows before the work is done.
  package func reserve(byteCount: Int) throws(FileError) {
    guard byteCount > 0 else { return }
    let code = posix_fallocate(descriptor, 0, off_t(byteCount))
    guard code == 0 else {
      throw .cannotWrite(
        path: path, reason: "\(byteCount) bytes are needed, but \(systemMessage(code))")
    }
  }

  /// Cuts the file to nothing and gives its blocks back.
  package func clear() throws(FileError) {
    guard ftruncate(descriptor, 0) == 0 else {
      throw .cannotWrite(path: path, reason: systemMessage(errno))
    }
  }

  /// Writes `bytes` from `offset` on.
  package func write(_ bytes: RawSpan, at offset: Int) throws(FileError) {
    let descriptor = descriptor
    let failure: Int32? = unsafe bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
        let count = unsafe pwrite(
          descriptor, part.baseAddress, part.count, off_t(offset + written))
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return errno }
        written += count
      }
      return nil
    }
    if let failure { throw .cannotWrite(path: path, reason: systemMessage(failure)) }
  }

  /// Flushes the file to disk and gives it its name, replacing what had it.
  package consuming func commit() throws(FileError) {
    guard fsync(descriptor) == 0 else {
      throw .cannotWrite(path: path, reason: systemMessage(errno))
    }
    guard unsafe rename(temporaryPath, path) == 0 else {
      throw .cannotWrite(path: path, reason: systemMessage(errno))
    }
    isCommitted = true
    syncFolder()
  }

  /// Makes the rename itself durable, where the file system can.
  private func syncFolder() {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}

/// Writes whole files so that no reader, and no crash, ever sees half of one.
package enum AtomicFile {
  /// Writes `data` to a temporary name in the folder of `path`, flushes it and renames it to `path`.
  ///
  /// - Throws: `FileError.cannotWrite` where the folder is missing or not writable or the
  ///   disk is full; the temporary file is removed and what was at `path` stays.
  package static func write(_ data: Data, to path: String) throws(FileError) {
    let file = try TemporaryFile(for: path)
    try file.write(data.bytes, at: 0)
    try file.commit()
  }

  /// Writes `text` in UTF-8, as ``write(_:to:)-(Data,_)`` does.
  package static func write(_ text: String, to path: String) throws(FileError) {
    try write(Data(text.utf8), to: path)
  }

  /// Writes `text` likewise, and creates the folder where it is not there.
  package static func write(_ text: String, creatingFolderOf url: URL) throws(FileError) {
    try createFolder(url.deletingLastPathComponent().path)
    try write(text, to: url.path)
  }

  /// Creates a folder, and those it is in, where it is not there.
  package static func createFolder(_ path: String) throws(FileError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .cannotWrite(path: path, reason: systemMessage(of: error, creating: path))
    }
  }
}
