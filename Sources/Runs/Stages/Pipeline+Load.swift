import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

/// The model of a run, ready for work.
package struct RunModel {
  package let decoder: DecoderModel
  package let tokenizer: Tokenizer
  /// Tokens that end a text.
  package let endTokens: Set<Int32>

  package init(decoder: DecoderModel, tokenizer: Tokenizer, endTokens: Set<Int32> = []) {
    self.decoder = decoder
    self.tokenizer = tokenizer
    self.endTokens = endTokens
  }
}

extension RunModel {
  /// The model of an opened file.
  ///
  /// - Throws: `FileError` where it has no tokenizer that can be used.
  package init(_ source: LoadedModel) throws(FileError) {
    self.init(
      decoder: source.decoder, tokenizer: try source.requiredTokenizer(),
      endTokens: Set(source.eosTokenIDs.compactMap { Int32(exactly: $0) }))
  }
}

extension Pipeline {
  /// Makes the model ready, checks that it and the texts are the folder's, and records them.
  mutating func load() throws -> RunModel {
    let model = try RunModel(source)
    let inputs = WatchedInputs(source, configuration)
    var now = record
    now.note(source.configuration, source.identity)
    now.texts = inputs.texts
    // What only searches or tasks are made from is settled by their own results.
    let others = Set(configuration.textFiles)
      .subtracting(configuration.calibrationTextFiles + configuration.haystack.evaluation.files)
    let differences = files.holdGates ? record.inputDifferences(from: now, but: others) : []
    guard differences.isEmpty else {
      throw RunError.otherFiles(folder: folder.path, differences: differences)
    }
    try origin?.check(now)
    if let question = origin?.openQuestion(now) { observer.warn(question) }
    for warning in configuration.textWarnings() { observer.warn(warning) }
    for note in folder.notes { observer.warn(note) }
    try checkValues()
    // What was checked at the path is the file that is mapped, and from now on it stays.
    try source.requireAtItsPath()
    folder.guardian.watch(inputs)
    let before = record
    record = now
    try folder.guardian.check()
    try settleResults(since: before)
    observer.report(
      "\(configuration.model): \(source.configuration.modelType), \(source.configuration.layers) layers × "
        + "\(source.configuration.keyValueHeads) key-value heads; \(record.linearAlgebra)")
    try folder.write(record.json(), to: files.record)
    return model
  }

  /// Reads every weight once: whoever computes for hours wants to know that they are numbers.
  private func checkValues() throws {
    let megabyte = 1_000_000
    var isShown = false
    try ModelFile.requireSound(path: configuration.model) { done, total in
      guard total > 100 * megabyte else { return }
      if !isShown { observer.stepBegan("check", unit: "MB", done: 0, total: total / megabyte) }
      isShown = true
      observer.stepAdvanced(to: done / megabyte, note: "")
    }
  }

  /// Writes the layer maps that the ranking section asks for.
  func writeMaps(_ run: FinishedRun) throws {
    for criterion in configuration.ranking.criteria
    where criterion != .search || run.searched(.layers) != nil {
      for sparsity in configuration.ranking.sparsities {
        let map = try run.map(by: criterion, sparsity: sparsity)
        try folder.write(
          map.json(), to: "\(files.maps)/\(RunFiles.mapName(criterion, sparsity))")
      }
    }
  }
}
