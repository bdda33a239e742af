import Foundation
import Support

/// Ends this process when the processes that it needs have ended: the one that started it and, on its machine, other
/// ranks.
///
/// Whoever waits for a message of a rank that is gone waits for ever, and `mpirun` leaves processes alone when it is
/// killed itself.
package final class RankWatch: Sendable {
  private struct State {
    var parent = getppid()
    var others: [(rank: Int, process: RankProcess)] = []
    var isOver = false
  }

  private let state = Locked(State())
  private static let interval = 0.1

  /// A watch that calls `leave` with a sentence, on a thread of its own, once.
  package init(leave: @escaping @Sendable (String) -> Void) {
    Thread.detachNewThread { [self] in
      while true {
        Thread.sleep(forTimeInterval: Self.interval)
        guard !state.withLock({ $0.isOver }) else { return }
        guard let reason else { continue }
        return leave(reason)
      }
    }
  }

  /// Watches another rank, if that can be done from here.
  func watch(_ process: RankProcess, rank: Int) {
    guard process.space == RankProcess.own.space else { return }
    state.withLock { $0.others.append((rank, process)) }
  }

  /// From now on others may end.
  package func end() { state.withLock { $0.isOver = true } }

  /// Who has ended, a sentence; nil if nobody has.
  private var reason: String? {
    state.withLock { state in
      guard !state.isOver else { return nil }
      guard getppid() == state.parent else {
        return "the process that started the ranks has ended; give the same command again"
      }
      guard
        let gone = state.others.first(where: { kill($0.process.number, 0) != 0 && errno == ESRCH })
      else { return nil }
      return
        "rank \(gone.rank) on \(gone.process.host) has ended; what is done is kept, and the same command continues "
        + "from there"
    }
  }
}
