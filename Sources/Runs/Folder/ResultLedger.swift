import Foundation
import MapReporter
import ModelLoader
import Support
import Transformer

/// What each result of a run folder was made from: `results.json`.
///
/// An entry is written before the first file of its result, and after what an earlier entry stood for is
/// removed. So a process that is killed leaves an entry without a file, never a file with the entry of another.
final class ResultLedger: Sendable {
  private let entries: Locked<[String: Fingerprint]>

  /// The inputs of a result: hashes by name, such as `weights` or `text data/prose.txt`.
  typealias Fingerprint = [String: String]

  /// Reads the ledger at `path`; empty where there is none.
  ///
  /// - Throws: `FileError`.
  init(reading path: String) throws(FileError) {
    entries = Locked(
      try JSONFile.readIfThere(
        [String: Fingerprint].self, at: path, format: "list of what results were made from",
        limit: FileLimit.record, fix: "delete it to have the results taken as they are") ?? [:])
  }

  /// What `result` was made from; nil where nobody wrote it down.
  subscript(result: RunResult) -> Fingerprint? {
    get { entries.withLock { $0[result.name] } }
  }

  /// The ledger as JSON with this entry.
  func json(adding fingerprint: Fingerprint, for result: RunResult) throws(FileError) -> String {
    let all = entries.withLock { entries in
      entries[result.name] = fingerprint
      return entries
    }
    return try JSONFile.prettyText(of: all, name: "results.json")
  }
}
