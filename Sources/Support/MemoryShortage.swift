import Foundation
import Synchronization

/// What happens when there is no memory for a tensor.
///
/// Memory is asked for in the middle of a computation, so that nothing is left but to end the process in
/// order; what was finished is in files.
public enum MemoryShortage {
  private static let code = Atomic<Int32>(0)

  /// From now on such a shortage ends the process with one sentence on standard error and `exitCode`.
  ///
  /// Only for programs; without it the process ends with a trap.
  public static func install(exitCode: Int32) {
    code.store(exitCode, ordering: .relaxed)
  }

  /// Ends the process, which could not get `bytes` bytes.
  package static func end(bytes: Int) -> Never {
    let code = code.load(ordering: .relaxed)
    guard code != 0 else { preconditionFailure("no memory for \(bytes) bytes") }
    let sentence =
      "\nzigzag: there is no memory for \(bytes) bytes more; give the process more, or ask for a shorter "
      + "context or a smaller memory_budget, and give the same command again.\n"
    let bytes = Array(sentence.utf8)
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    _exit(code)
  }
}
