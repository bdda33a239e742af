import Foundation
import MapReporter
import Runs
import Support
import Synchronization
import Transformer

/// Shows how far a task is: a bar on a terminal, elsewhere a line every ten seconds and at the end.
final class ProgressMeter: Sendable {
  private struct State {
    var estimate: ProgressEstimate
    var lastShown: ContinuousClock.Instant?
    var isFinished = false
  }

  private let state: Locked<State>
  private let start = ContinuousClock.now
  private let console = Console.shared

  /// Whether progress is shown at all; `--quiet` turns it off before any work begins.
  static let isShown = Atomic<Bool>(true)

  /// A meter for `total` units of a task, of which `startedAt` were done before.
  init(_ title: String, unit: String, total: Int, startedAt: Int = 0) {
    state = Locked(
      State(
        estimate: ProgressEstimate(
          title: title, unit: unit, total: total, startedAt: startedAt)))
  }

  /// Reports that `done` units of `total` are done; `note` is shown after them.
  func update(_ done: Int, of total: Int? = nil, note: String = "") {
    guard Self.isShown.load(ordering: .relaxed) else { return }
    let now = ContinuousClock.now
    state.withLock { state in
      guard !state.isFinished else { return }
      state.estimate.done = done
      state.estimate.total = total ?? state.estimate.total
      state.estimate.elapsed = (now - start) / .seconds(1)
      state.estimate.note = note
      let waited = state.lastShown.map { (now - $0) / .seconds(1) } ?? .infinity
      show(state.estimate, after: waited) { state.lastShown = now }
      state.isFinished = state.estimate.done >= state.estimate.total
    }
  }

  private func show(_ estimate: ProgressEstimate, after waited: Double, shown: () -> Void) {
    let isLast = estimate.done >= estimate.total
    if console.isTerminal {
      guard isLast || waited > 0.1 else { return }
      console.draw(bar: isLast ? "" : estimate.bar(width: console.width))
      if isLast { console.say(estimate.line) }
      shown()
    } else if isLast || (waited > 10 && waited < .infinity) {
      console.say(estimate.line)
      shown()
    } else if waited == .infinity {
      // The first ten seconds begin now.
      shown()
    }
  }
}
