import Foundation
import Support
import Transformer

/// A tensor of a model file that fits the configuration, not yet read.
package struct ModelTensor {
  /// The open dataset.
  package let dataset: HDF5Object
  /// Its shape, type and place.
  package let layout: DatasetLayout
}

/// A model file with its header read and checked and its tensors known by name, none of them read.
package struct ModelFileReader {
  /// The file's path.
  package let path: String
  /// Everything but the weights.
  package let contents: ModelFileContents
  /// The identity of the weights that the file states.
  package let sha256: String
  /// Sentences about what the file says and this reader does not use.
  package let warnings: [String]
  private let weights: HDF5Object
  private let assumed: [String: Int]

  /// Opens the model file at `path` and checks everything but the tensors' values.
  package init(path: String) throws(FileError) {
    let root = try HDF5Object(opening: path)
    try Self.checkFormat(of: root)
    let sha256 = try Self.text("sha256", of: root)
    let values = try Self.readConfiguration(of: root)
    let decoded = try ConfigurationDecoder(values: values, path: path, source: .modelFile) {
      "/config attribute \($0)"
    }.decode()
    let contents = ModelFileContents(
      configuration: decoded.configuration,
      source: try root.attribute("source")?.text ?? "",
      tokenizerJSON: try Self.readTokenizer(of: root),
      tokenizerProblem: try root.child(ModelFormat.tokenizer)?
        .attribute(ModelFormat.tokenizerProblem)?.text,
      bosTokenID: values["bos_token_id"]?.integer,
      eosTokenIDs: values["eos_token_id"]?.integers ?? [])
    let weights = try Self.group(ModelFormat.weights, of: root)
    try Self.checkNames(in: weights, configuration: contents.configuration)
    self.path = path
    self.sha256 = sha256
    self.contents = contents
    self.weights = weights
    warnings = decoded.warnings
    assumed = decoded.assumed
  }

  private static func checkFormat(of root: HDF5Object) throws(FileError) {
    let format = try root.attribute("format")
    guard format?.text == ModelFormat.name else {
      throw .invalid(
        path: root.path, place: "attribute format", expected: "\"\(ModelFormat.name)\"",
        found: format?.quoted ?? "nothing", fix: "make a model file with `zigzag import`")
    }
    let version = try root.attribute("format_version")
    guard version?.integer == ModelFormat.version else {
      throw .invalid(
        path: root.path, place: "attribute format_version", expected: "\(ModelFormat.version)",
        found: version?.quoted ?? "nothing", fix: "import the model again with this version")
    }
  }

  /// The attributes of `/config`; an object of RoPE may be a group with attributes too.
  private static func readConfiguration(
    of root: HDF5Object
  ) throws(FileError) -> [String: MetadataValue] {
    let group = try group(ModelFormat.configuration, of: root)
    var values = try attributes(of: group)
    for name in group.childNames {
      guard ["rope_scaling", "rope_parameters"].contains(name), values[name] == nil,
        let child = try group.child(name), !child.isDataset
      else {
        throw .invalid(
          path: root.path, place: "/\(ModelFormat.configuration)/\(name)",
          expected: "attributes of /config alone", found: "a group or dataset",
          fix: "write the key as an attribute")
      }
      values[name] = .object(try attributes(of: child))
    }
    return values
  }

  /// Attributes by name; an empty one, and the JSON text "null", stand for null.
  private static func attributes(
    of group: HDF5Object
  ) throws(FileError) -> [String: MetadataValue] {
    var values: [String: MetadataValue] = [:]
    for name in group.attributeNames {
      let value = try group.attribute(name) ?? .null
      values[name] = value == .text("null") ? .null : list(value)
    }
    return values
  }

  /// A list of texts that was written as JSON.
  private static func list(_ value: MetadataValue) -> MetadataValue {
    guard case .text(let text) = value, text.first == "[",
      let members = try? MetadataValue.object(json: "{\"list\": \(text)}".utf8, path: "")
    else { return value }
    return members["list"] ?? value
  }

  private static func readTokenizer(
    of root: HDF5Object
  ) throws(FileError) -> Data? {
    guard let group = try root.child(ModelFormat.tokenizer),
      let dataset = try group.child(ModelFormat.tokenizerFile)
    else { return nil }
    let layout = try dataset.layout()
    guard layout.typeName == "1-byte integer", layout.shape.count == 1 else {
      throw .invalid(
        path: root.path, place: dataset.place, expected: "a list of bytes (uint8)",
        found: "\(layout.typeName) of shape \(layout.shape)",
        fix: "write it as docs/model-format.md specifies")
    }
    return Data(try dataset.readStored())
  }

  private static func group(
    _ name: String, of root: HDF5Object
  ) throws(FileError) -> HDF5Object {
    guard let group = try root.child(name), !group.isDataset else {
      throw .invalid(
        path: root.path, place: "/\(name)", expected: "a group", found: "nothing of the kind",
        fix: "make a model file with `zigzag import`")
    }
    return group
  }

  private static func text(
    _ name: String, of root: HDF5Object
  ) throws(FileError) -> String {
    let value = try root.attribute(name)
    guard let text = value?.text else {
      throw .invalid(
        path: root.path, place: "attribute \(name)", expected: "text",
        found: value?.quoted ?? "nothing", fix: "write it as docs/model-format.md specifies")
    }
    return text
  }

  private static func checkNames(
    in weights: HDF5Object, configuration: ModelConfiguration
  ) throws(FileError) {
    let path = weights.path
    let names = weights.childNames
    // A hostile configuration names very many layers, of which not even the names are made.
    guard configuration.layers <= names.count else {
      throw .invalid(
        path: path, place: "/weights", expected: "the tensors of \(configuration.layers) layers",
        found: "\(names.count) tensors", fix: "correct /config or import the model again")
    }
    let expected = Parameter.all(in: configuration).map(\.name)
    let missing = expected.filter { !weights.hasChild($0) }
    if let first = missing.first {
      throw .invalid(
        path: path, place: "/weights/\(first)", expected: "a tensor",
        found: missing.count == 1 ? "nothing" : "nothing, as for \(missing.count - 1) others",
        fix: "import the model again")
    }
    if let extra = Set(names).subtracting(expected).min() {
      throw .invalid(
        path: path, place: "/weights/\(extra)",
        expected: "only the \(expected.count) tensors of this \(configuration.modelType)",
        found: "one more", fix: "remove it or correct /config")
    }
  }

  /// The dataset of `parameter` and its layout, checked against the configuration.
  package func tensor(
    _ parameter: Parameter
  ) throws(FileError) -> ModelTensor {
    let place = "/weights/\(parameter.name)"
    guard let dataset = try weights.child(parameter.name), dataset.isDataset else {
      throw .invalid(
        path: path, place: place, expected: "a dataset", found: "a group",
        fix: "import the model again")
    }
    let layout = try dataset.layout()
    let shape = parameter.shape(in: contents.configuration)
    guard layout.shape == shape else {
      try refuseAssumed(because: "\(parameter.name) of shape \(layout.shape)")
      throw .invalid(
        path: path, place: place, expected: "shape \(shape)", found: "shape \(layout.shape)",
        fix: "correct /config or import the model again")
    }
    guard layout.isFloat else {
      throw .invalid(
        path: path, place: place, expected: "float32, float16, bfloat16 or another float type",
        found: "\(layout.typeName)s", fix: "write it as a float type")
    }
    return ModelTensor(dataset: dataset, layout: layout)
  }

  /// Refuses sizes that are the family's defaults where the weights have others.
  private func refuseAssumed(because weights: String) throws(FileError) {
    if let error = AssumedSizes.error(
      assumed, because: weights, path: path, place: { "/config attribute \($0)" })
    {
      throw error
    }
  }
}

/// Sizes that a file does not state.
enum AssumedSizes {
  /// The error that names the first of them, in which the weights, `weights` of them, do not agree; nil where
  /// all are stated.
  static func error(
    _ assumed: [String: Int], because weights: String, path: String, place: (String) -> String
  ) -> FileError? {
    guard let (key, size) = assumed.min(by: { $0.key > $1.key }) else { return nil }
    let others = assumed.keys.filter { $0 != key }.sorted()
    let also = others.isEmpty ? "" : " (nor for \(others.joined(separator: ", ")))"
    return .invalid(
      path: path, place: place(key),
      expected: "a whole number, since \(size), this family's default, may not fit \(weights)",
      found: "nothing\(also)", fix: "state the sizes of the model")
  }
}
