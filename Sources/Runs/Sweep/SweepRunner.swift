import Foundation
import MapReporter
import ModelLoader
import Support

/// Makes the runs of a sweep, one after the other or one of them alone, and the page that compares them.
package struct SweepRunner {
  /// The runs to make.
  package let sweep: Sweep
  /// Where they go, `<runs>/<name of the sweep>`.
  package let folder: String
  private let observer: any WorkObserver

  /// A runner that makes the runs below `runs`.
  package init(_ sweep: Sweep, runs: String, observer: any WorkObserver) {
    self.sweep = sweep
    folder = "\(runs)/\(sweep.name)"
    self.observer = observer
  }

  /// Checks all runs, then makes those that are not finished yet; the comparison is written anew
  /// after each.
  ///
  /// - Parameter began: Called with the files of each run that is made.
  /// - Returns: The comparison's page.
  /// - Throws: Before the first run what is wrong with any of them; ``RunError/interrupted(folder:)``
  ///   where the observer asked to stop; ``SweepError`` at the end where single runs failed.
  package func run(began: (RunFiles) -> Void) throws -> String {
    var check = SweepCheck(folder: folder)
    // Those that are finished need nothing any more.
    let before = (try? SweepRecord.read(recordPath)) ?? SweepRecord()
    for run in sweep.runs {
      let files = RunFiles(folder: "\(folder)/\(run.name)")
      if let inputs = try? check.inputs(of: run), try before.holds(run, files, inputs: inputs) {
        continue
      }
      try check.check(run)
    }
    try AtomicFile.createFolder(folder)
    let lock = try RunLock(path: "\(folder)/.lock", folder: folder)
    var record = try SweepRecord.read(recordPath)
    warnOfOldRecord(record)
    var failures: [SweepError.Failure] = []
    for (index, run) in sweep.runs.enumerated() {
      let files = RunFiles(folder: "\(folder)/\(run.name)")
      let inputs = try check.inputs(of: run)
      if try record.holds(run, files, inputs: inputs) {
        observer.report("\(title(index)): finished before")
        continue
      }
      do {
        try make(index, began: began)
      } catch let error as any ZigzagError where Self.concernsOneRun(error) {
        observer.report("\(run.name) failed: \(error)")
        failures.append(SweepError.Failure(run: run.name, error: error))
        continue
      }
      record.add(run, files, inputs: try made(run, files, inputs, &check))
      try lock.requireHeld()
      try write(record)
      try compare(lock)
    }
    let page = try compare(lock)
    guard failures.isEmpty else {
      throw SweepError(failures: failures, runs: sweep.runs.count, page: page)
    }
    return page ?? folder
  }

  /// Makes one run of the sweep, while other processes may make others, and the page of those that are finished.
  ///
  /// - Parameters:
  ///   - index: The run, counted from 0.
  ///   - began: Called with the files of the run if it is made.
  /// - Returns: The comparison's page.
  /// - Throws: ``SweepError/Failure`` where the run cannot be made, ``RunError/locked(folder:holder:)`` where another
  ///   process makes it or the whole sweep, and ``RunError/interrupted(folder:)`` where the observer asked to stop.
  package func run(_ index: Int, began: (RunFiles) -> Void) throws -> String {
    let run = sweep.runs[index]
    let files = RunFiles(folder: "\(folder)/\(run.name)")
    var check = SweepCheck(folder: folder)
    let inputs = try check.inputs(of: run)
    let wasFinished = try SweepRecord.read(recordPath).holds(run, files, inputs: inputs)
    if !wasFinished { try check.check(run) }
    try AtomicFile.createFolder(folder)
    let presence = try RunLock(path: "\(folder)/.lock", folder: folder, kind: .shared)
    if wasFinished {
      observer.report("\(title(index)): finished before")
    } else {
      do {
        try make(index, began: began)
      } catch let error as any ZigzagError where Self.concernsOneRun(error) {
        throw SweepError.Failure(run: run.name, error: error)
      }
    }
    // The record and the page are of all runs: one process at a time.
    let turn = try RunLock(
      path: "\(folder)/.record.lock", folder: folder, while: { !observer.isInterrupted })
    var record = try SweepRecord.read(recordPath)
    if !wasFinished {
      record.add(run, files, inputs: try made(run, files, inputs, &check))
      try presence.requireHeld()
      try write(record)
    }
    let finished = try sweep.runs.filter { other in
      try record.holds(
        other, RunFiles(folder: "\(folder)/\(other.name)"), inputs: check.inputs(of: other))
    }
    return try compare(turn, finished) ?? folder
  }

  /// What a run was made from, as itself has written it down: the model may have been replaced since the sweep began.
  private func made(
    _ run: SweepRun, _ files: RunFiles, _ inputs: [String: String], _ check: inout SweepCheck
  ) throws -> [String: String] {
    (try RunRecord.read(files.record)?.inputs ?? inputs)
      .merging(check.importedMaps(of: run)) { $1 }
  }

  private func warnOfOldRecord(_ record: SweepRecord) {
    let open = sweep.runs.filter(record.leavesOpen).map(\.name)
    guard !open.isEmpty else { return }
    let names = open.joined(separator: ", ").shown(limit: 200)
    observer.warn(
      "\(recordPath) is of an earlier version and does not say from which model and texts \(names) were "
        + "made, which could not be compared")
  }

  private func title(_ index: Int) -> String {
    "run \(index + 1) of \(sweep.runs.count), \(sweep.runs[index].name)"
  }

  private func make(_ index: Int, began: (RunFiles) -> Void) throws {
    let run = sweep.runs[index]
    observer.report("\(title(index))\(run.changes.isEmpty ? "" : ": \(run.changes)")")
    if observer.isInterrupted { throw RunError.interrupted(folder: folder) }
    var pipeline = try Pipeline(
      run.configuration, document: run.document, runs: folder, observer: observer)
    began(pipeline.files)
    try pipeline.run(to: .report)
  }

  /// A full disk, another process or the user's wish to stop concern the runs to come as well.
  private static func concernsOneRun(_ error: any ZigzagError) -> Bool {
    // So does a model or text that somebody writes into.
    if case FileError.changed = error { return false }
    return switch error.category {
    case .usage, .badData, .missingInput: true
    case .cannotWrite, .interrupted: false
    }
  }

  /// Compares what there is of `runs`, of all where there are none; nil as long as none has gates, a search or curves.
  @discardableResult
  private func compare(_ lock: RunLock, _ runs: [SweepRun]? = nil) throws -> String? {
    let folders = (runs ?? sweep.runs).map { "\(folder)/\($0.name)" }.filter {
      let files = RunFiles(folder: $0)
      return files.has(.gates) || !files.searchTables.isEmpty || files.has(.curves)
    }
    guard !folders.isEmpty else { return nil }
    let comparison = try Comparison(runs: folders, title: sweep.name)
    let page = try comparison.write(to: folder) { try lock.requireHeld() }
    StaleFigures.remove(
      in: "\(folder)/figures",
      except: Set(comparison.figures().map { String($0.path.dropFirst("figures/".count)) }))
    return page
  }

  private var recordPath: String { "\(folder)/sweep.json" }

  private func write(_ record: SweepRecord) throws {
    try AtomicFile.write(record.json(), creatingFolderOf: URL(fileURLWithPath: recordPath))
  }
}

