import Transformer

/// Everything that an import will do, known before anything is written.
package struct ImportPlan {
  /// All of the model file but its weights.
  package let contents: ModelFileContents
  /// Where each parameter's values come from, in the order of the computation.
  let tensors: [(parameter: Parameter, source: SourceTensor)]
  /// The sources alone.
  package var sources: [SourceTensor] { tensors.map(\.source) }

  /// Finds and checks the source of every parameter of `contents`.
  ///
  /// `sources` are all tensors of the source, which `path` names in messages; `name` is how the
  /// source calls a parameter; `ignored` says which tensors hold nothing the model needs.
  init(
    contents: ModelFileContents, sources: [String: SourceTensor], path: String,
    name: (Parameter) -> String, ignored: (String) -> Bool
  ) throws(ModelLoaderError) {
    self.contents = contents
    var remaining = sources
    var tensors: [(parameter: Parameter, source: SourceTensor)] = []
    for parameter in Parameter.all(in: contents.configuration) {
      guard let source = remaining.removeValue(forKey: name(parameter)) else {
        throw .invalid(
          path: path, place: name(parameter), expected: "a tensor", found: "nothing",
          fix: "the checkpoint is not complete, so fetch it again")
      }
      let shape = parameter.shape(in: contents.configuration)
      guard source.shape == shape else {
        throw .invalid(
          path: source.file.path, place: source.name, expected: "shape \(shape)",
          found: "shape \(source.shape)", fix: "the configuration does not belong to these weights")
      }
      tensors.append((parameter, source))
    }
    if let extra = remaining.keys.filter({ !ignored($0) }).min() {
      throw .unsupported(
        path: path, place: extra,
        found: "this tensor, which a \(contents.configuration.modelType) decoder does not have,",
        supported: "the tensors of a plain \(contents.configuration.modelType)")
    }
    self.tensors = tensors
  }
}
