import Foundation
import GateOptimizer
import Support
import Transformer

/// One file of an export, by its path below the output folder.
public struct ExportedFile: Sendable, Hashable {
  /// Path relative to the output folder.
  public let path: String
  /// The whole file.
  public let text: String

  /// A file with its contents.
  public init(path: String, text: String) {
    self.path = path
    self.text = text
  }

  /// A JSON file.
  init(path: String, json value: some Encodable) throws(FileError) {
    self.init(path: path, text: try JSONFile.text(of: value, name: path))
  }
}

/// A map in a runtime's own format: files, and what the format cannot carry.
public struct MapExport: Sendable, Hashable {
  /// The files to write; the last is the golden mask.
  public let files: [ExportedFile]
  /// Sentences that the user should read: what is lost or rounded, what the runtime also needs.
  public let warnings: [String]

  /// Files with their warnings.
  public init(files: [ExportedFile], warnings: [String]) {
    self.files = files
    self.warnings = warnings
  }

  /// Writes the files, each through a temporary file.
  ///
  /// - Parameters:
  ///   - folder: Where to; created when missing.
  ///   - check: Called before each file; what it throws ends the writing.
  /// - Returns: The files' places, in order.
  /// - Throws: `FileError`; what `check` throws.
  @discardableResult
  public func write(to folder: URL, check: () throws -> Void = {}) throws -> [URL] {
    var places: [URL] = []
    for file in files {
      let place = folder.appending(path: file.path)
      try check()
      try AtomicFile.write(file.text, creatingFolderOf: place)
      places.append(place)
    }
    return places
  }
}

/// Turns the canonical map into one runtime's format; owns its polarity, rounding and warnings.
public protocol MapExporter: Sendable {
  /// The format this exporter writes.
  var format: ExportFormat { get }

  /// The map in this format, with a golden mask of what its streaming heads will see.
  ///
  /// - Throws: ``MapReporterError/headMixed(format:layers:heads:mixedLayers:)`` when the format
  ///   describes whole layers and the map does not, and
  ///   ``MapReporterError/notExpressible(format:reason:)`` where it cannot hold this map.
  func export(_ map: HeadMap) throws -> MapExport
}

extension MapExporter {
  /// The kind of each layer, or a refusal that names the layers that mix kinds.
  func requireLayers(_ map: HeadMap) throws -> [Bool] {
    guard let layers = map.layerFull else {
      throw MapReporterError.headMixed(
        format: format.rawValue, layers: map.model.layers, heads: map.model.keyValueHeads,
        mixedLayers: map.heads.mixedLayers)
    }
    return layers
  }

  /// Each layer's row with every flag repeated for the query heads of its group, (L, H).
  ///
  /// - Throws: ``MapReporterError/notExpressible(format:reason:)`` where that would be more heads than
  ///   any model has, as a damaged file can claim.
  func queryHeads(
    of map: HeadMap, total queryHeads: Int
  ) throws -> [[Bool]] {
    guard queryHeads <= Self.mostQueryHeads else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason: "it lists query heads, and \(queryHeads) are more than a model has")
    }
    let group = queryHeads / map.model.keyValueHeads
    return map.heads.rows.map { row in row.flatMap { Array(repeating: $0, count: group) } }
  }

  private static var mostQueryHeads: Int { 1 << 14 }

  /// The export of `files` with the golden mask of what its first runtime makes of `map`, and with a warning for
  /// each runtime that deploys the map otherwise than it says.
  func result(
    _ files: [ExportedFile], of map: HeadMap, warnings: [String] = []
  ) throws -> MapExport {
    let golden = GoldenMask(format: format, map: map, deployment: format.deployment(of: map))
    return MapExport(
      files: files + [try golden.file("\(format.rawValue).golden.json")],
      warnings: format.runtimes.compactMap { map.warning(in: $0) } + warnings)
  }
}

extension HeadMap {
  /// Whether any head streams at all.
  var hasStreaming: Bool { heads.streamingCount > 0 }

  /// What `runtime` makes of this map.
  package func deployment(in runtime: Runtime) -> Deployment {
    runtime.deployment(sink: window.sink, recent: window.recent, boundary: window.boundary)
  }

  /// What the map is for, what `runtime` makes of it and what to do, in one sentence; nil where both are the same,
  /// or no head streams.
  package func warning(in runtime: Runtime) -> String? {
    let (own, theirs) = (window.deployment, deployment(in: runtime))
    guard own != theirs, hasStreaming else { return nil }
    let lost = theirs.window.sink == 0 && window.sink > 0
    return "The map is for \(own.title), but in \(runtime.title) that becomes \(theirs.title)"
      + (lost ? ", which can cost much accuracy" : "")
      + "; search for that with window: {runtime: \(runtime.rawValue)}."
  }
}

/// The formats a map can be written in.
public enum ExportFormat: String, CaseIterable, Sendable {
  /// The canonical `headmap.json`.
  case headMap = "headmap"
  /// DuoAttention's folder, also read by kvpress, LServe, RLKV and PruLong.
  case duoAttention = "duo-attention"
  /// The exact table for kvpress' DuoAttentionPress, with the share that it takes.
  case kvpress
  /// A patch to a Hugging Face `config.json`.
  case huggingFace = "huggingface"
  /// vLLM's `hf_overrides`.
  case vllm
  /// SGLang's LongCat ZigZag back end.
  case sglang
  /// The DuoAttention back end of SGLang-FluentLLM.
  case fluentLLM = "fluentllm"
  /// Sliding-window-attention adaptation for transformers and vLLM.
  case swaa
  /// RTP-LLM's head-wise attention.
  case rtpLLM = "rtp-llm"
  /// TensorRT-LLM's KV cache configuration.
  case tensorRT = "tensorrt-llm"
  /// A patch to the `config.json` of an MLX model.
  case mlx
  /// Metadata of a GGUF file.
  case gguf

