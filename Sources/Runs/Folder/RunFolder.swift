import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// The folder that holds everything of one run, and the right to write in it.
///
/// docs/run-folder.md lists the files. All of them are written under a temporary name and renamed.
package struct RunFolder: ~Copyable {
  /// Path of the folder, `<runs>/<name>`.
  package let path: String
  /// Says before each write whether the folder is still this process's, and its inputs what they were.
  let guardian: FolderGuard
  /// What the results in the folder were made from.
  let ledger: ResultLedger
  /// Why results of the folder were given up when it was opened, a sentence without an end each.
  private(set) var notes: [String] = []

  /// Opens the folder of a run for writing, creating it where it is new.
  ///
  /// Removes half-written files of an interrupted process, and results that the configuration no
  /// longer stands for; learned gates are never removed but refused, since they are expensive.
  ///
  /// - Throws: ``RunError`` where the folder cannot be written, another process has it, or it holds
  ///   gates learned with other settings.
  package static func open(
    for configuration: RunConfiguration, in runs: String = "runs"
  ) throws -> RunFolder {
    let folder = "\(runs)/\(configuration.name)"
    for folder in [folder, "\(folder)/maps", "\(folder)/figures"] {
      try AtomicFile.createFolder(folder)
    }
    let files = RunFiles(folder: folder)
    let lock = try RunLock(path: files.lock, folder: folder)
    var opened = RunFolder(
      path: folder, lock: lock, ledger: try ResultLedger(reading: files.ledger))
    opened.removeTemporaryFiles()
    try opened.reconcile(with: configuration)
    try lock.requireHeld()
    try AtomicFile.write(configuration.yaml(), to: files.configuration)
    return opened
  }

  private init(path: String, lock: RunLock, ledger: ResultLedger) {
    self.path = path
    self.ledger = ledger
    guardian = FolderGuard(lock)
  }

  /// Where the folder's files are.
  package var files: RunFiles { RunFiles(folder: path) }

  /// Writes a text file of the run as a whole.
  ///
  /// - Throws: `FileError` where it cannot be written, or the folder is no longer this process's;
  ///   `FileError.changed` where something it is computed from was written into.
  package func write(_ text: String, to path: String) throws {
    try guardian.check()
    try AtomicFile.write(text, to: path)
  }

  /// Compares the configuration with the one the folder was last used with.
  private mutating func reconcile(with configuration: RunConfiguration) throws {
    guard FileManager.default.fileExists(atPath: files.configuration) else { return }
    let document = try ConfigurationDocument(contentsOf: files.configuration)
    let before = try document.decode(RunConfiguration.self)
    let gates = try configuration.gateDifferences(from: before)
    guard gates.isEmpty || !files.holdGates else {
      var alike = configuration
      alike.calibration?.steps = before.calibration?.steps ?? 0
      if let steps = configuration.calibration?.steps, let others = before.calibration?.steps,
        try alike.gateDifferences(from: before).isEmpty
      {
        throw RunError.otherSteps(
          folder: path, before: others, now: steps, hasGates: files.has(.gates))
      }
      throw RunError.otherRun(folder: path, differences: gates)
    }
    let (now, then) = try (configuration.sampleSettings(), before.sampleSettings())
    let forgotten = try forgetScores { task in gates.isEmpty && now[task] == then[task] }
    if !forgotten.isEmpty {
      let changes =
        gates
        + forgotten.flatMap { task in
          differences(now: now[task] ?? [:], before: then[task] ?? [:])
        }
      note("\(forgotten.joined(separator: ", ")) was measured", changes)
    }
    if !gates.isEmpty {
      try delete(files.attention)
      try delete(files.restoration)
    }
    let search = try differences(
      now: configuration.searchSettings(), before: before.searchSettings())
    guard !gates.isEmpty || !search.isEmpty else { return }
    if MapUnit.allCases.contains(where: { files.has(.search($0)) || files.has(.searchState($0)) }) {
      note("maps were searched", gates + search)
    }
    for unit in MapUnit.allCases {
      try delete(files.search(unit))
      try delete(files.searchState(unit))
    }
  }

  /// Says that something is made again since settings are others now.
  private mutating func note(_ what: String, _ changes: [String]) {
    // A task that is gone has dozens of them.
    let list = changes.distinct.joined(first: 6)
    notes.append("\(what) in \(path) with other settings (\(list)), so that this is done again")
  }

  /// Removes what was measured on tasks that are others now, by name; returns these names.
  private func forgetScores(except keep: (String) -> Bool) throws -> [String] {
    guard var table = try? ScoreTable.read(files.scores) else { return [] }
    let forgotten = table.tasks.filter { !keep($0) }
    guard !forgotten.isEmpty else { return [] }
    table.keepTasks(keep)
    try AtomicFile.write(table.text, to: files.scores)
    return forgotten
  }

  /// Notes what `result` is made from, before it is written: its `texts`, one for each of its files or, where
  /// there are none, what the folder holds already.
  ///
  /// What is there of it and was made from something else is removed first, but of scores `before` is the
  /// hash of what the file holds until it is written: a process that ends before leaves this.
  func claim(
    _ result: RunResult, _ inputs: ResultInputs, texts: [String]? = nil, before: String? = nil
  ) throws {
    var now = try inputs.fingerprint(of: result)
    now.merge(try inputs.contents(of: result, texts: texts)) { $1 }
    let then = ledger[result]
    now[ResultInputs.earlierContent] = before
    if then == now { return }
    try guardian.check()
    if texts != nil {
      for file in result.files(in: files) { try remove(file) }
    }
    try write(ledger.json(adding: now, for: result), to: files.ledger)
  }

  /// Refuses a result that was made from something else than there is now.
  ///
  /// - Throws: ``RunError/otherResult(path:differences:advice:)``.
  func requireOwn(_ result: RunResult, _ inputs: ResultInputs) throws {
    try inputs.requireOwn(result, ledger)
  }

  /// Removes a file of the folder if it is there; a folder of that name is somebody else's and refused.
  ///
  /// - Throws: As ``write(_:to:)``.
  package func remove(_ file: String) throws {
    try guardian.check()
    try delete(file)
  }

  private func delete(_ file: String) throws {
    guard unsafe unlink(file) != 0, errno != ENOENT else { return }
    throw FileError.cannotWrite(path: file, reason: systemMessage(errno))
  }

  /// Removes the teacher's outputs; what else there is in their folder stays.
  func removeTeacher() throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: files.teacher)) ?? []
    for name in names where name.wholeMatch(of: /sample-[0-9]+\.h5/) != nil {
      try remove("\(files.teacher)/\(name)")
    }
    _ = unsafe rmdir(files.teacher)
  }

  /// Removes what ``AtomicFile`` leaves behind when its process is killed, here and in all folders below.
  private func removeTemporaryFiles() {
    TemporaryFile.removeAbandoned(in: path)
    guard let entries = FileManager.default.enumerator(atPath: path) else { return }
    while let name = entries.nextObject() as? String {
      guard entries.fileAttributes?[.type] as? FileAttributeType == .typeDirectory else { continue }
      TemporaryFile.removeAbandoned(in: "\(path)/\(name)")
    }
  }

}

