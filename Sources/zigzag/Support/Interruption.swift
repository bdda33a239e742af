import Dispatch
import Foundation
import Synchronization
import Transformer

/// Ctrl-C and termination, as a flag that long work looks at between its steps.
///
/// A second signal ends the process at once: every file is written atomically, so nothing is harmed.
enum Interruption {
  private static let requests = Atomic<Int>(0)
  /// Sources stay alive as long as something refers to them.
  private static let sources = Locked<[any DispatchSourceSignal]>([])

  /// Whether the user has asked to stop.
  static var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

  /// Begins to listen for SIGINT and SIGTERM.
  static func install() {
    for number in [SIGINT, SIGTERM] {
      signal(number, SIG_IGN)
      sources.withLock { $0.append(source(of: number)) }
    }
  }

  private static func source(of number: Int32) -> any DispatchSourceSignal {
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler {
      if requests.add(1, ordering: .relaxed).newValue > 1 { _exit(75) }
      Console.shared.say("zigzag: stopping after this step; once more to stop at once")
    }
    source.resume()
    return source
  }
}
