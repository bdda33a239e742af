/// What long work tells while it goes on, and whether it should go on.
public protocol WorkObserver: Sendable {
  /// A step begins: `total` units, of which `done` were done before.
  func stepBegan(_ step: String, unit: String, done: Int, total: Int)
  /// `done` units of the present step are done; `note` says how it goes.
  func stepAdvanced(to done: Int, note: String)
  /// Something worth a line in the log.
  func report(_ message: String)
  /// Something the user should know and the run goes on with.
  func warn(_ message: String)
  /// Whether the user has asked to stop.
  var isInterrupted: Bool { get }
}
