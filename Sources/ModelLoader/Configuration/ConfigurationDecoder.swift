import Foundation
import Support
import Transformer

/// Reads a model's configuration from Hugging Face keys, whichever file they come from, and refuses
/// what the decoder does not compute.
struct ConfigurationDecoder {
  /// The files that state a configuration; they differ in what an absent key stands for.
  enum Source: Sendable {
    /// A Hugging Face `config.json`.
    case configJSON
    /// The attributes of `/config` in a model file; the importer has applied `sliding_window`.
    case modelFile
    /// The metadata of a GGUF file, whose keys are checked where they are read.
    case gguf
  }

  /// Values by Hugging Face key; `null` where the file says so.
  let values: [String: MetadataValue]
  /// The file they come from, for messages.
  let path: String
  /// What kind of file that is.
  let source: Source
  /// How that file calls a key, for messages.
  let place: @Sendable (_ key: String) -> String

  /// No size may exceed this, so that no product of two, in bytes, exceeds an Int.
  static let largestSize = 1 << 28

  /// The configuration, with every size positive and consistent, and what is worth saying about it.
  func decode() throws(FileError) -> DecodedConfiguration {
    let family = try family()
    var warnings = ConfigurationWarnings()
    if source != .gguf { try checkKeys(of: family, &warnings) }
    try refuseUnsupportedFeatures()
    let defaults = source == .gguf ? FamilyDefaults.gguf : family.defaults
    let queryHeads = try size("num_attention_heads", defaults)
    let hidden = try size("hidden_size", defaults)
    let positions = try size("max_position_embeddings", defaults)
    let layers = try size("num_hidden_layers", defaults, atMost: 1 << 16)
    let headDim = try headDim(hidden: hidden, queryHeads: queryHeads, defaults)
    var kind = LayerKind()
    kind.rotary = try rope(
      RopeSizes(maxPositions: positions, headDim: headDim), family, defaults, &warnings)
    kind.projectionBias = try attentionBias(of: family, defaults)
    if source == .modelFile {
      kind.outputBias = try flag(ConfigurationKeys.outputBias) ?? false
      let turned = kind.rotary?.features ?? headDim
      kind.rotary?.sections = try storedSections(pairs: turned / 2)
    }
    kind.activation = try activation()
    let tying = try flag("tie_word_embeddings")
    var configuration = ModelConfiguration(
      modelType: family.modelType,
      layers: layers,
      hidden: hidden,
      feedForward: try size("intermediate_size", defaults),
      queryHeads: queryHeads,
      keyValueHeads: try keyValueHeads(queryHeads: queryHeads, defaults),
      headDim: headDim,
      vocabulary: try size("vocab_size", defaults),
      rmsNormEpsilon: Float(try epsilon(family, defaults)),
      maxPositions: positions,
      tiedEmbeddings: tying ?? defaults.tiedEmbeddings,
      kind: kind)
    try family.describe(self, &configuration)
    try addWindows(to: &configuration, of: family, defaults, &warnings)
    try checkHeads(of: configuration)
    return DecodedConfiguration(
      configuration: configuration, family: family, warnings: warnings.all,
      statesTying: tying != nil || defaults.tiedEmbeddings,
      assumed: defaults.sizes.filter {
        values[$0.key] == nil && !$0.key.hasSuffix("max_position_embeddings")
      })
  }

  private func family() throws(FileError) -> ModelFamily {
    let modelType = try text("model_type")
    guard let family = ModelFamily.named(modelType) else {
      throw .unsupported(
        path: path, place: place("model_type"), found: "\"\(modelType)\"",
        supported: "model_type \(ModelFamily.all.map(\.modelType).joined(separator: ", "))")
    }
    return family
  }

  private func epsilon(
    _ family: ModelFamily, _ defaults: FamilyDefaults
  ) throws(FileError) -> Double {
    let key = source == .modelFile ? "rms_norm_eps" : family.epsilonKey
    guard let epsilon = try positive(key, below: 1) ?? defaults.rmsNormEpsilon else {
      throw invalid(key, "a number above 0 and below 1", "nothing")
    }
    guard Float(epsilon) > 0 else {
      throw invalid(key, "a number above 0 in float32", "\(epsilon)")
    }
    return epsilon
  }

