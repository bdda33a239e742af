import Cluster
import Foundation
import Runs
import Support
import Transformer

/// The ranks that this process computes with, where `mpirun` or `srun` started several.
enum Job {
  private struct State {
    /// What is left at the end where there are no other ranks.
    var communicator = Communicator.alone
    var ranks: Ranks?
  }

  private static let state = Locked(State())

  /// The other ranks, for rank 0; nil for a process alone.
  static var ranks: Ranks? { state.withLock { $0.ranks } }

  /// Joins the other ranks; those but rank 0 answer it until it tells them to end, and so their process ends.
  ///
  /// - Throws: `CommunicatorError`.
  static func join(version: String) throws {
    let communicator = try Communicator.join()
    guard communicator.size > 1 else {
      return state.withLock { $0.communicator = communicator }
    }
    shareMachine(communicator)
    let watch = RankWatch { [isFirst = communicator.rank == 0] sentence in
      if isFirst { Interruption.say("zigzag: \(sentence)", isLast: true) }
      _exit(75)
    }
    guard communicator.rank == 0 else {
      try RankWorker(communicator, version: version, watch: watch).serve()
      Foundation.exit(0)
    }
    state.withLock { $0.ranks = Ranks(communicator, version: version, watch: watch) }
  }

  /// Tells the others to end, and leaves them; what goes wrong then changes nothing any more.
  static func end() {
    let (ranks, communicator) = state.withLock { state in
      defer { state = State() }
      return (state.ranks, state.communicator)
    }
    try? ranks?.end()
    try? communicator.leave()
  }

  /// Cores and memory are for all ranks of the machine.
  private static func shareMachine(_ communicator: Communicator) {
    ByteBudget.share(among: communicator.ranksOnHost)
    guard ProcessInfo.processInfo.environment[Parallelism.variable] == nil else { return }
    // Where mpirun binds a rank to some cores, it has these.
    let share = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / communicator.ranksOnHost)
    let threads = min(share, ProcessInfo.processInfo.activeProcessorCount)
    _ = unsafe setenv(Parallelism.variable, "\(threads)", 1)
  }
}
