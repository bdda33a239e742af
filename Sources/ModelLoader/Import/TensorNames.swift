import Foundation
import Support
import Transformer

/// Names of tensors as transformers has them, whatever the files put before them.
///
/// `torch.compile` (`_orig_mod.`), data parallelism (`module.`), PEFT (`base_model.model.`) and models of
/// several parts (`language_model.`) put a prefix before all names, and a bare decoder has no `model.`. A prefix
/// is taken off where all names of the decoder have the same.
struct TensorNames {
  /// The decoder's tensors by transformers' names, and all others by their own.
  private(set) var tensors: [String: SourceTensor] = [:]
  /// Types of the tensors that are not floats, by transformers' or their own name.
  private(set) var otherTypes: [String: String] = [:]
  /// Sentences about what was left out.
  private(set) var warnings: [String] = []

  /// Segments that stand before the decoder's names and mean nothing.
  private static let wrappers: Set = [
    "_orig_mod", "_fsdp_wrapped_module", "module", "base_model", "model", "language_model",
  ]
  /// First segments of the decoder's names.
  private static let anchors: Set = ["embed_tokens", "layers", "norm"]
  private static let head = "lm_head"
  /// First segments of the other parts of a model that sees or hears.
  private static let otherParts: Set = [
    "vision_tower", "vision_model", "vision_encoder", "visual", "vision_embed_tokens",
    "multi_modal_projector", "mm_projector", "image_newline", "audio_tower", "audio_model",
    "connector", "embed_vision", "embed_audio", "aligner",
  ]

  /// Renames the tensors of `weights`; `path` is the folder, for messages, and `isPart` says that the configuration
  /// is that of several parts.
  init(_ weights: FolderWeights, path: String, isPart: Bool = false) throws(FileError) {
    let names = Array(weights.tensors.keys) + Array(weights.otherTypes.keys)
    try Self.refuseAdapters(names, path: path)
    let bodies = Self.prefixes(of: names) { Self.anchors.contains($0) }
    let heads = Self.prefixes(of: names) { $0 == Self.head }
    let body = try Self.only(bodies, path: path)
    let head = try Self.only(heads, path: path)
    if let body, let head, !body.key.hasPrefix(head.key) {
      throw Self.mixed(body.value, head.value, path: path)
    }
    let hasPart = (body?.key ?? "").contains("language_model")
    var left = 0
    func newName(_ name: String) -> String? {
      let (prefix, rest) = Self.split(name)
      if Self.isAnchored(rest) { return "model." + rest }
      if rest.hasPrefix(Self.head + ".") { return rest }
      if isPart || hasPart, !prefix.contains("language_model"),
        Self.otherParts.contains(String(rest.prefix { $0 != "." }))
      {
        left += 1
        return nil
      }
      return name
    }
    for (name, tensor) in weights.tensors { newName(name).map { tensors[$0] = tensor } }
    for (name, type) in weights.otherTypes { newName(name).map { otherTypes[$0] = type } }
    if isPart, left > 0 {
      warnings.append("the \(left) tensors of the model's other parts are left out")
    }
    if hasPart, !isPart, let body {
      let others = left == 0 ? "" : ", and the \(left) tensors of its other parts are left out"
      warnings.append(
        "the tensors under \(body.key) are the text part of a model of several parts: that part is "
          + "imported\(others)")
    }
  }

  /// The segments before a decoder's name, ended by a point, and the rest.
  private static func split(_ name: String) -> (prefix: String, rest: String) {
    var rest = Substring(name)
    while let point = rest.firstIndex(of: "."), wrappers.contains(String(rest[..<point])) {
      rest = rest[rest.index(after: point)...]
    }
    return (String(name.dropLast(rest.count)), String(rest))
  }

  private static func isAnchored(_ rest: String) -> Bool {
    anchors.contains(String(rest.prefix { $0 != "." }))
  }

  /// Prefixes before names whose first segment `isOne`, each with a name that has it.
  private static func prefixes(
    of names: [String], where isOne: (String) -> Bool
  ) -> [String: String] {
    var found: [String: String] = [:]
    for name in names {
      let (prefix, rest) = split(name)
      guard isOne(String(rest.prefix { $0 != "." })) else { continue }
      found[prefix] = min(name, found[prefix] ?? name)
    }
    return found
  }

  private static func only(
    _ prefixes: [String: String], path: String
  ) throws(FileError) -> (key: String, value: String)? {
    let sorted = prefixes.sorted { $0.key < $1.key }
    guard sorted.count < 2 else { throw mixed(sorted[0].value, sorted[1].value, path: path) }
    return sorted.first
  }

  private static func mixed(_ one: String, _ other: String, path: String) -> FileError {
    .invalid(
      path: path, place: "the tensors' names", expected: "one prefix before all of them",
      found: "\(one) and \(other)",
      fix: "save the model again, or remove what does not belong to it")
  }

  private static func refuseAdapters(_ names: [String], path: String) throws(FileError) {
    let marks = [
      ".lora_A.", ".lora_B.", ".lora_embedding_", ".lora_magnitude_vector", ".base_layer.",
      ".modules_to_save.", ".ia3_l", ".hada_w1_",
    ]
    guard let name = names.sorted().first(where: { name in marks.contains(where: name.contains) })
    else { return }
    throw adapter(path: path, place: name)
  }

  /// The error of an adapter.
  static func adapter(path: String, place: String) -> FileError {
    .unsupported(
      path: path, place: place,
      found: "an adapter (LoRA or another of PEFT's), a change of a model,",
      supported:
        "whole weights: merge the adapter into its base model (merge_and_unload) and save that")
  }
}

/// Finds Llama 3.1's RoPE scaling behind the table of factors that llama.cpp stores instead.
package enum RopeFactors {
  /// The scaling whose factors are `factors`, one per rotated pair, or nil if all are 1.
  ///
  /// Frequency i is divided by factors[i]: 1 for wavelengths below original/high, `factor` for those
  /// above original/low, a ramp between. The largest factor is `factor`; low and high are 1 and 4 in
  /// all published models, and the original context is a power of two.
  ///
  /// - Throws: `FileError.unsupported` if no such scaling gives the table.
  package static func scaling(
    _ factors: [Float], theta: Double, path: String, place: String
  ) throws(FileError) -> RopeScaling? {
    guard let largest = factors.max(), let smallest = factors.min(), largest != 1 || smallest != 1
    else { return nil }
    let (low, high, factor) = (1.0, 4.0, Double(largest))
    for exponent in 8..<24 {
      let original = 1 << exponent
      let expected = table(
        count: factors.count, theta: theta, factor: factor, low: low, high: high,
        original: Double(original))
      let isSame = zip(factors, expected).allSatisfy { abs(Double($0) / $1 - 1) < 1e-3 }
      if isSame {
        return .llama3(
          factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high,
          originalMaxPositions: original)
      }
    }
    throw .unsupported(
      path: path, place: place, found: "a table of RoPE factors from \(smallest) to \(largest)",
      supported: "plain RoPE or Llama 3.1's scaling")
  }

  private static func table(
    count: Int, theta: Double, factor: Double, low: Double, high: Double, original: Double
  ) -> [Double] {
    (0..<count).map { index in
      let wavelength = 2 * Double.pi * pow(theta, Double(index) / Double(count))
      if wavelength < original / high { return 1 }
      if wavelength > original / low { return factor }
      let smooth = (original / wavelength - low) / (high - low)
      return 1 / ((1 - smooth) / factor + smooth)
    }
  }
}