  /// Null stands for as many as query heads in every family, and no key for the family's number.
  private func keyValueHeads(
    queryHeads: Int, _ defaults: FamilyDefaults
  ) throws(FileError) -> Int {
    let key = "num_key_value_heads"
    if let size = try optionalSize(key) { return size }
    guard values[key] == nil, let size = defaults.keyValueHeads else { return queryHeads }
    guard queryHeads % size == 0 else {
      throw invalid(
        key, "a divisor of the \(queryHeads) attention heads",
        "nothing, which stands for \(size) in this family")
    }
    return size
  }

  private func headDim(
    hidden: Int, queryHeads: Int, _ defaults: FamilyDefaults
  ) throws(FileError) -> Int {
    if let size = try optionalSize("head_dim") { return size }
    if let size = defaults.headDim {
      guard values["head_dim"] == nil else { throw invalid("head_dim", "a whole number", "null") }
      return size
    }
    guard hidden % queryHeads == 0 else {
      throw invalid(
        "hidden_size", "a multiple of the \(queryHeads) attention heads, or a head_dim", "\(hidden)"
      )
    }
    return hidden / queryHeads
  }

  private func attentionBias(
    of family: ModelFamily, _ defaults: FamilyDefaults
  ) throws(FileError) -> Bool {
    let isBiased = try flag("attention_bias")
    if case .none = family.biases, isBiased == true {
      throw unsupported(
        "attention_bias",
        "a \(family.modelType) with biases, which that architecture does not have,",
        "attention_bias false")
    }
    return isBiased ?? defaults.attentionBias
  }

  private func activation() throws(FileError) -> Activation {
    guard let value = present("hidden_act") else { return .silu }
    guard let activation = value.text.flatMap({ ConfigurationKeys.activations[$0] }) else {
      throw unsupported(
        "hidden_act", "the activation \(value.quoted)",
        "hidden_act \"silu\" or \"gelu_pytorch_tanh\"")
    }
    return activation
  }

  private func checkHeads(of configuration: ModelConfiguration) throws(FileError) {
    let (H, K, D) = (
      configuration.queryHeads, configuration.keyValueHeads, configuration.headDim
    )
    guard H % K == 0 else {
      throw invalid(
        "num_key_value_heads", "a divisor of the \(H) attention heads", "\(K)")
    }
    guard D % 2 == 0 else {
      throw invalid("head_dim", "an even size, since RoPE rotates pairs", "\(D)")
    }
    guard H * D <= Self.largestSize else {
      throw invalid(
        "num_attention_heads", "heads of at most \(Self.largestSize) features together",
        "\(H) heads of \(D)")
    }
  }

  private func refuseUnsupportedFeatures() throws(FileError) {
    if try flag("mlp_bias") == true {
      throw unsupported("mlp_bias", "a bias in the feed-forward block", "mlp_bias false")
    }
    if let value = present("quantization_config") {
      _ = try QuantizedWeights(
        value, modelType: values["model_type"]?.text, path: path,
        place: place("quantization_config"))
    }
  }
}

extension ModelConfiguration {
  /// Takes the positions from layers that do not slide.
  fileprivate mutating func removeGlobalRope(but slides: [Bool]? = nil) {
    for index in kinds.indices where slides?[index] != true { kinds[index].rotary = nil }
  }
}

/// A configuration and what its file left open.
struct DecodedConfiguration {
  /// The architecture.
  let configuration: ModelConfiguration
  /// How its files are read.
  let family: ModelFamily
  /// Sentences for people.
  let warnings: [String]
  /// Whether the file says if the output projection is the embedding.
  let statesTying: Bool
  /// Sizes of tensors that the file does not state, by key: the family's defaults.
  let assumed: [String: Int]
}

/// Sentences about a configuration; keys that nobody knows share one.
struct ConfigurationWarnings {
  /// Keys that are not known.
  var unknown: [String] = []
  /// All other sentences.
  var sentences: [String] = []

  /// The sentences, the shared one first.
  var all: [String] {
    guard !unknown.isEmpty else { return sentences }
    let names = unknown.sorted().prefix(20).map { $0.shown(limit: 60) }.joined(separator: ", ")
    let rest = unknown.count > 20 ? " and \(unknown.count - 20) more" : ""
    let them =
      unknown.count == 1 ? "the key \(names), which is" : "the keys \(names)\(rest), which are"
    return ["the configuration has \(them) not known here and not used"] + sentences
  }
}

extension ConfigurationDecoder {
  /// The value of `key`, nil where it is absent or null.
  func present(_ key: String) -> MetadataValue? {
    guard let value = values[key], value != .null else { return nil }
    return value
  }

  func text(_ key: String) throws(FileError) -> String {
    guard let value = present(key) else { throw invalid(key, "text", "nothing") }
    guard let text = value.text else { throw invalid(key, "text", value.quoted) }
    return text
  }

