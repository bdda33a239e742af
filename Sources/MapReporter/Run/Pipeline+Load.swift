import GateOptimizer
import ModelLoader
import Transformer

/// The model of a run, ready for work.
struct RunModel {
  let decoder: DecoderModel
  let tokenizer: Tokenizer
}

extension Pipeline {
  /// Makes the model ready, checks that it is the folder's, and records it.
  mutating func load() throws -> RunModel {
    let tokenizer = try source.tokenizer(of: configuration.model)
    let identity = HeadMap.Model(source.configuration, weightsSHA256: source.sha256)
    if let before = record.model, before != identity, files.holdGates {
      throw RunError.otherRun(
        folder: folder.path,
        differences: [
          "the weights of \(configuration.model) are \(source.sha256.prefix(12))…, there they were "
            + "\(before.weightsSHA256?.prefix(12) ?? "others")…"
        ])
    }
    record.model = identity
    observer.report(
      "\(configuration.model): \(identity.modelType ?? "model"), \(identity.layers) layers × "
        + "\(identity.keyValueHeads) key-value heads; \(record.linearAlgebra)")
    try folder.write(record.json(), to: files.record)
    return RunModel(
      decoder: DecoderModel(configuration: source.configuration, weights: source.weights),
      tokenizer: tokenizer)
  }

  /// Writes the layer maps that the ranking section asks for.
  func writeMaps(_ gates: GateMatrix) throws {
    let run = finished(gates)
    for criterion in configuration.ranking.criteria {
      for sparsity in configuration.ranking.sparsities {
        let map = try run.map(by: criterion, sparsity: sparsity)
        try folder.write(
          map.json(), to: "\(files.maps)/\(RunFiles.mapName(criterion, sparsity))")
      }
    }
  }
}
