import Foundation
import Support
import Transformer

/// A folder as Hugging Face's libraries save a model: config.json, one or many safetensors files,
/// tokenizer.json.
package struct HuggingFaceFolder {
  let path: String

  /// The folder at `path`, not yet read.
  package init(path: String) { self.path = path }

  /// Reads the configuration and all headers; of the values no more than it takes to know whether the
  /// output projection is tied and whether what is left out changes nothing.
  package func plan() throws(FileError) -> ImportPlan {
    let names = FolderWeights.fileNames(in: path)
    try refuseOtherFolders(names)
    let configurationPath = file("config.json")
    let (text, decoded) = try Self.architecture(at: configurationPath)
    let values = text.values
    let weights = try FolderWeights(path: path)
    let named = try TensorNames(weights, path: path, isPart: text.warning != nil)
    try refuseOtherTypes(named.otherTypes)
    let quantized = try values["quantization_config"].flatMap { value throws(FileError) in
      value == .null
        ? nil
        : try QuantizedWeights(
          value, modelType: values["model_type"]?.text, path: configurationPath,
          place: "key quantization_config")
    }
    let tensors = try QuantizedWeights.scaled(named.tensors, by: quantized, path: path)
    let tying = try HeadTying(
      tensors, isTied: decoded.configuration.tiedEmbeddings, isStated: decoded.statesTying)
    try refuseHeadless(values, isTied: tying.isTied, isStated: decoded.statesTying)
    let family = decoded.family
    var configuration = decoded.configuration
    configuration.tiedEmbeddings = tying.isTied
    let turned = configuration.kinds[0].rotary?.features ?? configuration.headDim
    if let sections = try text.sections(pairs: turned / 2, path: configurationPath) {
      configuration.eachKind { $0.rotary?.sections = sections }
    }
    let sources = family.withOffsets(
      try family.split(
        family.unpack(tying.tensors, configuration), configuration, prefix: "model.layers.",
        fused: family.fused,
        name: family.name), configuration)
    if try family.hasOutputBias(sources, configuration) {
      for index in configuration.kinds.indices { configuration.kinds[index].outputBias = true }
    }
    let tokenizer = try ImportedTokenizer(folder: path, vocabulary: configuration.vocabulary)
    let ends = try endTokens(names)
    let contents = ModelFileContents(
      configuration: configuration,
      source: URL(fileURLWithPath: path).lastPathComponent,
      tokenizerJSON: tokenizer.json, tokenizerProblem: tokenizer.problem,
      bosTokenID: values["bos_token_id"]?.integer,
      eosTokenIDs: ends.ids ?? values["eos_token_id"]?.integers ?? [])
    let warnings =
      [text.warning].compactMap(\.self) + decoded.warnings + weights.warnings + named.warnings
      + tokenizer.warnings
      + [tying.warning, tokenizerWarning(names), ends.warning]
      .compactMap { $0 }
    return try ImportPlan(
      contents: contents, sources: sources, path: path,
      configurationPath: configurationPath, assumed: decoded.assumed, warnings: warnings,
      source: { family.source(of: $0, configuration) })
  }

  /// What the config.json at `path` says.
  static func architecture(at path: String) throws(FileError) -> (TextPart, DecodedConfiguration) {
    let text = try TextPart(readJSON(path, keepsNulls: true), path: path)
    let decoded = try ConfigurationDecoder(
      values: text.values, path: path, source: .configJSON, place: { "key \($0)" }
    ).decode()
    return (text, decoded)
  }

  private func file(_ name: String) -> String {
    URL(fileURLWithPath: path).appendingPathComponent(name).path
  }

  static func readJSON(
    _ path: String, limit: Int = FileLimit.modelConfiguration, keepsNulls: Bool = false
  ) throws(FileError) -> [String: MetadataValue] {
    let reader = try FileReader(path: path, what: "file of a Hugging Face model")
    return try MetadataValue.object(
      json: reader.readAll(limit: limit), path: reader.path, budget: reader.budget,
      keepsNulls: keepsNulls)
  }

  /// Names what a folder is that is no model of this kind.
  private func refuseOtherFolders(_ names: [String]) throws(FileError) {
    if names.contains("adapter_config.json") {
      throw TensorNames.adapter(path: path, place: "adapter_config.json")
    }
    if !names.contains("config.json"), let gguf = names.first(where: { $0.hasSuffix(".gguf") }) {
      throw .missing(
        path: file("config.json"),
        what: "file, and \(gguf.shown(limit: 80)) is a model of its own, so import that file")
    }
  }

  /// A decoder saved without a head (LlamaModel, …) is no model that gives logits, unless it says that the
  /// embedding is its head.
  private func refuseHeadless(
    _ values: [String: MetadataValue], isTied: Bool, isStated: Bool
  ) throws(FileError) {
    guard isTied, !isStated, case .texts(let names)? = values["architectures"], !names.isEmpty,
      names.allSatisfy({ $0.hasSuffix("Model") })
    else { return }
    throw .invalid(
      path: path, place: Parameter.output.name,
      expected: "an output projection, or tie_word_embeddings true in config.json",
      found: "a \(names[0].shown(limit: 60)) without one",
      fix: "save the whole model (…ForCausalLM)")
  }

  /// Only floats are parameters; masks of truth values are left out.
  private func refuseOtherTypes(_ types: [String: String]) throws(FileError) {
    let isMask: (String) -> Bool = {
      $0.hasSuffix("attn.bias") || $0.hasSuffix("attn.masked_bias")
    }
    guard let (name, type) = types.filter({ !isMask($0.key) }).min(by: { $0.key < $1.key }) else {
      return
    }
    throw .unsupported(
      path: path, place: name, found: "the type \(type)",
      supported: "F32, F16, BF16 or F64 tensors")
  }

  // MARK: Tokens

  private func tokenizerWarning(_ names: [String]) -> String? {
    let others = ["tokenizer.model", "tekken.json", "vocab.json"].filter(names.contains)
    guard !names.contains("tokenizer.json"), let other = others.first else { return nil }
    return "\(other) is not read: save the tokenizer with transformers, which writes tokenizer.json"
  }

  /// The tokens that end a text in generation_config.json, which wins over config.json in transformers.
  ///
  /// Other programs write numbers there that JSON does not have; such a file is passed over with a warning.
  private func endTokens(
    _ names: [String]
  ) throws(FileError) -> (ids: [Int]?, warning: String?) {
    let name = "generation_config.json"
    guard names.contains(name) else { return (nil, nil) }
    let reader = try FileReader(path: file(name), what: "file of a Hugging Face model")
    let bytes = try reader.readAll(limit: FileLimit.modelConfiguration)
    let value: JSONValue
    do {
      value = try JSONReader.read(bytes, budget: reader.budget)
    } catch {
      if error.isKeyTwice { throw error.inFile(reader.path) }
      return (nil, "\(name) is not valid JSON, so the tokens that end a text are config.json's")
    }
    let ids = try MetadataValue.object(value, path: reader.path)["eos_token_id"]?.integers
    guard ids?.count ?? 0 <= Self.mostEndTokens else {
      throw .invalid(
        path: file(name), place: "key eos_token_id",
        expected: "at most \(Self.mostEndTokens) tokens", found: "more",
        fix: "correct it or remove the file")
    }
    return (ids, nil)
  }

  /// More tokens do not end a text.
  private static let mostEndTokens = 1_000
}