  /// A map in this format, with a golden mask of what its streaming heads will see.
  ///
  /// - Throws: As ``MapExporter/export(_:)``, and ``MapReporterError/notExpressible(format:reason:)`` where the format
  ///   would change layers that have a window of their own.
  public func export(_ map: HeadMap) throws -> MapExport {
    if let reason = obstacle(of: map.model, window: map.window.deployment.window) {
      throw MapReporterError.notExpressible(format: rawValue, reason: reason)
    }
    return try exporter.export(map)
  }

  /// Why a map of a model whose layers have windows of their own cannot be written in this format; nil where it can.
  fileprivate func obstacle(of model: HeadMap.Model, window: StreamingWindow) -> String? {
    guard let windows = model.ownWindows, self != .headMap else { return nil }
    let own = Set(windows.compactMap(\.self)).sorted()
    let layers = windows.count { $0 != nil }
    guard [.huggingFace, .vllm, .mlx].contains(self) else {
      return
        "it says of each layer whether it sees the whole context or the map's window, and \(layers) of "
        + "the \(windows.count) layers slide a window of their own, which it would replace"
    }
    guard model.ownPositions == false else {
      return
        "layer_types also decides how a layer turns positions in \(model.modelType ?? "this model"), so that "
        + "a streaming layer would get the positions of the layers that slide a window of their own"
    }
    let instead =
      "search for that with window: {sink: 0, recent: \(own.first ?? 1)}, or take the format "
      + ExportFormat.headMap.rawValue
    guard own == [window.recent] else {
      let sizes = own.map(String.init).joined(separator: " and ")
      return
        "layer_types has one window for all sliding layers; that of the model's own is \(sizes), and the map's "
        + "recent is \(window.recent); \(instead)"
    }
    guard window.sink == 0 else {
      return
        "the map has a sink of \(window.sink), which layer_types cannot keep, and masks that keep it would show "
        + "it to the \(layers) layers that slide a window of their own, too; \(instead)"
    }
    return nil
  }

  /// The exporter of this format.
  var exporter: any MapExporter {
    switch self {
    case .headMap: HeadMapExporter()
    case .duoAttention: DuoAttentionExporter()
    case .kvpress: KVPressExporter()
    case .huggingFace: HuggingFaceExporter()
    case .vllm: VLLMExporter()
    case .sglang: SGLangExporter()
    case .fluentLLM: FluentLLMExporter()
    case .swaa: SWAAExporter()
    case .rtpLLM: RTPExporter()
    case .tensorRT: TensorRTExporter()
    case .mlx: MLXExporter()
    case .gguf: GGUFExporter()
    }
  }

  /// The runtimes that read this format, the one that its golden mask shows first; none for the canonical map.
  ///
  /// All that is said of a deployment follows from these: the golden mask, the warnings, and whether accuracy was
  /// measured there.
  public var runtimes: [Runtime] {
    switch self {
    case .headMap: []
    case .duoAttention: [.duoAttention, .kvpress]
    case .kvpress: [.kvpress]
    case .huggingFace: [.huggingFace]
    case .vllm: [.vllm]
    case .sglang: [.sglang]
    case .fluentLLM: [.fluentLLM]
    case .swaa: [.swaa]
    case .rtpLLM: [.rtpLLM]
    case .tensorRT: [.tensorRT]
    case .mlx: [.mlx]
    case .gguf: [.gguf]
    }
  }

  /// How the first of ``runtimes`` deploys `map`; where there is none, what the map is for.
  func deployment(of map: HeadMap) -> Deployment {
    runtimes.first.map(map.deployment(in:)) ?? map.window.deployment
  }

  /// What the format is, in a line of help text.
  public var summary: String {
    switch self {
    case .headMap: "headmap.json, the canonical map"
    case .duoAttention: "full_attention_heads.tsv + config.json, raw gates and the exact 0/1 map"
    case .kvpress: "kvpress/: the exact 0/1 table for DuoAttentionPress, with its ratio"
    case .huggingFace: "config.patch.json with layer_types for transformers (drops the sink)"
    case .vllm: "hf_overrides.json for vLLM (drops the sink)"
    case .sglang: "streaming_sparse_attention.json for SGLang, in blocks of 128"
    case .fluentLLM: "the same key with a head_score table for SGLang-FluentLLM, in blocks of 128"
    case .swaa: "swaa.json for sliding-window-attention-adaptation (keeps the sink)"
    case .rtpLLM: "rtp_llm.json with headwise_config for RTP-LLM (keeps the sink; single heads)"
    case .tensorRT: "tensorrt_llm.yaml with kv_cache_config (drops the sink)"
    case .mlx: "mlx_config.patch.json with layer_types for mlx-lm (drops the sink)"
    case .gguf: "gguf_metadata.json with sliding_window keys for llama.cpp (drops the sink)"
    }
  }
}

extension Runtime {
  /// Whether maps of a model with this window can be written for it, as far as the model's own windows matter.
  package func takesMaps(of model: HeadMap.Model, window: StreamingWindow) -> Bool {
    let own = ExportFormat.allCases.filter { $0.runtimes.contains(self) }
    // SGLang's transformers back end reads the file for transformers.
    let formats = own.isEmpty ? [.huggingFace] : own
    return formats.contains { $0.obstacle(of: model, window: window) == nil }
  }
}

/// The canonical map as an export like the others.
struct HeadMapExporter: MapExporter {
  let format = ExportFormat.headMap

  func export(_ map: HeadMap) throws -> MapExport {
    try result(
      [ExportedFile(path: "headmap.json", text: try map.json())], of: map)
  }
}
