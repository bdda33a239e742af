import Dispatch
import Foundation
import Synchronization
import Transformer

/// Ctrl-C and termination: they end the process at once, or, where long work looks at the flag between its
/// steps, behind the step.
///
/// There, a second signal ends the process at once. Every file is written atomically, so nothing is harmed.
enum Interruption {
  private static let requests = Atomic<Int>(0)
  private static let endsSteps = Atomic<Bool>(false)
  /// Sources stay alive as long as something refers to them.
  private static let sources = Locked<[any DispatchSourceSignal]>([])

  /// Whether the user has asked to stop.
  static var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

  /// Lets the step of the moment end from now on: whoever calls this looks at ``isRequested``.
  static func letStepsEnd() { endsSteps.store(true, ordering: .relaxed) }

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
      let count = requests.add(1, ordering: .relaxed).newValue
      guard endsSteps.load(ordering: .relaxed) else {
        Console.shared.say("zigzag: stopped; what was not written yet is lost")
        _exit(75)
      }
      guard count == 1 else { _exit(75) }
      Console.shared.say("zigzag: stopping after this step; once more to stop at once")
    }
    source.resume()
    return source
  }
}
