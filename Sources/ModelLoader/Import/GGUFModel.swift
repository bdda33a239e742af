import Foundation
import Transformer

/// A Llama-family model in a GGUF file, in Hugging Face's terms.
package struct GGUFModel {
  private let file: GGUFFile
  private let architecture: String

  /// Reads the header of the file at `path`.
  package init(path: String) throws(ModelLoaderError) {
    file = try GGUFFile(path: path)
    guard let architecture = file.metadata["general.architecture"]?.text else {
      throw .invalid(
        path: path, place: "general.architecture", expected: "the name of an architecture",
        found: "nothing", fix: "fetch the file again")
    }
    self.architecture = architecture
  }

  /// Finds every parameter; `tokenizer` turns the tokenizer's metadata into tokenizer.json.
  package func plan(
    tokenizer: (GGUFTokenizerMetadata) throws -> Data
  ) throws(ModelLoaderError) -> ImportPlan {
    try refuseUnsupportedFeatures()
    let configuration = try readConfiguration()
    let metadata = tokenizerMetadata()
    let contents = ModelFileContents(
      configuration: configuration, source: URL(fileURLWithPath: file.path).lastPathComponent,
      tokenizerJSON: try metadata.map { (metadata) throws(ModelLoaderError) in
        try convert(metadata, with: tokenizer)
      },
      bosTokenID: metadata?.bosTokenID, eosTokenIDs: metadata?.eosTokenID.map { [$0] } ?? [])
    return try ImportPlan(
      contents: contents, sources: try unrotated(headDim: configuration.headDim), path: file.path,
      name: \.ggufName
    ) { $0 == Self.ropeFactors }
  }

  private static let ropeFactors = "rope_freqs.weight"

  /// llama.cpp reorders the query and key rows of Llama (and Mistral) models, and of no others.
  private func unrotated(
    headDim: Int
  ) throws(ModelLoaderError) -> [String: SourceTensor] {
    guard architecture == "llama" else { return file.tensors }
    let rotated = Set(LayerParameter.allCases.filter(\.isRotated).map(\.ggufName))
    var tensors = file.tensors
    for (key, tensor) in file.tensors {
      let name = tensor.name.split(separator: ".").dropFirst(2).joined(separator: ".")
      guard rotated.contains(name) else { continue }
      guard tensor.shape.count > 1 || tensor.type.blockCount == 1 else {
        throw .unsupported(
          path: file.path, place: tensor.name, found: "a bias of type \(tensor.type.rawValue)",
          supported: "biases of F32, F16 or BF16")
      }
      tensors[key]?.rotatedHeadDim = headDim
    }
    return tensors
  }

  // MARK: Configuration

  /// Hugging Face's keys and those that GGUF puts after the architecture's name.
  private static let keys = [
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
    "max_position_embeddings": "context_length",
    "sliding_window": "attention.sliding_window",
    "rope_scaling": "rope.scaling.type",
  ]

  private func value(_ key: String) -> MetadataValue? {
    file.metadata["\(architecture).\(key)"]
  }

  private func readConfiguration() throws(ModelLoaderError) -> ModelConfiguration {
    var values: [String: MetadataValue] = ["model_type": .text(architecture)]
    for (key, ggufKey) in Self.keys where key != "rope_scaling" { values[key] = value(ggufKey) }
    if let rows = file.tensors[Parameter.embedding.ggufName]?.shape.first {
      values["vocab_size"] = .integer(rows)
    }
    values["tie_word_embeddings"] = .bool(file.tensors[Parameter.output.ggufName] == nil)
    let qBias = Parameter.layer(index: 0, .qBias).ggufName
    values["attention_bias"] = .bool(file.tensors[qBias] != nil)
    values["use_sliding_window"] = .bool(value("attention.sliding_window") != nil)
    values["rope_scaling"] = try ropeScaling(theta: value("rope.freq_base")?.real ?? 10_000)
    let architecture = architecture
    let decoder = ConfigurationDecoder(values: values, path: file.path) { key in
      Self.keys[key].map { "\(architecture).\($0)" }
        ?? (key == "model_type" ? "general.architecture" : key)
    }
    let configuration = try decoder.decode()
    let rotated = value("rope.dimension_count")?.integer ?? configuration.headDim
    let values2 = value("attention.value_length")?.integer ?? configuration.headDim
    guard rotated == configuration.headDim, values2 == configuration.headDim else {
      throw .unsupported(
        path: file.path, place: "\(architecture).rope.dimension_count",
        found: "\(rotated) rotated and \(values2) value features per head of "
          + "\(configuration.headDim)",
        supported: "RoPE over the whole head")
    }
    return configuration
  }

  private func ropeScaling(theta: Double) throws(ModelLoaderError) -> MetadataValue? {
    if let factors = file.tensors[Self.ropeFactors] {
      let scaling = try RopeFactors.scaling(
        try factors.readValues(), theta: theta, path: file.path, place: factors.name)
      return scaling.map { .text($0.json) }
    }
    let type = value("rope.scaling.type")?.text ?? "none"
    let factor = value("rope.scaling.factor") ?? value("rope.scale_linear")
    if type == "none" && value("rope.scale_linear") == nil { return nil }
    if factor?.real == 1 { return nil }
    return .object([
      "rope_type": .text(type == "none" ? "linear" : type), "factor": factor ?? .real(0),
    ])
  }

  private func refuseUnsupportedFeatures() throws(ModelLoaderError) {
    if let experts = value("expert_count")?.integer, experts > 0 {
      throw .unsupported(
        path: file.path, place: "\(architecture).expert_count", found: "a mixture of experts",
        supported: "one feed-forward block per layer")
    }
    if let parts = file.metadata["split.count"]?.integer, parts > 1 {
      throw .unsupported(
        path: file.path, place: "split.count", found: "a file in \(parts) parts",
        supported: "one file (join the parts with llama-gguf-split --merge)")
    }
  }

  // MARK: Tokenizer

  private func tokenizerMetadata() -> GGUFTokenizerMetadata? {
    func value(_ key: String) -> MetadataValue? { file.metadata["tokenizer.ggml.\(key)"] }
    guard let model = value("model")?.text, case .texts(let tokens)? = value("tokens") else {
      return nil
    }
    var metadata = GGUFTokenizerMetadata(model: model, tokens: tokens)
    metadata.pre = value("pre")?.text
    if case .reals(let scores)? = value("scores") { metadata.scores = scores.map { Float($0) } }
    metadata.tokenTypes = value("token_type")?.integers?.map { Int32(clamping: $0) }
    if case .texts(let merges)? = value("merges") { metadata.merges = merges }
    metadata.bosTokenID = value("bos_token_id")?.integer
    metadata.eosTokenID = value("eos_token_id")?.integer
    metadata.unknownTokenID = value("unknown_token_id")?.integer
    metadata.paddingTokenID = value("padding_token_id")?.integer
    metadata.addBOS = value("add_bos_token")?.bool
    metadata.addSpacePrefix = value("add_space_prefix")?.bool
    metadata.chatTemplate = file.metadata["tokenizer.chat_template"]?.text
    return metadata
  }

  private func convert(
    _ metadata: GGUFTokenizerMetadata, with tokenizer: (GGUFTokenizerMetadata) throws -> Data
  ) throws(ModelLoaderError) -> Data {
    do {
      return try tokenizer(metadata)
    } catch {
      throw .unsupported(
        path: file.path, place: "tokenizer.ggml", found: "this tokenizer (\(error))",
        supported: "a byte-level or SentencePiece-style BPE tokenizer")
    }
  }
}
