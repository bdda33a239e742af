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
  /// - Throws: ``RunError/malformed(path:problem:)``.
  init(reading path: String) throws(RunError) {
    do {
      let data = try TextFile.bytes(at: path, what: "list of results", limit: FileLimit.record)
      entries = Locked(try JSONReader.read(data).decode([String: Fingerprint].self))
    } catch TextFileError.missing {
      entries = Locked([:])
    } catch let error as TextFileError {
      throw .malformed(
        path: path,
        problem: "\(error.reason); remove it to have the results taken as they are")
    } catch let error as JSONError {
      throw .malformed(
        path: path,
        problem:
          "\(error)\(error.isKeyTwice ? ", or" : ";") delete the file to have the results taken as they are"
      )
    } catch {
      throw .malformed(
        path: path,
        problem: "it does not list what results were made from; delete it to have them taken as "
          + "they are")
    }
  }

  /// What `result` was made from; nil where nobody wrote it down.
  subscript(result: RunResult) -> Fingerprint? {
    get { entries.withLock { $0[result.name] } }
  }

  /// The ledger as JSON with this entry.
  func json(adding fingerprint: Fingerprint, for result: RunResult) throws(RunError) -> String {
    let all = entries.withLock { entries in
      entries[result.name] = fingerprint
      return entries
    }
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(all), as: UTF8.self) + "\n"
    } catch {
      throw .malformed(path: "results.json", problem: "cannot be written: \(error)")
    }
  }
}
