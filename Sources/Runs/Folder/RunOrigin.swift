import Foundation
import MapReporter
import ModelLoader
import Support

/// A run that is made again from its `run.json`.
package struct RunOrigin: Sendable {
  /// The `run.json`.
  package let path: String
  let record: RunRecord

  /// Reads the record at `path`.
  ///
  /// - Throws: `FileError` where there is none, or it is of a version without settings.
  package init(contentsOf path: String) throws {
    guard let record = try RunRecord.read(path) else {
      throw FileError.missing(path: path, what: "file", fix: "name the run.json of a run folder")
    }
    guard record.configuration != nil else {
      throw FileError.malformed(
        path: path, line: nil,
        problem: "it does not hold the run's settings; use the config.yaml beside it")
    }
    self.path = path
    self.record = record
  }

  /// The folder of the run.
  private var files: RunFiles {
    RunFiles(
      folder: path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) : "."
    )
  }

  /// Refuses to make the run again in its own folder.
  func check(folder: String) throws {
    let (here, there) = (canonical(folder), canonical(files.folder))
    if here == there {
      throw RunError.sameFolder(folder)
    }
  }

  /// Refuses another model or other texts than the run's.
  func check(_ now: RunRecord) throws {
    let differences = record.inputDifferences(from: now)
    guard differences.isEmpty else {
      throw RunError.otherInputs(path: path, differences: differences)
    }
  }

  /// What the record does not say of the model that is there now, in one sentence; nil where nothing is left
  /// open.
  func openQuestion(_ now: RunRecord) -> String? {
    now.identity.flatMap { record.model?.openQuestion(of: path, against: $0) }
  }

  /// Which results of `again` have the bytes of this run's, in words; nil if none are left to compare.
  func comparison(with again: RunFiles) -> String? {
    var (same, other): ([String], [String]) = ([], [])
    for file in RunFile.results {
      guard let before = TextFile.sha256(of: files[file]),
        let now = TextFile.sha256(of: again[file])
      else { continue }
      if before == now { same.append(file.name) } else { other.append(file.name) }
    }
    let sentences = [
      same.isEmpty ? nil : "\(same.joined(separator: ", ")): the same bytes as in \(files.folder)",
      other.isEmpty ? nil : "\(other.joined(separator: ", ")): other bytes than in \(files.folder)",
    ].compactMap { $0 }
    return sentences.isEmpty ? nil : sentences.joined(separator: "; ")
  }

}

/// A path by which a file is known however it is spelt.
func canonical(_ path: String) -> String {
  URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
}

extension RunRecord {
  /// What the run of this record was made from and that of `now` is not, one readable entry each; files of `others` are
  /// not looked at.
  func inputDifferences(from now: RunRecord, but others: Set<String> = []) -> [String] {
    var found: [String] = []
    if let identity, let other = now.identity { found += identity.differences(from: other) }
    for (path, hash) in (now.texts ?? [:]).sorted(by: { $0.key < $1.key }) {
      if let before = texts?[path], before != hash, !others.contains(path) {
        found.append("\(path) is another file now")
      }
    }
    return found
  }
}
