import Foundation
import MapReporter
import ModelLoader
import Support
import Transformer

/// A process of a job, as others on its machine can watch it.
struct RankProcess: Codable, Sendable, Equatable {
  let number: Int32
  let host: String
  /// The machine's last start and the process's namespace: numbers mean the same where these are the same.
  let space: String

  /// This process.
  static var own: RankProcess {
    let start =
      (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let numbers = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid"))
    return RankProcess(
      number: getpid(), host: ProcessInfo.processInfo.hostName,
      space: start.trimmingCharacters(in: .whitespacesAndNewlines) + " " + (numbers ?? ""))
  }
}

/// What must be the same on all ranks of a job for results that do not depend on their number.
package struct RankFacts: Codable, Sendable, Equatable {
  /// Version and commit of the tool.
  package var version: String
  /// SHA-256 of the model's parts and of the texts, by name.
  package var inputs: [String: String]
  /// The kernels of matrix products.
  package var kernels: String
  /// Threads that compute.
  var threads: Int
  var process: RankProcess

  /// The facts of this process about a model and its texts.
  init(_ version: String, _ model: ModelIdentity, texts: [String: String]) {
    self.version = version
    inputs = texts.reduce(into: [:]) { $0["the text \($1.key)"] = $1.value }
    inputs["the weights of the model"] = model.weightsSHA256
    inputs["the configuration of the model"] = model.configurationSHA256
    inputs["the tokenizer"] = model.tokenizerSHA256
    kernels = ProductKernels.name
    threads = Parallelism.cores
    process = .own
  }

  /// In one clause what differs on another rank; nil if nothing does.
  package func difference(from other: RankFacts, rank: Int) -> String? {
    let places = "rank 0 on \(process.host) and rank \(rank) on \(other.process.host)"
    if version != other.version {
      return
        "\(places) run different builds, zigzag \(version) and zigzag \(other.version): install the same on both"
    }
    let names = Set(inputs.keys).union(other.inputs.keys).sorted()
    if let name = names.first(where: { inputs[$0] != other.inputs[$0] }) {
      func shown(_ hash: String?) -> String { hash.map { "SHA-256 \($0.prefix(12))…" } ?? "none" }
      return
        "\(places) have other files: \(name) has \(shown(inputs[name])) here and \(shown(other.inputs[name])) there; "
        + "give both the same, best on a file system that they share"
    }
    if kernels != other.kernels {
      return
        "\(places) compute with other kernels, \(kernels) and \(other.kernels), whose last bits differ; use machines "
        + "whose CPUs are alike, or set compute.products to openblas where both have it"
    }
    return nil
  }
}

/// What goes wrong between the ranks of a job.
package enum RankError: ZigzagError, Equatable {
  /// Ranks do not have the same: a clause.
  case differs(String)
  /// A rank could not do its part: its own sentence.
  case failed(rank: Int, host: String, message: String, category: ErrorCategory)
  /// A rank said what does not fit the rest.
  case confused(rank: Int, host: String)

  /// What kind of thing went wrong.
  package var category: ErrorCategory {
    switch self {
    case .differs: .usage
    case .failed(_, _, _, let category): category
    case .confused: .interrupted
    }
  }

  /// One sentence.
  package var description: String {
    switch self {
    case .differs(let difference): difference
    case .failed(let rank, let host, let message, _): "rank \(rank) on \(host): \(message)"
    case .confused(let rank, let host):
      "rank \(rank) on \(host) said something that does not fit the rest; give the same command again"
    }
  }
}

extension ErrorCategory {
  /// Its name in messages between ranks.
  var name: String { "\(self)" }

  /// The category of a name; what is not known was interrupted.
  init(name: String) {
    let all: [ErrorCategory] = [.usage, .badData, .missingInput, .cannotWrite, .interrupted]
    self = all.first { $0.name == name } ?? .interrupted
  }
}
