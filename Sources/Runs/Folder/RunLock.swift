import Foundation
import MapReporter
import ModelLoader
import Support

/// Keeps other processes out of a folder until it is released.
///
/// The lock is the kernel's (`flock`) and so ends with the process, however it ends; the file only
/// says who holds it and is left behind. It holds for the file that was locked: whoever removes that file,
/// or the folder, lets another process lock a new one, which ``requireHeld()`` notices.
final class RunLock: Sendable {
  private let descriptor: Int32
  private let stamp: FileStamp
  private let path: String
  private let folder: String

  /// Takes the lock file at `path` for this process.
  ///
  /// - Throws: ``RunError/locked(folder:holder:)`` where another process has it, and
  ///   `FileError` where the file cannot be created.
  init(path: String, folder: String) throws {
    for _ in 0..<Self.attempts {
      let descriptor = try Self.locked(path, folder: folder)
      // Between opening and locking it may have been removed, and replaced by the file of another process.
      if let stamp = FileStamp(descriptor: descriptor),
        FileStamp(path: path)?.isSameFile(as: stamp) == true
      {
        (self.descriptor, self.stamp, self.path, self.folder) = (descriptor, stamp, path, folder)
        Self.sign(descriptor)
        return
      }
      close(descriptor)
    }
    throw FileError.cannotWrite(path: path, reason: "it is removed again and again")
  }

  deinit {
    // Nobody holds it any more.
    _ = ftruncate(descriptor, 0)
    close(descriptor)
  }

  private static let attempts = 100

  private static func locked(_ path: String, folder: String) throws -> Int32 {
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
    guard descriptor >= 0 else {
      let code = errno
      throw FileError.cannotWrite(
        path: path,
        reason: systemMessage(code) + (code == EISDIR ? "; remove it or name another folder" : ""))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      let holder = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      close(descriptor)
      guard code == EWOULDBLOCK else {
        throw FileError.cannotWrite(path: path, reason: systemMessage(code))
      }
      throw RunError.locked(
        folder: folder, holder: holder.isEmpty ? "unknown process" : holder.shown(limit: 100))
    }
    return descriptor
  }

  private static func sign(_ descriptor: Int32) {
    let text = Array("process \(getpid()) on \(ProcessInfo.processInfo.hostName)".utf8)
    // Only a courtesy to whoever is refused: the lock holds without it.
    _ = ftruncate(descriptor, 0)
    _ = unsafe write(descriptor, text, text.count)
  }

  /// Refuses to go on where the path names another file than the locked one, or none.
  ///
  /// - Throws: ``RunError/lockLost(folder:)``.
  func requireHeld() throws {
    guard FileStamp(path: path)?.isSameFile(as: stamp) == true else {
      throw RunError.lockLost(folder: folder)
    }
  }
}
