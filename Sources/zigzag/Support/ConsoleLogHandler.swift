import Foundation
import Logging

/// Writes log messages to the console, above the progress bar, and to the run's log file.
struct ConsoleLogHandler: LogHandler {
  /// The least level that is shown; the log file takes all from ``logLevel`` on.
  let shownLevel: Logger.Level
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  /// Shows messages from `level` on; files take notices even when nothing is shown.
  init(shownLevel level: Logger.Level) {
    shownLevel = level
    logLevel = min(level, .info)
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let facts = metadata.merging(event.metadata ?? [:]) { _, new in new }
      .sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    let label = event.level >= .warning ? "\(event.level): " : ""
    let stamp = Date().formatted(.iso8601)
    Console.shared.log(
      "\(label)\(event.message)\(facts)", stamp: stamp, shown: event.level >= shownLevel)
  }
}
