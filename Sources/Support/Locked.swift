import Foundation

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
