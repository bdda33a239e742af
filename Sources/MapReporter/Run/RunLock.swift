import Foundation
import ModelLoader

/// Keeps other processes out of a run folder until it is released.
///
/// The lock is the kernel's (`flock`) and so ends with the process, however it ends; the file only
/// says who holds it and is left behind.
struct RunLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock file at `path` for this process.
  ///
  /// - Throws: ``RunError/locked(folder:holder:)`` where another process has it, and
  ///   ``RunError/cannotWrite(path:reason:)`` where the file cannot be created.
  init(path: String, folder: String) throws(RunError) {
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotWrite(path: path, reason: systemMessage(errno)) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      let holder = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      close(descriptor)
      guard code == EWOULDBLOCK else {
        throw .cannotWrite(path: path, reason: systemMessage(code))
      }
      throw .locked(folder: folder, holder: holder.isEmpty ? "unknown process" : holder)
    }
    let text = Array("process \(getpid()) on \(ProcessInfo.processInfo.hostName)".utf8)
    // Only a courtesy to whoever is refused: the lock holds without it.
    _ = ftruncate(descriptor, 0)
    _ = unsafe write(descriptor, text, text.count)
  }

  deinit { close(descriptor) }
}