/// Says before each write whether the process may still write: the folder is its own, and what it computes
/// from is what it was.
final class FolderGuard: Sendable {
  private let lock: RunLock
  private let inputs = Locked<WatchedInputs?>(nil)

  /// The guard of a locked folder.
  init(_ lock: RunLock) { self.lock = lock }

  /// From now on `inputs` must stay as they are.
  func watch(_ inputs: WatchedInputs) { self.inputs.withLock { $0 = inputs } }

  /// Refuses to go on where another process may have the folder, or an input has changed.
  ///
  /// - Throws: ``RunError/lockLost(folder:)``, `FileError.changed`.
  func check() throws {
    try lock.requireHeld()
    try inputs.withLock { $0 }?.requireUnchanged()
  }
}

/// The files a run computes from.
///
/// Texts are read whole, but not all at once: a text counts as changed when its content does. The model is
/// mapped, and counts as changed when somebody writes into it.
final class WatchedInputs: Sendable {
  private let model: LoadedModel
  /// SHA-256 of each text, by its path.
  let texts: [String: String]
  private let stamps: Locked<[String: FileStamp]>

  /// The model of a run and its texts as they are now.
  init(_ model: LoadedModel, _ configuration: RunConfiguration) {
    self.model = model
    // Stamps before hashes: a text that is written between the two is read again.
    stamps = Locked(
      configuration.textFiles.reduce(into: [:]) { $0[$1] = FileStamp(path: $1) })
    texts = configuration.textHashes()
  }

  /// Refuses inputs that are not what they were.
  ///
  /// - Throws: `FileError.changed`.
  func requireUnchanged() throws(FileError) {
    try model.requireUnchanged()
    for (path, hash) in texts {
      let now = FileStamp(path: path)
      // A text that is gone cannot mislead; whoever still needs it refuses by itself.
      guard let now, now != stamps.withLock({ $0[path] }) else { continue }
      guard TextFile.sha256(of: path) == hash else { throw .changed(path: path) }
      stamps.withLock { $0[path] = now }
    }
  }
}
