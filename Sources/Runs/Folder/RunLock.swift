import Foundation
import MapReporter
import Support

/// Keeps other processes out of a folder until it is released.
///
/// The lock is the kernel's (`flock`) and so ends with the process, however it ends; the file only
/// says who holds it and is left behind. It holds for the file that was locked: whoever removes that file,
/// or the folder, lets another process lock a new one, which ``requireHeld()`` notices.
final class RunLock: Sendable {
  /// Whom a lock keeps out.
  enum Kind: Sendable {
    /// Everybody else.
    case alone
    /// Who wants to be alone.
    case shared
  }

  private let descriptor: Int32
  private let stamp: FileStamp
  private let path: String
  private let folder: String
  private let kind: Kind

  /// Takes the lock file at `path` for this process.
  ///
  /// - Parameters:
  ///   - path: The file, which is made where there is none.
  ///   - folder: What it stands for, in errors.
  ///   - kind: Whom it keeps out.
  ///   - waits: Asked again and again while another process has it, and says whether to go on waiting.
  /// - Throws: ``RunError/locked(folder:holder:)`` where another process has it, and
  ///   `FileError` where the file cannot be created.
  init(
    path: String, folder: String, kind: Kind = .alone, while waits: () -> Bool = { false }
  ) throws {
    var attempts = 0
    while attempts < Self.attempts {
      let descriptor: Int32
      do {
        descriptor = try Self.locked(path, folder: folder, kind)
      } catch let error as RunError {
        guard case .locked = error, waits() else { throw error }
        Thread.sleep(forTimeInterval: Self.pause)
        continue
      }
      // Between opening and locking it may have been removed, and replaced by the file of another process.
      if let stamp = FileStamp(descriptor: descriptor),
        FileStamp(path: path)?.isSameFile(as: stamp) == true
      {
        (self.descriptor, self.stamp, self.path, self.folder) = (descriptor, stamp, path, folder)
        self.kind = kind
        Self.sign(descriptor, kind)
        return
      }
      close(descriptor)
      attempts += 1
    }
    throw FileError.cannotWrite(path: path, reason: "it is removed again and again")
  }

  deinit {
    // Nobody holds it any more.
    if kind == .alone { _ = ftruncate(descriptor, 0) }
    close(descriptor)
  }

  private static let attempts = 100
  /// Seconds between two looks at a lock that is waited for.
  private static let pause = 0.05

  private static func locked(_ path: String, folder: String, _ kind: Kind) throws -> Int32 {
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
    guard descriptor >= 0 else {
      let code = errno
      throw FileError.cannotWrite(
        path: path,
        reason: systemMessage(code) + (code == EISDIR ? "; remove it or name another folder" : ""))
    }
    guard flock(descriptor, (kind == .alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 else {
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

  private static func sign(_ descriptor: Int32, _ kind: Kind) {
    let own = "process \(getpid()) on \(ProcessInfo.processInfo.hostName)"
    let text = Array((kind == .alone ? own : "single runs of the sweep").utf8)
    // Only a courtesy to whoever is refused: the lock holds without it.
    _ = ftruncate(descriptor, 0)
    _ = unsafe pwrite(descriptor, text, text.count, 0)
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
