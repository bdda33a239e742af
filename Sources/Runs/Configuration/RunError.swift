import MapReporter
import ModelLoader
import Support

/// What can go wrong with a run's configuration and its folder, but for what is wrong with a file: that is a
/// `FileError`.
package enum RunError: ZigzagError, Equatable {
  /// A setting is unknown or impossible; `location` is a file and line, or an override.
  case setting(location: String, problem: String)
  /// An override is not of the form key=value, or its key leads nowhere.
  case badOverride(String, problem: String)
  /// Another process holds the run folder.
  case locked(folder: String, holder: String)
  /// The folder belongs to a run with other settings, one difference per entry.
  case otherRun(folder: String, differences: [String])
  /// The folder has gates, or a checkpoint, of another number of steps and of no other setting.
  case otherSteps(folder: String, before: Int, now: Int, hasGates: Bool)
  /// The folder's gates were learned from another model or other texts than there are now.
  case otherFiles(folder: String, differences: [String])
  /// A result in the folder was made from something else than there is now.
  case otherResult(path: String, differences: [String], advice: String)
  /// The folder, or its lock, was removed or replaced while this process worked in it.
  case lockLost(folder: String)
  /// A run cannot be made again from the record at `path`, because its inputs are others now.
  case otherInputs(path: String, differences: [String])
  /// A run cannot be made again in the folder it is in.
  case sameFolder(String)
  /// The configuration at `path` has no evaluation task of that name.
  case noSuchTask(String, path: String, known: [String])
  /// The evaluation task judges running text, so that its samples have no answers to show.
  case noAnswers(task: String, path: String, others: [String])
  /// The run was interrupted; what was done is kept.
  case interrupted(folder: String)

  /// What kind of thing went wrong.
  package var category: ErrorCategory {
    switch self {
    case .setting, .badOverride, .otherRun, .otherSteps, .otherFiles, .otherResult, .otherInputs,
      .sameFolder,
      .noSuchTask, .noAnswers:
      .usage
    case .locked: .cannotWrite
    case .interrupted, .lockLost: .interrupted
    }
  }

  /// One sentence: where, what, and what to do.
  package var description: String {
    switch self {
    case .setting(let location, let problem):
      "\(location.shown(limit: 300)): \(problem.shown(limit: 600))"
    case .badOverride(let text, let problem): "--set \(text.shown()): \(problem.shown(limit: 300))"
    case .locked(let folder, let holder):
      "another zigzag works in \(folder) (\(holder)); wait for it, or give this run another name "
        + "with --set name=…"
    case .otherRun(let folder, let differences):
      "\(folder) holds a run with other settings: \(differences.joined(separator: "; ")); undo that, or "
        + "give this run another name with --set name=…"
    case .otherSteps(let folder, let before, let now, let hasGates):
      "\(folder) holds a calibration of \(before) steps, and calibration.steps is \(now): the learning rate "
        + "follows the share of the steps that are done, so that \(now) steps are others from the first one "
        + "on; undo that, or learn them under another name with --set name=…"
        + (hasGates && now > before
          ? ", from the gates of all \(before) with --set calibration.initial_gates=\(folder)/gates.tsv"
          : "")
    case .otherFiles(let folder, let differences):
      "\(folder) was made from other files: \(differences.joined(separator: "; ")); bring back what it was "
        + "made from, or give this run another name with --set name=…"
    case .otherResult(let path, let differences, let advice):
      "\(path) does not belong to what is there now: \(differences.joined(separator: "; ")); \(advice)"
    case .lockLost(let folder):
      "\(folder), or its file .lock, was removed or replaced while this process worked there, so that it "
        + "stops and writes nothing more, since another process may be at work; give the same command "
        + "again when none is"
    case .otherInputs(let path, let differences):
      "\(path) cannot be made again: \(differences.joined(separator: "; ")); bring back the files it "
        + "was made from"
    case .sameFolder(let folder):
      "\(folder) is the run itself; make it again elsewhere with --runs FOLDER or --set name=…"
    case .noSuchTask(let name, let path, let known):
      "\(path) has no evaluation task \(name.shown()); it has "
        + known.joined(separator: ", ").shown(limit: 300)
    case .noAnswers(let task, let path, let others):
      "the task \(task.shown()) of \(path) judges running text, passages of its haystack without questions; name a "
        + "task with answers: \(others.joined(separator: ", ").shown(limit: 300))"
    case .interrupted(let folder):
      "interrupted; what is done is kept in \(folder), and the same command continues from there"
    }
  }
}
