import Foundation
import MapReporter
import Support

/// How far a task is, how fast it goes and how long it still takes, as text.
///
/// The rate is over the time since the task began here, so that a resumed run counts only the steps
/// it did itself.
package struct ProgressEstimate: Sendable, Equatable {
  /// What is being done, such as `learn`.
  package var title: String
  /// What is counted, such as `steps`.
  package var unit: String
  /// Units done before this process began.
  package var startedAt: Int
  /// Units done now.
  package var done: Int
  /// Units in all.
  package var total: Int
  /// Seconds since the task began in this process.
  package var elapsed: Double
  /// What else to say, such as the loss.
  package var note: String

  /// A task of `total` units, of which `startedAt` were done before.
  package init(title: String, unit: String, total: Int, startedAt: Int = 0) {
    self.title = title
    self.unit = unit
    self.startedAt = startedAt
    self.done = startedAt
    self.total = total
    elapsed = 0
    note = ""
  }

  /// Units per second; nil before the first one.
  package var rate: Double? {
    let here = done - startedAt
    return here > 0 && elapsed > 0 ? Double(here) / elapsed : nil
  }

  /// Seconds left at the present rate; nil before the first unit.
  package var secondsLeft: Double? { rate.map { Double(max(total - done, 0)) / $0 } }

  /// One line without a bar: `learn 40/120 steps, 0.36 steps/s, 3:42 left, loss 0.01`.
  package var line: String {
    ([head] + facts).joined(separator: ", ")
  }

  /// One line with a bar, at most `width` characters.
  package func bar(width: Int) -> String {
    let share = total > 0 ? min(max(Double(done) / Double(total), 0), 1) : 1
    let cells = 24
    let full = Int(share * Double(cells))
    let bar = String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
    let text = "\(title) \(bar) \(([counts] + facts).joined(separator: "  "))"
    return String(text.prefix(max(width, 0)))
  }

  private var counts: String { "\(done)/\(total) \(unit)" }
  private var head: String { "\(title) \(counts)" }

  private var facts: [String] {
    var facts: [String] = []
    if let rate { facts.append("\(Self.significant(rate)) \(unit)/s") }
    if done >= total {
      facts.append("\(clock(elapsed)) in all")
    } else if let secondsLeft {
      facts.append("\(clock(secondsLeft)) left")
    }
    if !note.isEmpty { facts.append(note) }
    return facts
  }

  /// A rate with about three digits.
  static func significant(_ value: Double) -> String {
    let digits = value < 1 ? 2 : value < 100 ? 1 : 0
    return String(format: "%.\(digits)f", locale: Locale(identifier: "en_US_POSIX"), value)
  }
}
