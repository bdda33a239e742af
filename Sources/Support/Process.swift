import Foundation
import Synchronization

/// What happens when there is no memory for a tensor.
///
/// Memory is asked for in the middle of a computation, so that nothing is left but to end the process in
/// order; what was finished is in files.
package enum MemoryShortage {
  private static let code = Atomic<Int32>(0)

  /// From now on such a shortage ends the process with one sentence on standard error and `exitCode`.
  ///
  /// Only for programs; without it the process ends with a trap.
  package static func install(exitCode: Int32) {
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

/// The model name of the first processor in /proc/cpuinfo.
package func processorName() -> String {
  let lines = ((try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")
    .split(separator: "\n")
  let line = lines.first { $0.hasPrefix("model name") }
  return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    ?? "unknown"
}

/// What long work tells while it goes on, and whether it should go on.
package protocol WorkObserver: Sendable {
  /// A step begins: `total` units, of which `done` were done before.
  func stepBegan(_ step: String, unit: String, done: Int, total: Int)
  /// `done` units of the present step are done; `note` says how it goes.
  func stepAdvanced(to done: Int, note: String)
  /// The present step has another number of units than it was thought to have.
  func stepExpects(_ total: Int)
  /// Something worth a line in the log.
  func report(_ message: String)
  /// Something the user should know and the run goes on with.
  func warn(_ message: String)
  /// Whether the user has asked to stop.
  var isInterrupted: Bool { get }
}

extension WorkObserver {
  /// Nothing is done with it.
  package func stepExpects(_ total: Int) {}
}

/// A value that one thread at a time may touch.
///
/// As `Synchronization.Mutex`, but with a lock that ThreadSanitizer sees: the operations of `Mutex` are inside
/// the standard library, so that everything it protects would be reported.
@safe package final class Locked<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  /// Takes over `value`.
  package init(_ value: Value) { self.value = value }

  /// Calls `body` with the value while no other thread has it.
  package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
