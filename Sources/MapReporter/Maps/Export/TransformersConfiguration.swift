import Foundation
import Support

/// What the layers of a Hugging Face `config.json` really do in transformers 5.
///
/// Some classes build each layer by `layer_types`, some have one window for all layers, and some have none and
/// ignore the keys in silence. Read from the sources of transformers 5.24.0, whose `AutoConfig` also takes a
/// mistral with `layer_types` for a ministral.
package struct TransformersConfiguration: Sendable {
  /// What a layer sees.
  package enum Layer: Sendable, Hashable, CustomStringConvertible {
    /// All keys up to the query.
    case full
    /// The last `window` keys, the current one included, and no sink.
    case sliding(window: Int)

    /// The kind in a few words.
    package var description: String {
      switch self {
      case .full: "full attention"
      case .sliding(let window): "sliding window of \(window), no sink"
      }
    }
  }

  /// What each layer sees, (L).
  package let layers: [Layer]
  /// What decides that, in one sentence.
  package let reason: String

  /// Reads the `config.json` at `path`.
  ///
  /// - Throws: `FileError` where it is damaged, where transformers fails on it, and where its model type is not one
  ///   whose class is known here.
  package init(contentsOf path: String) throws(FileError) {
    let bytes = try TextFile.bytes(
      at: path, what: "configuration", limit: FileLimit.modelConfiguration)
    let keys = try JSONFile.decode(
      Keys.self, from: bytes, path: path, format: "a Hugging Face config.json")
    guard (1...Self.mostLayers).contains(keys.layers) else {
      throw .invalid(
        path: path, place: "num_hidden_layers", expected: "1 to \(Self.mostLayers)",
        found: "\(keys.layers)")
    }
    guard let type = AttentionClass(keys) else {
      throw .invalid(
        path: path, place: "model_type",
        expected: "one of \(AttentionClass.known.sorted().joined(separator: ", "))",
        found: keys.modelType.quotedForMessage,
        fix: "what transformers makes of others is not known here")
    }
    do {
      layers = try type.layers(keys)
    } catch {
      throw .invalid(
        path: path, place: error.place, expected: error.expected, found: error.found,
        fix: "merge what zigzag export --format huggingface writes")
    }
    reason = type.reason(keys)
  }

  /// More layers than any model has; beyond it a file is damaged.
  private static let mostLayers = 1 << 14

  /// Refuses layers that are not what `map` asks for.
  ///
  /// A map's sink is not asked for, since no `config.json` can keep it.
  ///
  /// - Parameters:
  ///   - map: The map, of as many layers.
  ///   - mapName: How to name it.
  ///   - path: How to name the configuration.
  /// - Throws: `FileError` that names the first layer which differs, and
  ///   ``MapReporterError/headMixed(format:layers:heads:mixedLayers:)``.
  package func check(against map: HeadMap, mapName: String, path: String) throws {
    let asked = try HuggingFaceExporter().requireLayers(map).map {
      $0 ? Layer.full : .sliding(window: map.window.recent)
    }
    let wrong = layers.indices.filter { $0 >= asked.count || layers[$0] != asked[$0] }
    guard let first = wrong.first else { return }
    throw FileError.invalid(
      path: path, place: "layer \(first)", expected: "\(asked[first]), as \(mapName) asks for",
      found: "\(layers[first]), and \(wrong.count) of \(layers.count) layers differ",
      fix: "\(reason); merge what zigzag export --format huggingface writes")
  }

  /// The keys that decide; a key that is there and null differs from one that is not there.
  fileprivate struct Keys: Decodable {
    let modelType: String
    let layers: Int
    let hasLayerTypes: Bool
    let layerTypes: [String]?
    /// nil where the key is not there, and the class's own value holds.
    let slidingWindow: Int??
    let useSlidingWindow: Bool
    let maxWindowLayers: Int
    let noRopeLayers: [Int]?
    let noRopeInterval: Int
    /// Every how many layers one is global, where the class reads that.
    let windowPattern: Int?
    let isBidirectional: Bool

    private enum CodingKeys: String, CodingKey {
      case model_type, num_hidden_layers, layer_types, sliding_window, use_sliding_window
      case max_window_layers, no_rope_layers, no_rope_layer_interval
      case sliding_window_pattern, use_bidirectional_attention
    }

    init(from decoder: any Decoder) throws {
      let given = try decoder.container(keyedBy: CodingKeys.self)
      modelType = try given.decode(String.self, forKey: .model_type)
      layers = try given.decode(Int.self, forKey: .num_hidden_layers)
      hasLayerTypes = given.contains(.layer_types)
      layerTypes = try given.decodeIfPresent([String].self, forKey: .layer_types)
      slidingWindow =
        given.contains(.sliding_window)
        ? .some(try given.decodeIfPresent(Int.self, forKey: .sliding_window)) : .none
      useSlidingWindow = try given.decodeIfPresent(Bool.self, forKey: .use_sliding_window) ?? false
      maxWindowLayers = try given.decodeIfPresent(Int.self, forKey: .max_window_layers) ?? 28
      noRopeLayers = try given.decodeIfPresent([Int].self, forKey: .no_rope_layers)
      noRopeInterval = try given.decodeIfPresent(Int.self, forKey: .no_rope_layer_interval) ?? 4
      windowPattern = try given.decodeIfPresent(Int.self, forKey: .sliding_window_pattern)
      if let windowPattern, windowPattern < 1 {
        throw ValueFlaw(
          place: "sliding_window_pattern", expected: "at least 1", found: "\(windowPattern)")
      }
      isBidirectional =
        try given.decodeIfPresent(Bool.self, forKey: .use_bidirectional_attention) ?? false
    }
  }
}

