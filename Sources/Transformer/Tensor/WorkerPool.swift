import CVectorMath
import Foundation
import Synchronization

/// Threads that take part in parallel loops.
///
/// Decoding one token is some 150 loops of 50 to 500 µs: threads that fall asleep after each and have
/// to be woken for the next cost a tenth of the time. These wait for the next loop awake for a
/// moment, and only then asleep. One loop runs at a time; whoever comes meanwhile runs alone.
@safe package final class WorkerPool: Sendable {
  static let shared = WorkerPool(workers: Parallelism.cores - 1)

  /// Rounds of waiting awake, some 50 µs.
  private static let patience = 2_000

  /// What the current loop runs; written only while the loop is closed.
  private final class Loop: @unchecked Sendable {
    var iterations = 0
    var body: (Int) -> Void = { _ in }
  }

  private let loop = Loop()
  private let isTaken = Atomic(false)
  /// Counts the loops; `isOpen` while workers may join the last of them, `active` of which have.
  private let generation = Atomic(0)
  private let isOpen = Atomic(false)
  private let active = Atomic(0)
  private let next = Atomic(0)
  private let asleep = Atomic(0)
  private let alarm = NSCondition()

  /// So many threads besides the callers'; they never end.
  package init(workers: Int) {
    for _ in 0..<workers {
      let thread = Thread { [self] in work() }
      thread.qualityOfService = .userInitiated
      thread.stackSize = 1 << 21
      thread.start()
    }
  }

  /// Runs `body(0)` … `body(iterations - 1)` on this thread and those of the pool that are free; false,
  /// having run nothing, if another loop is running.
  package func run(_ iterations: Int, _ body: (Int) -> Void) -> Bool {
    guard isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    else { return false }
    withoutActuallyEscaping(body) { body in
      loop.iterations = iterations
      loop.body = body
      next.store(0, ordering: .relaxed)
      isOpen.store(true, ordering: .sequentiallyConsistent)
      generation.add(1, ordering: .sequentiallyConsistent)
      if asleep.load(ordering: .sequentiallyConsistent) > 0 {
        alarm.lock()
        alarm.broadcast()
        alarm.unlock()
      }
      takeIterations()
      // Whoever joined before the loop is closed is waited for; nobody joins after.
      isOpen.store(false, ordering: .sequentiallyConsistent)
      var rounds = 0
      while active.load(ordering: .sequentiallyConsistent) > 0 {
        rounds += 1
        if rounds > Self.patience { sched_yield() } else { zz_pause() }
      }
      loop.body = { _ in }
    }
    isTaken.store(false, ordering: .releasing)
    return true
  }

  private func takeIterations() {
    while true {
      let index = next.add(1, ordering: .relaxed).oldValue
      guard index < loop.iterations else { return }
      loop.body(index)
    }
  }

  /// A worker's life.
  private func work() {
    var seen = 0
    while true {
      seen = awaitLoop(after: seen)
      active.add(1, ordering: .sequentiallyConsistent)
      if isOpen.load(ordering: .sequentiallyConsistent) { takeIterations() }
      active.subtract(1, ordering: .sequentiallyConsistent)
    }
  }

  /// Waits until there is a loop after `seen`, and returns its number.
  private func awaitLoop(after seen: Int) -> Int {
    for _ in 0..<Self.patience {
      let now = generation.load(ordering: .acquiring)
      if now != seen { return now }
      zz_pause()
    }
    alarm.lock()
    defer { alarm.unlock() }
    asleep.add(1, ordering: .sequentiallyConsistent)
    defer { asleep.subtract(1, ordering: .sequentiallyConsistent) }
    while generation.load(ordering: .sequentiallyConsistent) == seen { alarm.wait() }
    return generation.load(ordering: .sequentiallyConsistent)
  }
}
