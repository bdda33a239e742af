import Foundation
import MapReporter
import ModelLoader
import Support

/// `sweep.json`: which runs of a sweep are finished, by the hashes of what they were made from and
/// of what came out.
package struct SweepRecord: Codable, Equatable {
  /// SHA-256 of a run's files when it was finished.
  private struct Mark: Codable, Equatable {
    let configuration: String
    /// Nil where none are learned.
    let gates: String?
    let curves: String
    /// What the run was made from; earlier versions wrote none.
    var inputs: [String: String]?
  }

  private var runs: [String: Mark] = [:]

  /// A record of no runs.
  package init() {}

  /// The record at `path`; of nothing where there is none.
  ///
  /// - Throws: `FileError`.
  package static func read(_ path: String) throws(FileError) -> SweepRecord {
    try JSONFile.readIfThere(
      SweepRecord.self, at: path, format: "sweep's record", limit: FileLimit.record,
      fix: "delete it to have all runs looked through again") ?? SweepRecord()
  }

  /// Whether `run` is finished, its folder as it was left, and what it was made from as it was: `inputs`, as far
  /// as that was written down.
  func holds(
    _ run: SweepRun, _ files: RunFiles, inputs: [String: String]
  ) throws -> Bool {
    guard let mark = runs[run.name], FileManager.default.fileExists(atPath: files.report) else {
      return false
    }
    let settings = try run.configuration.yaml()
    // A map that is gone since tells nothing.
    let gone = Set(run.configuration.evaluation.maps.map { "map \($0.file)" })
      .subtracting(inputs.keys)
    let known = mark.inputs?.filter { !gone.contains($0.key) }
    return mark == Self.mark(of: run, files, inputs: mark.inputs)
      && mark.configuration == sha256(of: settings) && (known ?? inputs) == inputs
  }

  /// Whether an earlier version noted `run`, which did not write down what it was made from.
  func leavesOpen(_ run: SweepRun) -> Bool {
    runs[run.name].map { $0.inputs == nil } ?? false
  }

  /// Notes that the run in `files` is finished, made from `inputs`.
  mutating func add(_ run: SweepRun, _ files: RunFiles, inputs: [String: String]) {
    runs[run.name] = Self.mark(of: run, files, inputs: inputs)
  }

  /// The record as JSON, keys in alphabetical order.
  package func json() throws(FileError) -> String {
    try JSONFile.prettyText(of: self, name: "sweep.json")
  }

  private static func mark(
    of run: SweepRun, _ files: RunFiles, inputs: [String: String]?
  ) -> Mark? {
    let learns = run.configuration.calibration != nil
    let gates = learns ? TextFile.sha256(of: files.gates) : nil
    guard let settings = TextFile.sha256(of: files.configuration),
      let curves = TextFile.sha256(of: files.curves), gates != nil || !learns
    else { return nil }
    return Mark(configuration: settings, gates: gates, curves: curves, inputs: inputs)
  }
}
