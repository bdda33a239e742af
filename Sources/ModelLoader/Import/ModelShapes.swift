import Foundation
import Support
import Transformer

/// A model's sizes without its weights: what it takes to plan a run on it.
package struct ModelShapes: Sendable {
  /// The architecture.
  package let configuration: ModelConfiguration
  /// Bytes of the weights as a model file stores them.
  package let weightBytes: Int

  /// More parameters than this cannot be counted with, and no model has them.
  private static let mostParameters = 1e15

  /// The shapes of an open model.
  ///
  /// - Throws: `FileError` where its file is gone.
  package init(_ model: LoadedModel) throws(FileError) {
    configuration = model.configuration
    weightBytes = try FileReader(path: model.path, what: "model file").byteCount
  }

  /// The shapes of a Hugging Face model by its config.json at `path`, of 16-bit matrices unless that says float32.
  ///
  /// Keys that nobody knows are named in a warning.
  ///
  /// - Throws: `FileError` where it cannot be read, or has keys or sizes that an import refuses.
  package init(configurationAt path: String) throws(FileError) {
    let (text, decoded) = try HuggingFaceFolder.architecture(at: path)
    ModelWarnings.log(decoded.warnings, of: path)
    let architecture = decoded.configuration
    configuration = architecture
    let stated = (text.values["dtype"] ?? text.values["torch_dtype"])?.text
    let matrices: ElementType = stated == "float32" ? .float32 : .bfloat16
    let (count, bytes) = Parameter.all(in: architecture).reduce(into: (0.0, 0.0)) {
      sums, parameter in
      let shape = parameter.shape(in: architecture)
      let size = shape.reduce(1.0) { $0 * Double($1) }
      let type = shape.count > 1 ? matrices : .float32
      sums = (sums.0 + size, sums.1 + size * Double(type.byteCount))
    }
    guard count <= Self.mostParameters else {
      throw .invalid(
        path: path, place: "the sizes", expected: "at most 10¹⁵ parameters",
        found: "about 10^\(Int(log10(count)))", fix: "fetch the file again")
    }
    weightBytes = Int(bytes)
  }
}
