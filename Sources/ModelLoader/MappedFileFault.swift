import Foundation
import Synchronization

/// What happens when mapped weights cannot be read: the disk fails, or the file is cut short.
///
/// The kernel says so with SIGBUS, in the middle of a computation, so that nothing is left but to end the
/// process in order.
public enum MappedFileFault {
  /// The sentence for the file mapped last, as a C string that is never freed; 0 before the first.
  private static let message = Atomic<UInt>(0)

  /// From now on such a fault ends the process with one sentence on standard error and `exitCode`.
  ///
  /// Only for programs, and once: it takes the handler of SIGBUS.
  public static func install(exitCode: Int32) {
    // Both are made here, since a handler must not.
    code.store(exitCode, ordering: .relaxed)
    message.store(0, ordering: .relaxed)
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in
      // Nothing but what a signal handler may do: load, write and leave.
      if let text = unsafe UnsafePointer<CChar>(
        bitPattern: MappedFileFault.message.load(ordering: .acquiring))
      {
        _ = unsafe write(STDERR_FILENO, text, strlen(text))
      }
      _exit(MappedFileFault.code.load(ordering: .relaxed))
    }
    _ = unsafe sigaction(SIGBUS, &action, nil)
  }

  private static let code = Atomic<Int32>(66)

  /// Names the file at `path` in messages from now on.
  static func watch(_ path: String) {
    let text = unsafe strdup(
      "\nzigzag: cannot read \(path) any more (the disk failed, or the file was cut short while it was "
        + "in use); bring the file back and give the same command again, which continues after the "
        + "last checkpoint.\n")
    message.store(UInt(bitPattern: text), ordering: .releasing)
  }
}
