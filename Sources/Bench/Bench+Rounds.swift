import Foundation
import MapReporter
import Transformer

extension Bench {
  /// What came of repeated rounds.
  struct Rounds<Sample> {
    /// The samples of each variant, (variants, repeats).
    let samples: [[Sample]]
    /// Median rate of large products meanwhile, GFLOP/s.
    let yardstick: Double
  }

  /// Runs all variants in turn, `repeats` times, after a round that does not count.
  ///
  /// - Throws: ``MapReporterError/stopped`` where the observer asks to stop; whatever `body` throws.
  func rounds<Sample>(
    _ title: String, variants: Int = 1, warmUp: Bool = true, _ body: (Int) throws -> Sample
  ) throws -> Rounds<Sample> {
    let total = settings.repeats + (warmUp ? 1 : 0)
    observer.stepBegan(title, unit: "rounds", done: 0, total: total)
    if warmUp {
      for variant in 0..<variants { _ = try unlessStopped { try body(variant) } }
      observer.stepAdvanced(to: 1, note: "")
    }
    var samples: [[Sample]] = Array(repeating: [], count: variants)
    var yardsticks = [yardstick()]
    for round in 0..<settings.repeats {
      for variant in 0..<variants {
        samples[variant].append(try unlessStopped { try body(variant) })
      }
      yardsticks.append(yardstick())
      observer.stepAdvanced(to: total - settings.repeats + round + 1, note: "")
    }
    return Rounds(samples: samples, yardstick: medianOf(yardsticks))
  }

  /// GFLOP/s of one large product on all cores, now.
  func yardstick(cores: Int = ProcessInfo.processInfo.activeProcessorCount) -> Double {
    SgemmRate.measure(cores: cores) / 1e9
  }

  /// Does `body` unless the observer asks to stop.
  func unlessStopped<Result>(_ body: () throws -> Result) throws -> Result {
    guard !observer.isInterrupted else { throw MapReporterError.stopped }
    return try body()
  }
}

/// Seconds that `body` takes.
func seconds(of body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}

/// Seconds of one `body`, the mean over as many as make `least` seconds: for work that is too short to
/// be timed alone.
func meanSeconds(least: Double = 0.05, of body: () -> Void) -> Double {
  let start = ContinuousClock.now
  var (elapsed, runs) = (0.0, 0)
  repeat {
    body()
    runs += 1
    elapsed = (ContinuousClock.now - start) / .seconds(1)
  } while elapsed < least
  return elapsed / Double(runs)
}
