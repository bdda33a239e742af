import Benchmark
import Foundation
import TestSupport
import Transformer

/// One kernel with its operands: what is timed, how much work that is, and what must come of it.
protocol Kernel: ~Copyable {
  /// What one ``run()`` does.
  var work: Work { get }
  /// Puts back operands that ``run()`` overwrites; not timed.
  mutating func prepare()
  /// The call that is timed.
  mutating func run()
  /// What is wrong with the result of one ``run()``, by the oracle; nil if nothing is.
  func difference() -> String?
}

extension Kernel where Self: ~Copyable {
  mutating func prepare() {}
}

/// Work that the mathematics asks for: what is masked, or fetched twice, does not count.
enum Work {
  /// Floating-point additions and multiplications.
  case operations(Int)
  /// Bytes of the operands read and written.
  case bytes(Int)

  /// The rate, reported in 10⁹ per second.
  var metric: BenchmarkMetric {
    switch self {
    case .operations: .custom("FLOP/s", polarity: .prefersLarger, useScalingFactor: false)
    case .bytes: .custom("B/s", polarity: .prefersLarger, useScalingFactor: false)
    }
  }

  var amount: Int {
    switch self {
    case .operations(let count), .bytes(let count): count
    }
  }
}

/// A kernel while it is measured.
final class Bench<K: Kernel & ~Copyable> {
  private var kernel: K?

  /// Compares `small` with the oracle, then makes `large` ready; ends the process if `small` is wrong.
  func setUp(_ name: String, small: () -> K, large: () -> K) {
    var trial = small()
    trial.prepare()
    trial.run()
    if let difference = trial.difference() {
      // An error thrown here would be printed, and the exit status of the whole run would still be 0.
      FileHandle.standardError.write(Data("error: \(name) is wrong: \(difference)\n".utf8))
      exit(EXIT_FAILURE)
    }
    kernel = large()
  }

  func measure(_ benchmark: Benchmark) {
    guard let work = kernel?.work else { return }
    kernel?.prepare()
    benchmark.startMeasurement()
    let start = ContinuousClock.now
    kernel?.run()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    benchmark.stopMeasurement()
    benchmark.measurement(work.metric, Int(Double(work.amount) / seconds))
  }

  func tearDown() { kernel = nil }
}

/// Adds a benchmark of what `large` makes, which is not run unless what `small` makes is right.
func register<K: Kernel & ~Copyable>(
  _ name: String, small: @escaping () -> K, large: @escaping () -> K
) {
  let bench = Bench<K>()
  let metric = small().work.metric
  Benchmark(
    name,
    configuration: .init(
      metrics: [.wallClock, metric], units: [metric: .giga], warmupIterations: 3,
      maxDuration: .seconds(2)),
    closure: { bench.measure($0) },
    setup: { bench.setUp(name, small: small, large: large) },
    teardown: { bench.tearDown() })
}
