import Foundation
import Support
import Transformer

extension ModelConfiguration {
  /// Reads the shape and the windows in the Hugging Face `config.json` in `json`, which `path` names; nil for a family
  /// that is not known here.
  ///
  /// How weights are quantised, and the class that was saved, say nothing of that.
  ///
  /// - Throws: `FileError` for what else an import of the model would be refused for.
  package static func shape(
    configuration json: Data, path: String
  ) throws(FileError) -> ModelConfiguration? {
    let whole = try MetadataValue.object(
      json: json, path: path,
      budget: ReadingBudget(path: path, byteCount: json.count), keepsNulls: true)
    guard let text = try? TextPart(whole, path: path), let type = text.values["model_type"]?.text,
      ModelFamily.named(type) != nil
    else { return nil }
    var values = text.values
    values["quantization_config"] = nil
    values["architectures"] = nil
    return try ConfigurationDecoder(
      values: values, path: path, source: .configJSON, place: { "key \($0)" }
    ).decode().configuration
  }
}
