import ArgumentParser
import ModelLoader
import Support
import Transformer

/// `zigzag inspect`: what a model file holds.
struct InspectVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show a model file's architecture, tensors, tokenizer and hash.",
    discussion: """
      Reads only the header, and checks it as opening the model does: format, names, shapes, types.

        zigzag inspect models/smollm2-135m-instruct.h5
        zigzag inspect models/smollm2-135m-instruct.h5 --check --json

      With --check every value is read too: NaN and infinity are refused, the hash must be the one the \
      file states, and the tokenizer must be one that can be used.
      """)

  @Argument(help: "A model file (HDF5), as `zigzag import` writes it.")
  var model: String

  @Flag(help: "Read every value: no NaN, no infinity, the right hash, a usable tokenizer.")
  var check = false

  @Flag(help: "List every tensor.")
  var tensors = false

  @Flag(help: "Print everything as JSON.")
  var json = false

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let inspection = try ModelFile.inspect(path: model)
    if check { try checkValues() }
    let facts = ModelFacts(inspection)
    if json {
      try Results.print(json: facts)
    } else {
      for line in facts.lines { try Results.print(line) }
      if tensors {
        for tensor in facts.tensors { try Results.print(tensor.line) }
      }
    }
  }

  private func checkValues() throws {
    try ModelFile.requireUsableTokenizer(path: model)
    let progress = ProgressMeter("check", unit: "MB", total: 0)
    try ModelFile.requireSound(path: model) { done, total in
      progress.update(done / 1_000_000, of: total / 1_000_000)
    }
  }
}

/// What `inspect` prints.
private struct ModelFacts: Encodable {
  let source: String
  let sha256: String
  let identity: [String: String]
  let parameters: Int
  let configuration: [String: Int]
  let modelType: String
  let ropeTheta: Double?
  let rmsNormEpsilon: Float
  let tiedEmbeddings: Bool
  let hasTokenizer: Bool
  let tensors: [TensorFacts]
  /// The window of each layer that has one of its own; nil where all are global.
  let layerWindows: [Int?]?
  /// Experts, how RoPE is stretched, and layers that turn otherwise.
  let special: SpecialFacts

  init(_ inspection: ModelInspection) {
    let model = inspection.contents.configuration
    source = inspection.contents.source
    sha256 = inspection.sha256
    let parts = inspection.identity
    identity = [
      "weights_sha256": parts.weightsSHA256, "configuration_sha256": parts.configurationSHA256,
      "tokenizer_sha256": parts.tokenizerSHA256,
    ].compactMapValues { $0 }
    parameters = inspection.parameterCount
    configuration = [
      "num_hidden_layers": model.layers, "hidden_size": model.hidden,
      "intermediate_size": model.feedForward, "num_attention_heads": model.queryHeads,
      "num_key_value_heads": model.keyValueHeads, "head_dim": model.headDim,
      "vocab_size": model.vocabulary, "max_position_embeddings": model.maxPositions,
    ]
    modelType = model.modelType
    let global = model.kinds.lazy.filter { $0.window == nil }
    ropeTheta =
      (global.compactMap(\.rotary?.theta).first
        ?? model.kinds.lazy.compactMap(\.rotary?.theta).first)
    let windows = model.kinds.map(\.window)
    layerWindows = windows.contains { $0 != nil } ? windows : nil
    special = SpecialFacts(model)
    rmsNormEpsilon = model.rmsNormEpsilon
    tiedEmbeddings = model.tiedEmbeddings
    hasTokenizer = inspection.contents.tokenizerJSON != nil
    tensors = inspection.tensors.map(TensorFacts.init)
  }

  enum CodingKeys: String, CodingKey {
    case source, sha256, identity, parameters, configuration, tensors, special
    case modelType = "model_type"
    case ropeTheta = "rope_theta"
    case layerWindows = "layer_windows"
    case rmsNormEpsilon = "rms_norm_eps"
    case tiedEmbeddings = "tie_word_embeddings"
    case hasTokenizer = "has_tokenizer"
  }

