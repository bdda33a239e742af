import Logging
import MapReporter
import Support
import Transformer

/// Shows a pipeline's steps as progress and its reports as log lines.
final class ConsoleObserver: WorkObserver {
  private let meter = Locked<ProgressMeter?>(nil)
  private let logger = Logger(label: "run")

  /// An observer of work that ends behind its step when it is interrupted.
  init() { Interruption.letStepsEnd() }

  func stepBegan(_ step: String, unit: String, done: Int, total: Int) {
    let new = ProgressMeter(step, unit: unit, total: total, startedAt: done)
    meter.withLock { $0 = new }
  }

  func stepAdvanced(to done: Int, note: String) {
    meter.withLock { $0 }?.update(done, note: note)
  }

  func report(_ message: String) { logger.info("\(message)") }

  func warn(_ message: String) { logger.warning("\(message)") }

  var isInterrupted: Bool { Interruption.isRequested }
}