/// How a model class of transformers chooses the attention of its layers.
private struct AttentionClass {
  typealias Layer = TransformersConfiguration.Layer

  /// Which layers slide.
  private enum Choice {
    /// None: the class has no window.
    case none
    /// All, where there is a window; `layer_types` is ignored.
    case all
    /// Those of `layer_types`; where it is missing, those that this says.
    case listed(otherwise: @Sendable (Int, TransformersConfiguration.Keys) -> Bool)
  }

  private let name: String
  private let choice: Choice
  /// The window where the key is missing.
  private let window: Int?
  /// Whether there is a window only with `use_sliding_window`.
  private let isSwitched: Bool
  /// Whether `use_bidirectional_attention` counts.
  private let mayLookAhead: Bool

  /// The model types whose class is known.
  static var known: Set<String> { Set(classes.map(\.name)) }

  private static let classes = [
    Self("llama", .none), Self("granite", .none), Self("glm4", .none),
    Self("granitemoe", .none), Self("olmo2", .none),
    Self("mistral", .all, window: 4096), Self("ministral3", .all), Self("phi3", .all),
    Self("mixtral", .all),
    Self("qwen3_moe", .all, window: 4096, isSwitched: true),
    Self("ministral", .listed { _, _ in true }, window: 4096),
    Self("cwm", .listed { layer, _ in layer % 4 != 0 }, window: 8192),
    Self("granite_swa", .listed { layer, _ in layer % 4 != 0 }, window: 128),
    Self("olmo3", .listed { layer, _ in (layer + 1) % 4 != 0 }, window: 4096),
    Self(
      "gemma3_text", .listed { ($0 + 1) % ($1.windowPattern ?? 6) != 0 }, window: 4096,
      mayLookAhead: true),
    Self("cohere2", .listed { ($0 + 1) % ($1.windowPattern ?? 4) != 0 }, window: 4096),
    Self("gpt_oss", .listed { layer, _ in (layer + 1) % 2 != 0 }, window: 128),
    Self("qwen2", .listed { $0 >= $1.maxWindowLayers }, window: 4096, isSwitched: true),
    Self("qwen3", .listed { $0 >= $1.maxWindowLayers }, window: 4096, isSwitched: true),
    Self("smollm3", .listed { !hasRope($0, $1) }, isSwitched: true),
  ]

