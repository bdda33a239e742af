import Logging
import Synchronization

/// Logs what is worth saying about a model file, once for each file however often it is opened.
enum ModelWarnings {
  private static let said = Mutex<Set<String>>([])

  /// Logs each of `warnings` about the file at `path` that was not logged before.
  static func log(_ warnings: [String], of path: String) {
    for warning in warnings {
      let line = "\(path): \(warning)"
      guard said.withLock({ $0.insert(line).inserted }) else { continue }
      Logger(label: "model").warning("\(line)")
    }
  }
}
