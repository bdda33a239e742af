import Foundation

/// A file written under a temporary name beside its destination, renamed when it is complete, and
/// removed when it is not.
package struct TemporaryFile: ~Copyable {
  /// Where the bytes are until `commit`.
  let temporaryPath: String
  /// Where they go.
  let path: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Creates an empty temporary file in the folder of `path`.
  package init(for path: String) throws(ModelLoaderError) {
    let url = URL(fileURLWithPath: path)
    let suffix = String(UInt32.random(in: .min ... .max), radix: 36)
    let temporary = url.deletingLastPathComponent()
      .appendingPathComponent(".\(url.lastPathComponent).\(suffix).tmp").path
    descriptor = unsafe open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw .cannotWrite(path: path, reason: systemMessage(errno))
    }
    temporaryPath = temporary
    self.path = path
  }

  deinit {
    close(descriptor)
    if !isCommitted { unsafe unlink(temporaryPath) }
  }

  /// Reserves `byteCount` bytes of disk, so that a full disk shows before the work is done.
  package func reserve(byteCount: Int) throws(ModelLoaderError) {
    guard byteCount > 0 else { return }
    let code = posix_fallocate(descriptor, 0, off_t(byteCount))
    guard code == 0 else {
      throw .cannotWrite(
        path: path, reason: "\(byteCount) bytes are needed, but \(systemMessage(code))")
    }
  }

  /// Cuts the file to nothing and gives its blocks back.
  func clear() throws(ModelLoaderError) {
    guard ftruncate(descriptor, 0) == 0 else {
      throw .cannotWrite(path: path, reason: systemMessage(errno))
    }
  }

  /// Writes `bytes` from `offset` on.
  func write(_ bytes: RawSpan, at offset: Int) throws(ModelLoaderError) {
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
  consuming func commit() throws(ModelLoaderError) {
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