  func flag(_ key: String) throws(FileError) -> Bool? {
    guard let value = present(key) else { return nil }
    guard let flag = value.bool else { throw invalid(key, "true or false", value.quoted) }
    return flag
  }

  /// A size that the file states, or the family's default.
  func size(
    _ key: String, _ defaults: FamilyDefaults, atMost limit: Int = largestSize
  ) throws(FileError) -> Int {
    if let size = try optionalSize(key, atMost: limit) { return size }
    guard values[key] == nil, let size = defaults.sizes[key] else {
      throw invalid(key, "a whole number", values[key] == nil ? "nothing" : "null")
    }
    return size
  }

  func optionalSize(
    _ key: String, atMost limit: Int = largestSize
  ) throws(FileError) -> Int? {
    guard let value = present(key) else { return nil }
    guard let size = value.integer, size >= 1, size <= limit else {
      throw invalid(key, "a whole number from 1 to \(limit)", value.quoted)
    }
    return size
  }

  func positive(_ key: String, below limit: Double) throws(FileError) -> Double? {
    guard let value = present(key) else { return nil }
    guard let number = value.real, number > 0, number < limit else {
      throw invalid(key, "a number above 0 and below \(limit)", value.quoted)
    }
    return number
  }

  func invalid(
    _ key: String, _ expected: String, _ found: String,
    fix: String = "correct the configuration or fetch the model again"
  ) -> FileError {
    .invalid(path: path, place: place(key), expected: expected, found: found, fix: fix)
  }

  func unsupported(_ key: String, _ found: String, _ supported: String) -> FileError {
    .unsupported(path: path, place: place(key), found: found, supported: supported)
  }
}

extension ConfigurationDecoder {
  /// Gives layers that slide a window over the context that window, and their own RoPE.
  ///
  /// A model whose layers all slide has none that a map could choose: its context is limited to the part in which the
  /// window sees everything.
  fileprivate func addWindows(
    to configuration: inout ModelConfiguration, of family: ModelFamily, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) {
    if source == .modelFile, values[ConfigurationKeys.windows] != nil {
      return try addStoredWindows(to: &configuration, of: family, defaults, &warnings)
    }
    if source == .modelFile, family.window.isPattern {
      // One that states none has none.
      if family.turnsInWindowsAlone { configuration.removeGlobalRope() }
      return
    }
    let slides = try slidingLayers(of: family, configuration, defaults, &warnings)
    if family.window.isPattern, !slides.layers.contains(false) {
      throw unsupported(
        "layer_types", "a \(family.modelType) whose layers all slide a window",
        "global layers, among which maps choose")
    }
    if family.turnsInWindowsAlone { configuration.removeGlobalRope(but: slides.layers) }
    guard let window = slides.window, slides.layers.contains(true) else { return }
    let positions = configuration.maxPositions
    try addLocalRope(to: &configuration, where: slides.layers, of: family, defaults, &warnings)
    if !slides.layers.contains(false) {
      configuration.maxPositions = min(positions, window)
      if window < positions, source != .modelFile {
        warnings.sentences.append(
          "the context is limited to \(window) of \(positions) tokens, the model's own sliding window, "
            + "in which it sees everything")
      }
      return
    }
    // A window of the whole context is none, where nothing else goes by it.
    if !family.window.isPattern, window >= positions { return }
    for index in slides.layers.indices where slides.layers[index] {
      configuration.kinds[index].window = window
    }
  }

  /// The windows that a model file states.
  private func addStoredWindows(
    to configuration: inout ModelConfiguration, of family: ModelFamily, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) {
    let key = ConfigurationKeys.windows
    guard let windows = values[key]?.integers, windows.count == configuration.layers,
      windows.allSatisfy({ (0...Self.largestSize).contains($0) }), windows.contains(0)
    else {
      throw invalid(
        key, "\(configuration.layers) sizes from 0 on, one per layer, one of them 0",
        values[key]?.quoted ?? "nothing")
    }
    for (index, window) in windows.enumerated() where window > 0 {
      configuration.kinds[index].window = window
    }
    let slides = windows.map { $0 > 0 }
    try addLocalRope(to: &configuration, where: slides, of: family, defaults, &warnings)
    if family.turnsInWindowsAlone { configuration.removeGlobalRope(but: slides) }
  }