/// Runs of a sweep that could not be made, while the others were.
package struct SweepError: ZigzagError {
  /// A run with what went wrong.
  package struct Failure: ZigzagError {
    /// Name of the run.
    package let run: String
    /// What went wrong.
    package let error: any ZigzagError

    /// That of what went wrong.
    package var category: ErrorCategory { error.category }

    /// The run's name with what went wrong.
    package var description: String {
      let reason = "\(error)"
      return "\(run): \(reason.hasSuffix(".") ? String(reason.dropLast()) : reason)"
    }
  }

  /// The runs that failed, at least one.
  package let failures: [Failure]
  /// How many runs the sweep has.
  package let runs: Int
  /// The comparison of the others, if there are any.
  package let page: String?

  /// That of the first failure.
  package var category: ErrorCategory { failures.first?.error.category ?? .badData }

  /// One sentence with every failure.
  package var description: String {
    let reasons = failures.map(\.description).joined(separator: "; ")
    return "\(failures.count) of \(runs) runs failed: \(reasons)"
      + (page.map { "; the others are compared in \($0)" } ?? "")
  }
}

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
    let maps = run.configuration.evaluation.maps.map { ImportedFile.hashed(at: $0.file) }
    let gone = Set(maps.map { "map \($0)" }).subtracting(inputs.keys)
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