  var lines: [String] {
    let sizes = configuration.sorted { $0.key < $1.key }.map { ($0.key, String($0.value)) }
    let types = Dictionary(grouping: tensors, by: \.type).sorted { $0.key < $1.key }
      .map { "\($0.value.count) \($0.key)" }.joined(separator: ", ")
    let bytes = byteCount(tensors.reduce(0) { $0 + $1.bytes })
    let windows = layerWindows.map { windows in
      [("layer_windows", windows.map { $0.map(String.init) ?? "-" }.joined(separator: " "))]
    }
    let facts =
      [("model_type", modelType)] + sizes + (windows ?? []) + [
        ("rope_theta", ropeTheta.map { "\($0)" } ?? "none")
      ] + special.lines + [
        ("rms_norm_eps", "\(rmsNormEpsilon)"),
        ("tie_word_embeddings", "\(tiedEmbeddings)"), ("source", source),
        ("parameters", "\(parameters)"), ("tensors", "\(tensors.count) (\(types)), \(bytes)"),
        ("tokenizer", hasTokenizer ? "tokenizer.json" : "none"), ("sha256", sha256),
      ] + ["configuration_sha256", "tokenizer_sha256"].map { ($0, identity[$0] ?? "") }
    let width = facts.map(\.0.count).max() ?? 0
    return facts.map { name, value in
      name + String(repeating: " ", count: width - name.count + 2) + value
    }
  }
}

/// What tells a model's layers from those of a Llama, in words; nil where nothing does.
private struct SpecialFacts: Encodable {
  let experts: String?
  let ropeScaling: String?
  /// RoPE of the layers that slide a window, where it is another than the global layers'.
  let slidingRope: String?
  /// Which share of the layers RoPE turns at all.
  let ropeLayers: String?

  init(_ model: ModelConfiguration) {
    func inLayers(_ count: Int) -> String { "in \(count) of \(model.layers) layers" }
    let experts = model.kinds.compactMap(\.experts)
    self.experts = experts.first.map {
      "\($0.count), \($0.active) active, \($0.width) features each, \(inLayers(experts.count))"
    }
    let turning = model.kinds.count { $0.rotary != nil }
    ropeLayers = (1..<model.layers).contains(turning) ? inLayers(turning) : nil
    let sliding = model.kinds.first { $0.window != nil && $0.rotary != nil }?.rotary
    let global = model.kinds.first { $0.window == nil && $0.rotary != nil }?.rotary
    ropeScaling = (global ?? sliding)?.stretch(headDim: model.headDim)
    slidingRope =
      if let sliding, let global, sliding != global {
        (["theta \(sliding.theta)"] + [sliding.stretch(headDim: model.headDim)].compactMap(\.self))
          .joined(separator: ", ")
      } else {
        nil
      }
  }

  enum CodingKeys: String, CodingKey {
    case experts
    case ropeScaling = "rope_scaling"
    case slidingRope = "sliding_rope"
    case ropeLayers = "rope_layers"
  }

  var lines: [(String, String)] {
    [
      (CodingKeys.ropeScaling, ropeScaling), (.slidingRope, slidingRope),
      (.ropeLayers, ropeLayers), (.experts, experts),
    ].compactMap { key, words in words.map { (key.rawValue, $0) } }
  }
}

extension Rotary {
  /// How this differs from plain RoPE over whole heads; nil where it does not.
  fileprivate func stretch(headDim: Int) -> String? {
    func times(_ factor: Double, _ positions: Int? = nil) -> String {
      "× \(fixed(factor, 2))" + (positions.map { " over \(grouped($0)) positions" } ?? "")
    }
    let words: String? =
      switch scaling {
      case nil: nil
      case .linear(let factor): "linear \(times(factor))"
      case .llama3(let factor, _, _, let original): "llama3 \(times(factor, original))"
      case .yarn(let yarn): "yarn \(times(yarn.factor, yarn.originalMaxPositions))"
      case .longrope(let longrope):
        "longrope, long factors over \(grouped(longrope.originalMaxPositions)) positions"
      }
    let part = features.map { "\($0) of \(headDim) features" }
    let axes = sections.map { sections in
      "\(sections.pairs.map(String.init).joined(separator: ", ")) pairs by time, height and width"
        + (sections.takeTurns ? ", in turn" : "")
    }
    let all = [words, part, axes].compactMap(\.self)
    return all.isEmpty ? nil : all.joined(separator: ", ")
  }
}

/// One tensor in `inspect`'s list.
private struct TensorFacts: Encodable {
  let name: String
  let shape: [Int]
  let type: String
  let bytes: Int

  init(_ tensor: TensorDescription) {
    name = tensor.name
    shape = tensor.shape
    type = tensor.type
    bytes = tensor.byteCount
  }

  var line: String {
    "\(name)  \(shape.map(String.init).joined(separator: " × "))  \(type)"
  }
}