  /// RoPE of the layers that slide, where it is another one.
  private func addLocalRope(
    to configuration: inout ModelConfiguration, where slides: [Bool], of family: ModelFamily,
    _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) {
    guard family.ropeByKind != nil else { return }
    let local = try localRope(
      RopeSizes(maxPositions: configuration.maxPositions, headDim: configuration.headDim), family,
      defaults, &warnings)
    for index in slides.indices where slides[index] { configuration.kinds[index].rotary = local }
  }

  /// The window that some layers slide over the context, and which; none where no layer does.
  ///
  /// Qwen's layers slide where `use_sliding_window` is true, from layer `max_window_layers` on or as `layer_types`
  /// lists them; all layers of a Mistral do unless `sliding_window` is null; all but every n-th of a Gemma 3 do; Llama's
  /// do not.
  private func slidingLayers(
    of family: ModelFamily, _ configuration: ModelConfiguration, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> (window: Int?, layers: [Bool]) {
    let layers = configuration.layers
    let listed = try layerTypes(count: layers, isStrict: family.window.isPattern)
    let isListed = listed?.contains(Self.sliding) ?? false
    let isOn = try flag("use_sliding_window")
    let stated = try optionalSize("sliding_window")
    let missing = source == .modelFile ? nil : defaults.slidingWindow
    let window = values["sliding_window"] == nil ? missing : stated
    let none = Array(repeating: false, count: layers)
    var slides = none
    switch family.window {
    case .everywhere:
      slides = none.map { _ in window != nil }
      if window != nil, isOn == false || listed.map({ !$0.contains(Self.sliding) }) == true {
        warnings.sentences.append(
          "a \(family.modelType) slides its window over all layers, whatever use_sliding_window and "
            + "layer_types say, as in transformers; set sliding_window to null if it does not")
      }
    case .none:
      slides = none.map { _ in isOn == true && window != nil }
      if isOn == nil, source == .configJSON, stated != nil {
        warnings.sentences.append(
          "sliding_window is not used, since a \(family.modelType) has no window, as in transformers"
        )
      }
    case .from(let layer):
      let first = try firstSlidingLayer(source == .gguf ? 0 : layer)
      if isOn == true, window != nil {
        slides = listed.map(Self.slides) ?? none.indices.map { $0 >= first }
      }
    case .all:
      slides = none.map { _ in isOn == true && window != nil }
    case .listed:
      if isOn == true, window != nil {
        slides = listed.map(Self.slides) ?? configuration.kinds.map { $0.rotary == nil }
      }
    case .pattern(let every):
      // transformers does not look at it in families that do not list it.
      let key = "sliding_window_pattern"
      let isRead = source == .gguf || family.keys.contains(key)
      let every = try isRead ? optionalSize(key) ?? every : every
      slides = listed.map(Self.slides) ?? none.indices.map { ($0 + 1) % every != 0 }
      if slides.contains(true), window == nil {
        throw invalid("sliding_window", "a whole number, the window of sliding layers", "nothing")
      }
    }
    if isListed && !slides.contains(true) {
      throw invalid(
        "layer_types", "no \"\(Self.sliding)\" where no window is switched on",
        "\"\(Self.sliding)\" in layer_types")
    }
    return (window, slides)
  }

  private static func slides(_ types: [String]) -> [Bool] { types.map { $0 == sliding } }

  private static let sliding = "sliding_attention"

  /// `max_window_layers`, which may exceed the number of layers or be 0.
  private func firstSlidingLayer(_ missing: Int) throws(FileError) -> Int {
    guard let value = present("max_window_layers") else { return missing }
    guard let first = value.integer, first >= 0 else {
      throw invalid("max_window_layers", "a whole number from 0 on", value.quoted)
    }
    return first
  }

  /// The kind of each layer, or nil if the file does not list them.
  private func layerTypes(count: Int, isStrict: Bool) throws(FileError) -> [String]? {
    let key = "layer_types"
    guard let value = present(key) else { return nil }
    guard case .texts(let types) = value else {
      throw invalid(key, "a list of texts, one per layer", value.quoted)
    }
    // Where no layer slides, a list of another length changes nothing, and the weights say how many there are.
    guard types.count == count || (!types.contains(Self.sliding) && !isStrict) else {
      throw invalid(key, "\(count) texts, one per layer", "\(types.count)")
    }
    // transformers reads "attention" as "full_attention".
    let known = ["full_attention", "attention", Self.sliding]
    if let other = types.first(where: { !known.contains($0) }) {
      throw unsupported(
        key, "a layer of the type \"\(other)\"", "layers of full_attention and sliding_attention")
    }
    return types
  }
}
