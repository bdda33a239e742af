import Foundation
import Transformer

/// A folder as Hugging Face's libraries save a model: config.json, one or many safetensors files,
/// tokenizer.json.
package struct HuggingFaceFolder {
  let path: String

  /// The folder at `path`, not yet read.
  package init(path: String) { self.path = path }

  /// Reads the configuration and all headers; no values yet.
  package func plan() throws(ModelLoaderError) -> ImportPlan {
    let values = try readConfiguration()
    let configurationPath = file("config.json")
    let decoder = ConfigurationDecoder(values: values, path: configurationPath) { "key \($0)" }
    let contents = ModelFileContents(
      configuration: try decoder.decode(),
      source: URL(fileURLWithPath: path).lastPathComponent,
      tokenizerJSON: try readTokenizer(),
      bosTokenID: values["bos_token_id"]?.integer,
      eosTokenIDs: values["eos_token_id"]?.integers ?? [])
    let isTied = contents.configuration.tiedEmbeddings
    return try ImportPlan(
      contents: contents, sources: try readTensors(), path: path, name: \.name
    ) { name in
      // Some checkpoints repeat the tied matrix, and old ones keep a table of frequencies.
      (isTied && name == Parameter.output.name) || name.hasSuffix(".rotary_emb.inv_freq")
    }
  }

  private func file(_ name: String) -> String {
    URL(fileURLWithPath: path).appendingPathComponent(name).path
  }

  private func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: file(name))
  }

  private func readJSON(_ name: String) throws(ModelLoaderError) -> [String: MetadataValue] {
    let reader = try FileReader(path: file(name), what: "file of a Hugging Face model")
    return try MetadataValue.object(
      json: reader.readAll(), path: reader.path, budget: reader.budget)
  }

  /// The keys of config.json; what newer files keep in `rope_parameters` moves to where all others
  /// have it.
  private func readConfiguration() throws(ModelLoaderError) -> [String: MetadataValue] {
    var values = try readJSON("config.json")
    if case .object(let rope)? = values["rope_parameters"] {
      values["rope_scaling"] = .object(rope)
      values["rope_theta"] = rope["rope_theta"] ?? values["rope_theta"]
      values["partial_rotary_factor"] =
        rope["partial_rotary_factor"] ?? values["partial_rotary_factor"]
    }
    return values
  }

  private func readTokenizer() throws(ModelLoaderError) -> Data? {
    guard exists("tokenizer.json") else { return nil }
    return try FileReader(path: file("tokenizer.json"), what: "tokenizer").readAll()
  }

  private func readTensors() throws(ModelLoaderError) -> [String: SourceTensor] {
    guard exists("model.safetensors.index.json") else {
      guard exists("model.safetensors") else {
        try refusePickles()
        throw .missing(
          path: file("model.safetensors"),
          what: "file, nor a model.safetensors.index.json beside it")
      }
      return try SafetensorsFile(path: file("model.safetensors")).tensors
    }
    var tensors: [String: SourceTensor] = [:]
    for (shard, names) in try readIndex().sorted(by: { $0.key < $1.key }) {
      let found = try SafetensorsFile(path: file(shard)).tensors
      for name in names {
        guard let tensor = found[name] else {
          throw .invalid(
            path: file(shard), place: name, expected: "a tensor, as the index says",
            found: "nothing", fix: "fetch the file again")
        }
        tensors[name] = tensor
      }
    }
    return tensors
  }

  /// Names the pickled weights of a folder that has no others.
  private func refusePickles() throws(ModelLoaderError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let endings = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"]
    guard let name = names.sorted().first(where: { endings.contains(where: $0.hasSuffix) }) else {
      return
    }
    throw .unsupported(
      path: file(name), place: "the file",
      found: "a pickle, which can run any code when it is read,", supported: "model.safetensors")
  }

  /// A name with a separator could lead out of the folder, and one with a zero byte would be cut.
  private static func isShardName(_ name: String) -> Bool {
    name.hasSuffix(".safetensors") && name.utf8.count <= 255
      && !name.unicodeScalars.contains { $0 == "/" || $0.properties.generalCategory == .control }
  }

  /// Names of tensors by the file that holds them.
  private func readIndex() throws(ModelLoaderError) -> [String: [String]] {
    let name = "model.safetensors.index.json"
    guard case .object(let map)? = try readJSON(name)["weight_map"] else {
      throw .invalid(
        path: file(name), place: "key weight_map", expected: "an object of file names",
        found: "nothing of the kind", fix: "fetch it again")
    }
    var names: [String: [String]] = [:]
    for (tensor, value) in map {
      guard let shard = value.text, Self.isShardName(shard) else {
        throw .invalid(
          path: file(name), place: "key \(tensor)",
          expected: "the name of a .safetensors file in this folder", found: value.quoted,
          fix: "fetch it again")
      }
      names[shard, default: []].append(tensor)
    }
    return names
  }
}