  private init(
    _ name: String, _ choice: Choice, window: Int? = nil, isSwitched: Bool = false,
    mayLookAhead: Bool = false
  ) {
    self.name = name
    self.choice = choice
    self.window = window
    self.isSwitched = isSwitched
    self.mayLookAhead = mayLookAhead
  }

  /// The class of a configuration; nil where it is not known here.
  init?(_ keys: TransformersConfiguration.Keys) {
    let name =
      keys.modelType == "mistral" && keys.hasLayerTypes ? "ministral" : keys.modelType
    guard let found = Self.classes.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// smollm3's layers with rotary positions do not slide unless they are listed.
  private static func hasRope(_ layer: Int, _ keys: TransformersConfiguration.Keys) -> Bool {
    if let given = keys.noRopeLayers { return layer < given.count && given[layer] != 0 }
    return keys.noRopeInterval == 0 || (layer + 1) % keys.noRopeInterval != 0
  }

  /// What each layer sees.
  func layers(_ keys: TransformersConfiguration.Keys) throws(ValueFlaw) -> [Layer] {
    guard !mayLookAhead || !keys.isBidirectional else {
      throw ValueFlaw(
        place: "use_bidirectional_attention", expected: "false",
        found: "true, with which \(name) sees later keys, too")
    }
    let given = keys.slidingWindow ?? window
    let window = isSwitched && !keys.useSlidingWindow ? nil : given
    let slides = try slidingLayers(keys, window: window)
    // Classes without a switch make both masks, whether a layer slides or not.
    guard slides.contains(true) || (isListed && !isSwitched) else {
      return slides.map { _ in .full }
    }
    guard let window else {
      throw missingWindow(isOff: isSwitched && !keys.useSlidingWindow)
    }
    guard window > 0 else {
      throw ValueFlaw(place: "sliding_window", expected: "at least 1", found: "\(window)")
    }
    return slides.map { $0 ? .sliding(window: window) : .full }
  }

  private var isListed: Bool { if case .listed = choice { true } else { false } }

  /// There is no window for layers that slide, or might.
  private func missingWindow(isOff: Bool) -> ValueFlaw {
    let outcome =
      isOff && name == "smollm3"
      ? "slides in some attention implementations only" : "fails"
    return ValueFlaw(
      place: isOff ? "use_sliding_window" : "sliding_window", expected: isOff ? "true" : "a number",
      found: "\(isOff ? "false" : "none"), with which \(name) \(outcome)")
  }

  private func slidingLayers(
    _ keys: TransformersConfiguration.Keys, window: Int?
  ) throws(ValueFlaw) -> [Bool] {
    let all = 0..<keys.layers
    switch choice {
    case .none: return all.map { _ in false }
    case .all: return all.map { _ in window != nil }
    case .listed(let otherwise):
      guard let types = keys.layerTypes else {
        return all.map { window != nil && otherwise($0, keys) }
      }
      guard types.count == keys.layers else {
        throw ValueFlaw(
          place: "layer_types", expected: "\(keys.layers) values, one per layer",
          found: "\(types.count)")
      }
      let kinds = ["full_attention", "sliding_attention"]
      if let odd = types.firstIndex(where: { !kinds.contains($0) }) {
        throw ValueFlaw(
          place: "layer_types[\(odd)]", expected: kinds.joined(separator: " or "),
          found: types[odd].quotedForMessage)
      }
      return types.map { $0 == kinds[1] }
    }
  }

  /// What decides, in one sentence without its end.
  func reason(_ keys: TransformersConfiguration.Keys) -> String {
    let ignored = keys.hasLayerTypes ? "ignores layer_types in silence" : "knows no layer_types"
    switch choice {
    case .none: return "transformers' \(name) \(ignored) and has no sliding window"
    case .all: return "transformers' \(name) \(ignored) and has one window for all layers"
    case .listed:
      return keys.layerTypes == nil
        ? "transformers' \(name) has a pattern of its own where layer_types is missing"
        : "transformers' \(name) builds its layers by layer_types"
    }
  }
}
