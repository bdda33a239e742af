import Foundation
import Support

#if ZIGZAG_MPI
  import CMessagePassing
#endif

/// The processes of one job that compute together, its ranks, and messages between them.
///
/// Without MPI, in a build that does not have it or a process that nobody started with `mpirun` or `srun`, there is
/// one rank, which sends and receives nothing. One thread alone may use it.
package struct Communicator: Sendable {
  /// A message of another rank.
  package struct Message: Sendable {
    /// The rank that sent it.
    package let rank: Int
    /// What it says.
    package let bytes: [UInt8]
  }

  /// The number of this process, 0 for the one that owns the run.
  package let rank: Int
  /// Ranks of the job, ≥ 1.
  package let size: Int
  /// Those on this machine, ≥ 1.
  package let ranksOnHost: Int

  /// Whether there is somebody to leave, if only a launcher.
  private var isJoined = false

  /// One process alone.
  package static let alone = Communicator(rank: 0, size: 1, ranksOnHost: 1)

  private init(rank: Int, size: Int, ranksOnHost: Int) {
    (self.rank, self.size, self.ranksOnHost) = (rank, size, ranksOnHost)
  }

  /// Microseconds between two looks for a message: long enough that waiting costs no core.
  private static let pause: UInt32 = 100

  /// Lets a moment pass; to be called while a message is waited for.
  package static func rest() { usleep(pause) }

  #if ZIGZAG_MPI
    /// What `mpirun`, `mpiexec` and `srun` tell the processes that they start.
    private static let signs = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_FD"]

    /// Joins the ranks that were started together; a process that was started alone stays so.
    ///
    /// - Throws: ``CommunicatorError``.
    package static func join() throws(CommunicatorError) -> Communicator {
      let environment = ProcessInfo.processInfo.environment
      guard signs.contains(where: { environment[$0] != nil }) else { return alone }
      var (rank, size, onHost): (Int32, Int32, Int32) = (0, 1, 1)
      try require(unsafe zz_mpi_join(&rank, &size, &onHost), "joining the other ranks")
      var joined = Communicator(rank: Int(rank), size: Int(size), ranksOnHost: Int(onHost))
      joined.isJoined = true
      return joined
    }

    /// Sends bytes to another rank; does not wait until they are received.
    ///
    /// - Throws: ``CommunicatorError``.
    package func send(_ bytes: [UInt8], to rank: Int) throws(CommunicatorError) {
      try Self.require(
        unsafe zz_mpi_send(bytes, bytes.count, Int32(rank)),
        "sending \(bytes.count) bytes to rank \(rank)")
    }

    /// The next message that has come, if there is one; those of a rank come in the order in which they were sent.
    ///
    /// - Throws: ``CommunicatorError``.
    package func receive() throws(CommunicatorError) -> Message? {
      var (isThere, from, count): (Int32, Int32, Int) = (0, 0, 0)
      try Self.require(
        unsafe zz_mpi_waiting(&isThere, &from, &count), "waiting for the other ranks")
      guard isThere != 0 else { return nil }
      var bytes = [UInt8](repeating: 0, count: count)
      try Self.require(
        unsafe zz_mpi_receive(&bytes, count, from), "receiving \(count) bytes of rank \(from)")
      return Message(rank: Int(from), bytes: bytes)
    }

    /// Leaves the others, when they leave too; nothing can be sent or received any more.
    ///
    /// - Throws: ``CommunicatorError``.
    package func leave() throws(CommunicatorError) {
      guard isJoined else { return }
      try Self.require(zz_mpi_leave(), "leaving the other ranks")
    }

    private static func require(_ code: Int32, _ what: String) throws(CommunicatorError) {
      guard code != 0 else { return }
      var text = [CChar](repeating: 0, count: 256)
      unsafe zz_mpi_describe(code, &text, text.count)
      let words = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw .failed(what: what, reason: String(decoding: words, as: UTF8.self))
    }
  #else
    /// This process, which stays alone; one that `mpirun` started with others is refused.
    ///
    /// - Throws: ``CommunicatorError/notBuilt``.
    package static func join() throws(CommunicatorError) -> Communicator {
      let environment = ProcessInfo.processInfo.environment
      let counts = ["OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS"].compactMap {
        environment[$0].flatMap { Int($0) }
      }
      guard counts.allSatisfy({ $0 < 2 }) else { throw .notBuilt }
      return alone
    }

    /// Sends nothing: there is no other rank.
    package func send(_ bytes: [UInt8], to rank: Int) throws(CommunicatorError) {}

    /// Nothing: there is no other rank.
    package func receive() throws(CommunicatorError) -> Message? { nil }

    /// There is nobody to leave.
    package func leave() throws(CommunicatorError) {}
  #endif
}

/// What ranks cannot do.
package enum CommunicatorError: ZigzagError, Equatable {
  /// MPI could not do `what`, such as "sending 12 bytes to rank 1".
  case failed(what: String, reason: String)
  /// There are several ranks, and the build has no MPI.
  case notBuilt

  /// A job whose messages fail can be given again.
  package var category: ErrorCategory { self == .notBuilt ? .usage : .interrupted }

  /// One sentence: what was tried, what came of it, what to do.
  package var description: String {
    switch self {
    case .failed(let what, let reason):
      "\(what) failed (\(reason)); look at what mpirun says, and give the same command again"
    case .notBuilt:
      "mpirun started several processes, but this zigzag was built without MPI; build it with `make build MPI=1`, "
        + "or start one process"
    }
  }
}
