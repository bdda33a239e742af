import Foundation
import ModelLoader
import Support
import Synchronization

/// Ctrl-C and termination: they end the process at once, or, where long work looks at the flag between its
/// steps, behind the step.
///
/// SIGUSR1 is one of them: schedulers send it before they take a machine away, and `mpirun` hands it on to ranks, while
/// it kills them a second after a SIGTERM of its own.
///
/// There, a second signal ends the process at once. Every file is written atomically, so nothing is harmed.
enum Interruption {
  private static let requests = Atomic<Int>(0)
  private static let endsSteps = Atomic<Bool>(false)

  /// Whether the user has asked to stop.
  static var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

  /// Lets the step of the moment end from now on: whoever calls this looks at ``isRequested``.
  static func letStepsEnd() { endsSteps.store(true, ordering: .relaxed) }

  private static let numbers = [SIGINT, SIGTERM, SIGUSR1]

  /// Keeps these signals until ``install()``, for this thread and all that begin later.
  static func block() {
    for number in numbers { signal(number, SIG_DFL) }
    var signals = awaited
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Begins to wait for them on a thread of its own.
  ///
  /// Dispatch could wait for them, too, but where there is no memory for its threads it tries for ever.
  ///
  /// - Throws: `ToolError.limit` where there is no memory for a thread.
  static func install() throws(ToolError) {
    var thread = pthread_t()
    let code = unsafe pthread_create(&thread, nil, { _ in unsafe Interruption.wait() }, nil)
    guard code == 0 else {
      throw .limit(
        "there is no memory for a thread (\(systemMessage(code))); raise the limits that `ulimit -v` and "
          + "`ulimit -u` show")
    }
    pthread_detach(thread)
  }

  private static var awaited: sigset_t {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in numbers { unsafe sigaddset(&signals, number) }
    return signals
  }

  /// The thread's life.
  private static func wait() -> UnsafeMutableRawPointer? {
    var signals = awaited
    while true {
      var number: Int32 = 0
      guard unsafe sigwait(&signals, &number) == 0 else { continue }
      let count = requests.add(1, ordering: .relaxed).newValue
      guard endsSteps.load(ordering: .relaxed) else {
        say("zigzag: stopped; what was not written yet is lost", isLast: true)
        _exit(75)
      }
      guard count == 1 else { _exit(75) }
      say("zigzag: stopping after this step; once more to stop at once", isLast: false)
    }
  }

  /// Says a sentence on a thread of its own; the last one has half a second.
  ///
  /// A console that nobody reads blocks whoever writes, and the next signal must find this thread waiting.
  static func say(_ sentence: String, isLast: Bool) {
    let isSaid = Said()
    Thread.detachNewThread {
      Console.shared.say(sentence)
      isSaid.flag.store(true, ordering: .releasing)
    }
    for _ in 0..<50 where isLast && !isSaid.flag.load(ordering: .acquiring) { usleep(10_000) }
  }

  private final class Said: Sendable { let flag = Atomic(false) }
}
