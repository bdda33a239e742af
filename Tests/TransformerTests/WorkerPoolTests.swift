import Foundation
import Synchronization
import Testing
import Transformer

/// The protocol of the pool: whatever callers and workers do, every index of a loop is run once.
@Suite struct WorkerPoolTests {
  /// How often each index was run.
  private final class Tally: Sendable {
    private let counts: Mutex<[Int]>
    init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }
    func add(_ index: Int) { counts.withLock { $0[index] += 1 } }
    var all: [Int] { counts.withLock { $0 } }
  }

  /// Runs a loop here where the pool runs another one, as `parallel` does.
  private func run(_ pool: WorkerPool, _ iterations: Int, _ body: (Int) -> Void) {
    if pool.run(iterations, body) { return }
    for index in 0..<iterations { body(index) }
  }

  /// Fewer workers than iterations, more, and none.
  @Test(arguments: [0, 1, 7], [0, 1, 2, 3, 8, 1000])
  func everyIndexIsRunOnce(workers: Int, iterations: Int) {
    let pool = WorkerPool(workers: workers)
    for _ in 0..<20 {
      let tally = Tally(iterations)
      #expect(pool.run(iterations) { tally.add($0) })
      #expect(tally.all == [Int](repeating: 1, count: iterations))
    }
  }

  /// Results are there when a loop ends, without locks: each iteration writes a place of its own.
  @Test func resultsAreThereWhenALoopEnds() {
    let pool = WorkerPool(workers: 3)
    let squares = (0..<64).map { _ in Plain() }
    for round in 1...5000 {
      #expect(pool.run(64) { squares[$0].value = round * $0 })
      let sum = squares.reduce(0) { $0 + $1.value }
      #expect(sum == round * 63 * 64 / 2)
    }
  }

  /// A number without a lock.
  private final class Plain: @unchecked Sendable {
    var value = 0
  }

  /// Short loops from several threads at once: one has the pool, the others run theirs alone.
  @Test func callersAtOnceEachGetTheirLoop() {
    let pool = WorkerPool(workers: 3)
    let failures = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { caller in
      for round in 0..<2000 {
        let iterations = (caller + round) % 9
        let sum = Atomic(0)
        run(pool, iterations) { sum.add($0 + 1, ordering: .relaxed) }
        let expected = iterations * (iterations + 1) / 2
        if sum.load(ordering: .relaxed) != expected {
          failures.add(1, ordering: .relaxed)
        }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }

  /// A loop within a loop runs on the thread it is met on.
  @Test func loopsWithinLoopsRunAlone() {
    let pool = WorkerPool(workers: 3)
    for _ in 0..<200 {
      let tally = Tally(8 * 16)
      let taken = Atomic(0)
      #expect(
        pool.run(8) { outer in
          if pool.run(16, { tally.add(16 * outer + $0) }) {
            taken.add(1, ordering: .relaxed)
          } else {
            for inner in 0..<16 { tally.add(16 * outer + inner) }
          }
        })
      #expect(taken.load(ordering: .relaxed) == 0)
      #expect(tally.all == [Int](repeating: 1, count: 8 * 16))
    }
  }

  /// Workers that fell asleep, or are about to, are woken: an iteration that waits for another one ends.
  @Test func sleepersAreWoken() {
    let pool = WorkerPool(workers: 2)
    for round in 0..<60 {
      // From still awake to long asleep.
      usleep(UInt32(round % 12) * 200)
      let begun = Atomic(0)
      let tally = Tally(3)
      #expect(
        pool.run(3) { index in
          begun.add(1, ordering: .sequentiallyConsistent)
          // All three threads are needed: each has one iteration while it waits.
          while begun.load(ordering: .sequentiallyConsistent) < 3 { sched_yield() }
          tally.add(index)
        })
      #expect(tally.all == [1, 1, 1])
    }
  }
}
