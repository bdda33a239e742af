import Cluster
import Foundation
import MapReporter
import ModelLoader
import Support

/// The other ranks of a job as rank 0 sees them: what it asks and what they answer.
///
/// Who computes what depends on nothing but numbers of samples and ranks, and what is computed depends on nothing of
/// that, so that results have the same bytes for any number of ranks. One thread uses it.
package final class Ranks {
  /// What went to and fro for requests of one kind.
  private struct Traffic {
    var (requests, replies, sent, received) = (0, 0, 0, 0)
  }

  private let communicator: Communicator
  private let version: String
  private let watch: RankWatch
  private var hosts: [String]
  /// The number of the last request of each rank; replies to earlier ones are of no use any more.
  private var current: [(number: Int, name: String)]
  private var replies: [[RankReply]]
  private var requests = 0
  private var traffic: [String: Traffic] = [:]
  private var threads: [Int] = []

  /// The others of a job of several ranks, whose tool is of this version; `watch` learns of them.
  package init(_ communicator: Communicator, version: String, watch: RankWatch) {
    self.communicator = communicator
    self.version = version
    self.watch = watch
    hosts = Array(repeating: "an unknown host", count: communicator.size)
    current = Array(repeating: (0, ""), count: communicator.size)
    replies = Array(repeating: [], count: communicator.size)
  }

  /// Ranks with this one, ≥ 2.
  var count: Int { communicator.size }

  /// The ranks but this one.
  var others: Range<Int> { 1..<communicator.size }

  /// The rank that has a sample: always the same, so that it keeps what it knows of it.
  func owner(of sample: Int) -> Int { sample % count }

  /// Asks a rank for something; what it answers to earlier requests is dropped.
  func ask(_ request: RankRequest, of rank: Int) throws {
    requests += 1
    current[rank] = (requests, request.name)
    replies[rank] = []
    let bytes = try RankEnvelope(number: requests, request).bytes()
    traffic[request.name, default: Traffic()].requests += 1
    traffic[request.name, default: Traffic()].sent += bytes.count
    try communicator.send(bytes, to: rank)
  }

  /// The next answer of a rank to its last request, if there is one already.
  ///
  /// - Throws: ``RankError/failed(rank:host:message:category:)`` where a rank could not do what it was asked.
  func reply(of rank: Int) throws -> RankReply? {
    while let message = try communicator.receive() { try take(message) }
    guard !replies[rank].isEmpty else { return nil }
    return replies[rank].removeFirst()
  }

  private func take(_ message: Communicator.Message) throws {
    let rank = message.rank
    guard let envelope = try? RankEnvelope<RankReply>(message.bytes) else {
      throw confused(rank)
    }
    guard envelope.number == current[rank].number else { return }
    traffic[current[rank].name, default: Traffic()].replies += 1
    traffic[current[rank].name, default: Traffic()].received += message.bytes.count
    if case .failed(let message, let kind, let host) = envelope.content {
      throw RankError.failed(
        rank: rank, host: host, message: message, category: ErrorCategory(name: kind))
    }
    replies[rank].append(envelope.content)
  }

  /// The same, waited for; what `check` throws ends the waiting.
  func awaitReply(of rank: Int, check: () throws -> Void = {}) throws -> RankReply {
    while true {
      if let reply = try reply(of: rank) { return reply }
      try check()
      Communicator.rest()
    }
  }

  /// What is thrown where a rank answered something else than was asked.
  func confused(_ rank: Int) -> RankError { .confused(rank: rank, host: hosts[rank]) }

  /// Computes something of each of some samples, every one on its owner, the ranks at the same time.
  ///
  /// - Parameters:
  ///   - samples: Numbers of samples.
  ///   - request: What asks for those of a rank; it answers with a reply for each.
  ///   - read: What a reply says; nil for another kind of reply.
  ///   - check: Called while others are waited for; what it throws ends the work.
  ///   - began: Called for each sample before it is computed here, or when it has come.
  ///   - own: Computes a sample here.
  /// - Returns: What came of each sample, in the order of `samples`.
  /// - Throws: What the closures throw, ``RankError``, `CommunicatorError`.
  func spread<Value>(
    _ samples: [Int], request: ([Int]) -> RankRequest, read: (RankReply) -> Value?,
    check: () throws -> Void = {}, began: () throws -> Void = {}, own: (Int) throws -> Value
  ) throws -> [Value] {
    let places = Dictionary(grouping: samples.indices) { owner(of: samples[$0]) }
    for rank in others {
      if let theirs = places[rank] { try ask(request(theirs.map { samples[$0] }), of: rank) }
    }
    var found: [Int: Value] = [:]
    for place in places[0] ?? [] {
      try began()
      found[place] = try own(samples[place])
    }
    for rank in others {
      for place in places[rank] ?? [] {
        guard let value = read(try awaitReply(of: rank, check: check)) else { throw confused(rank) }
        try began()
        found[place] = value
      }
    }
    return samples.indices.compactMap { found[$0] }
  }

  /// Lets the others open the run, and compares what they found with what is here.
  ///
  /// - Throws: ``RankError/differs(_:)`` that names both machines, and what a rank could not do.
  func open(
    _ configuration: RunConfiguration, folder: String, _ model: ModelIdentity,
    texts: [String: String]
  ) throws {
    let own = RankFacts(version, model, texts: texts)
    let setup = RankSetup(
      configuration: try configuration.yaml(),
      workingDirectory: FileManager.default.currentDirectoryPath, folder: folder,
      process: own.process)
    for rank in others { try ask(.open(setup), of: rank) }
    threads = [own.threads]
    hosts[0] = own.process.host
    for rank in others {
      guard case .facts(let facts) = try awaitReply(of: rank) else { throw confused(rank) }
      hosts[rank] = facts.process.host
      threads.append(facts.threads)
      if let difference = own.difference(from: facts, rank: rank) {
        throw RankError.differs(difference)
      }
      watch.watch(facts.process, rank: rank)
    }
  }

  /// Who computes, for the log.
  var summary: String {
    let machines = Set(hosts).count
    let each = Set(threads).sorted().map(String.init).joined(separator: " or ")
    return
      "\(count) ranks on \(counted(machines, "machine")), \(each) thread\(each == "1" ? "" : "s") each"
  }

  /// What was sent and received, for the log: requests of each kind, and bytes of one of them and of its replies.
  var trafficSummary: String {
    let kinds = traffic.sorted { $0.key < $1.key }.map { name, traffic in
      "\(name) \(traffic.requests) requests of \(traffic.sent / max(traffic.requests, 1)) bytes, answered by "
        + "\(traffic.received / max(traffic.requests, 1)) each"
    }
    let sum = traffic.values.reduce(0) { $0 + $1.sent + $1.received }
    return "the ranks sent one another \(grouped(sum)) bytes: \(kinds.joined(separator: "; "))"
  }

  /// Tells the others to end and waits until they do; to be called once, at the end.
  package func end() throws {
    for rank in others {
      try communicator.send(RankEnvelope(number: 0, RankRequest.end).bytes(), to: rank)
    }
    // What they send before they see it is received, so that they can leave.
    var here = Set(others)
    while !here.isEmpty {
      while let message = try communicator.receive() {
        if message.bytes.isEmpty { here.remove(message.rank) }
      }
      Communicator.rest()
    }
    watch.end()
    try communicator.leave()
  }
}
