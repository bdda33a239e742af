import Foundation
import GateOptimizer
import MapReporter
import ModelLoader

extension Pipeline {
  /// What results are made from now.
  var inputs: ResultInputs {
    ResultInputs(configuration: configuration, record: record, files: files)
  }

  /// Looks through what the folder holds before anything is made from it: gates that are not of this run are
  /// refused, since they are expensive; scores that are not are forgotten, and measured again.
  ///
  /// Results of earlier versions, which wrote no ``ResultLedger``, are taken with one warning, and from
  /// now on are this run's.
  func settleResults(since before: RunRecord) throws {
    var table = try ScoreTable.read(files.scores)
    let tasks = configuration.evaluation.tasks.map(\.name).filter { table.holds($0) }
    let present = Stage.allCases.flatMap { $0.results(of: configuration) }.filter { result in
      if case .scores(let task) = result { return tasks.contains(task) }
      return result.isThere(in: files)
    }
    let ledger = folder.ledger
    let unknown = present.filter { ledger[$0] == nil }
    let missing = record.identity.flatMap { before.identity?.missingParts(of: $0) } ?? []
    if unknown.contains(.gates) { try requireOwnCheckpoint() }
    if !unknown.isEmpty || (files.holdGates && !missing.isEmpty) {
      warnOfOldResults(unknown, missing)
    }
    for result in unknown { try folder.claim(result, inputs) }
    if RunResult.gates.isThere(in: files) { try folder.requireOwn(.gates, inputs) }
    for task in tasks
    where !(try isOwn(.scores(task: task), texts: [table.text(of: task)])) { table.forget(task) }
    if tasks.contains(where: { !table.holds($0) }) {
      try folder.write(table.text, to: files.scores)
    }
  }

  private func warnOfOldResults(_ unknown: [RunResult], _ missing: [String]) {
    let names = unknown.map(\.name)
    let what = [
      names.isEmpty ? nil : "what \(names.joined(separator: ", ")) were made from",
      missing.isEmpty ? nil : "the \(missing.joined(separator: " and ")) of its model",
    ].compactMap { $0 }
    observer.warn(
      "\(folder.path) does not say \(what.joined(separator: ", nor ")), as folders of an earlier version and "
        + "those without results.json or run.json; this could not be compared, and what is there is taken "
        + "as made from what is there now")
  }

  /// Refuses gates that nothing is written down of where the checkpoint beside them is of another model or other
  /// settings, or holds other gates after the last step; one that cannot be read tells nothing.
  private func requireOwnCheckpoint() throws {
    guard files.holdGates, let owner = CalibrationState.identity(ofCheckpoint: files.checkpoint)
    else { return }
    let now = try checkpointIdentity()
    guard try owner == now || formerCheckpointIdentities().contains(owner) else {
      let parts = CalibrationState.differingParts(of: owner, from: now)
      throw RunError.otherResult(
        path: files.gates,
        differences: [
          "\(files.checkpoint) beside it is of other "
            + (parts.isEmpty ? "inputs" : parts.joined(separator: ", "))
        ],
        advice:
          "bring back what the checkpoint was made from, remove \(RunFile.checkpoint.name) to take the "
          + "gates as they are, or give this run another name with --set name=…")
    }
    let gates = try GateMatrix(contentsOf: files.gates)
    guard let steps = configuration.calibration?.steps else { return }
    let state = try? CalibrationState(
      reading: files.checkpoint, identity: owner,
      space: record.model?.space ?? gates.space, steps: steps)
    guard let state, state.step == steps, state.gates.tsv != gates.tsv else { return }
    throw RunError.otherResult(
      path: files.gates, differences: ["\(files.checkpoint) beside it holds other gates"],
      advice: RunResult.gates.advice)
  }

  /// Whether a result that is there was made from what is there now; if not, says why it is made again.
  ///
  /// What nobody wrote down counts as made from it: ``settleResults(since:)`` has warned of it.
  /// `texts` are those of its files, where they have been read already.
  func isOwn(_ result: RunResult, texts: [String]? = nil) throws -> Bool {
    guard let then = folder.ledger[result] else { return true }
    let differences = try inputs.differences(of: result, from: then, texts: texts)
    guard !differences.isEmpty else { return true }
    observer.report(
      "\(result.name) does not belong to what is there now, so that it is made again: "
        + differences.joined(separator: "; "))
    return false
  }
}
