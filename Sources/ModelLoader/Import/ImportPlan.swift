import Support
import Transformer

/// Everything that an import will do, known before anything is written.
package struct ImportPlan {
  /// All of the model file but its weights.
  package let contents: ModelFileContents
  /// Where each parameter's values come from, in the order of the computation.
  let tensors: [(parameter: Parameter, source: SourceTensor)]
  /// The sources alone.
  package var sources: [SourceTensor] { tensors.map(\.source) }

  /// Sentences about what was decided, left out or not understood.
  package let warnings: [String]

  /// Finds and checks the source of every parameter of `contents`.
  ///
  /// `sources` are all tensors of the source, which `path` names in messages; `name` is how the
  /// source calls a parameter; `assumed` are sizes that the configuration at `configurationPath` does not
  /// state.
  init(
    contents: ModelFileContents, sources: [String: SourceTensor], path: String,
    configurationPath: String, assumed: [String: Int] = [:], warnings: [String],
    name: (Parameter) -> String
  ) throws(FileError) {
    self.contents = contents
    var remaining = sources
    var tensors: [(parameter: Parameter, source: SourceTensor)] = []
    func refuseAssumed(because weights: String) throws(FileError) {
      let error = AssumedSizes.error(
        assumed, because: weights, path: configurationPath, place: { "key \($0)" })
      if let error { throw error }
    }
    for parameter in Parameter.all(in: contents.configuration) {
      guard let source = remaining.removeValue(forKey: name(parameter)) else {
        let missing = name(parameter)
        if !tensors.isEmpty { try refuseAssumed(because: "weights without \(missing)") }
        throw Self.missing(missing, among: sources, path: path)
      }
      let shape = parameter.shape(in: contents.configuration)
      guard source.shape == shape else {
        try refuseAssumed(because: "\(source.name) of shape \(source.shape)")
        throw .invalid(
          path: source.file.path, place: source.name, expected: "shape \(shape)",
          found: "shape \(source.shape)", fix: "the configuration does not belong to these weights")
      }
      tensors.append((parameter, source))
    }
    var unused = UnusedTensors(configuration: contents.configuration)
    for (_, tensor) in remaining.sorted(by: { $0.key < $1.key }) {
      guard try unused.mayLeaveOut(tensor) else {
        throw Self.extra(tensor.name, path: path, contents.configuration.modelType)
      }
    }
    self.tensors = tensors
    self.warnings = warnings + unused.warnings
  }

  private static func missing(
    _ name: String, among sources: [String: SourceTensor], path: String
  ) -> FileError {
    let isKnown = sources.keys.contains { $0.hasPrefix("model.layers.") || $0.hasPrefix("blk.") }
    let example = sources.values.map(\.name).min()
    return .invalid(
      path: path, place: name, expected: "a tensor",
      found: isKnown || example == nil ? "nothing" : "nothing; a tensor here is \(example ?? "")",
      fix: isKnown || example == nil
        ? "the checkpoint is not complete, so fetch it again"
        : "the names are not those of such a model, so save it with transformers")
  }

  /// The error of a tensor that the decoder does not have.
  static func extra(_ name: String, path: String, _ modelType: String) -> FileError {
    let isBias = name.hasSuffix(".bias")
    return .unsupported(
      path: path, place: name,
      found: "this \(isBias ? "bias" : "tensor"), which a \(modelType) decoder does not have,",
      supported: "the tensors of a plain \(modelType)")
  }
}
