import Foundation
import Support
import Transformer

/// The weights of a Hugging Face folder, from the files that transformers would take them from.
struct FolderWeights {
  /// All tensors by the files' names.
  private(set) var tensors: [String: SourceTensor] = [:]
  /// Types of the tensors that are not floats, by name.
  private(set) var otherTypes: [String: String] = [:]
  /// Sentences about files that are not read and tensors that the index does not name.
  private(set) var warnings: [String] = []
  private let folder: String

  static let single = "model.safetensors"
  static let index = "model.safetensors.index.json"

  /// Reads the headers of all files in the folder at `path` that hold weights.
  init(path: String) throws(FileError) {
    folder = path
    let names = Self.fileNames(in: path)
    let used: [String]
    var passedOver: [String] = []
    if names.contains(Self.single) {
      try add(SafetensorsFile(path: file(Self.single)), from: Self.single)
      used = [Self.single]
      passedOver = warnIfIndexIsPassedOver(names)
    } else if names.contains(Self.index) {
      used = try readShards()
    } else {
      throw Self.missing(in: path, names)
    }
    let left = names.filter { name in
      [".safetensors", ".gguf"].contains(where: name.hasSuffix) && !used.contains(name)
        && !passedOver.contains(name)
    }
    if !left.isEmpty {
      warnings.append(
        "\(listed(left)) in the folder \(left.count == 1 ? "is" : "are") not read: the weights are those "
          + "of \(used.count == 1 ? used[0] : "the \(used.count) files that \(Self.index) names")")
    }
  }

  /// Names of the files in the folder at `path`, sorted.
  static func fileNames(in path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  private func file(_ name: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent(name).path
  }

  private func listed(_ names: [String]) -> String {
    let shown = names.prefix(4).map { $0.shown(limit: 80) }.joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
  }

  private mutating func add(
    _ found: SafetensorsFile, from name: String
  ) throws(FileError) {
    for key in found.tensors.keys where tensors[key] != nil {
      throw .invalid(
        path: file(name), place: key, expected: "each tensor in one file of the folder",
        found: "a second one, beside that of \(tensors[key]?.file.path ?? "another file")",
        fix: "remove the file that does not belong to the model")
    }
    tensors.merge(found.tensors) { first, _ in first }
    otherTypes.merge(found.otherTypes) { first, _ in first }
  }

  /// An index that names other files is one of two sources of one truth; returns those files.
  private mutating func warnIfIndexIsPassedOver(_ names: [String]) -> [String] {
    guard names.contains(Self.index) else { return [] }
    let shards = (try? readIndex())?.keys.sorted() ?? []
    if shards == [Self.single] { return [] }
    let files = shards.isEmpty ? "other files" : listed(shards)
    warnings.append(
      "the folder has both \(Self.single) and \(Self.index), which names \(files); "
        + "\(Self.single) is read, as in transformers")
    return shards
  }

  // MARK: Shards

  private mutating func readShards() throws(FileError) -> [String] {
    let shards = try readIndex()
    var unnamed: [String] = []
    for (shard, names) in shards.sorted(by: { $0.key < $1.key }) {
      let found = try SafetensorsFile(path: file(shard))
      let missing = names.filter { found.tensors[$0] == nil && found.otherTypes[$0] == nil }
      if let name = missing.min() {
        throw .invalid(
          path: file(shard), place: name, expected: "a tensor, as the index says",
          found: "nothing", fix: "fetch the file again")
      }
      unnamed += Set(found.tensors.keys).subtracting(names)
      try add(found, from: shard)
    }
    if !unnamed.isEmpty {
      warnings.append(
        "\(Self.index) does not name \(listed(unnamed.sorted())), which its files hold; "
          + "read as in transformers")
    }
    return shards.keys.sorted()
  }

  /// A name with a separator could lead out of the folder, and one with a zero byte would be cut.
  private static func isShardName(_ name: String) -> Bool {
    name.hasSuffix(".safetensors") && name.utf8.count <= 255
      && !name.unicodeScalars.contains { $0 == "/" || $0.properties.generalCategory == .control }
  }

  /// Names of tensors by the file that holds them.
  private func readIndex() throws(FileError) -> [String: [String]] {
    let members = try HuggingFaceFolder.readJSON(file(Self.index), limit: FileLimit.index)
    guard case .object(let map)? = members["weight_map"] else {
      throw .invalid(
        path: file(Self.index), place: "key weight_map", expected: "an object of file names",
        found: "nothing of the kind", fix: "fetch it again")
    }
    var names: [String: [String]] = [:]
    for (tensor, value) in map {
      guard let shard = value.text, Self.isShardName(shard) else {
        throw .invalid(
          path: file(Self.index), place: "key \(tensor)",
          expected: "the name of a .safetensors file in this folder", found: value.quoted,
          fix: "fetch it again")
      }
      names[shard, default: []].append(tensor)
    }
    return names
  }

  // MARK: No weights

  /// The error of a folder without safetensors of a usual name; names pickles and GGUF files.
  private static func missing(in path: String, _ names: [String]) -> FileError {
    let folder = URL(fileURLWithPath: path)
    let endings = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"]
    let others = names.filter { $0.hasSuffix(".safetensors") }
    if let gguf = names.first(where: { $0.hasSuffix(".gguf") }) {
      return .missing(
        path: folder.appendingPathComponent(single).path,
        what: "file, and \(gguf.shown(limit: 80)) is a model of its own, so import that file")
    }
    if others.isEmpty, let name = names.first(where: { endings.contains(where: $0.hasSuffix) }) {
      return .unsupported(
        path: folder.appendingPathComponent(name).path, place: "the file",
        found: "a pickle, which can run any code when it is read,", supported: "model.safetensors")
    }
    let beside =
      others.first.map { ", and \($0.shown(limit: 80)) is not a name of the weights" } ?? ""
    return .missing(
      path: folder.appendingPathComponent(single).path,
      what: "file, nor a \(index) beside it\(beside)")
  }
}

/// Tensors that a decoder does not have and that a checkpoint may hold all the same, since they change nothing.
struct UnusedTensors {
  let configuration: ModelConfiguration
  /// Sentences about what does not agree with the configuration.
  private(set) var warnings: [String] = []
  private var differs = false

  init(configuration: ModelConfiguration) { self.configuration = configuration }

  /// Whether `tensor` may be left out: a table of RoPE frequencies, a mask, a bias of zeros.
  mutating func mayLeaveOut(_ tensor: SourceTensor) throws(FileError) -> Bool {
    if tensor.name.hasSuffix("rotary_emb.inv_freq") {
      try compareFrequencies(tensor)
      return true
    }
    if Self.isMask(tensor.name, shape: tensor.shape) { return true }
    guard tensor.name.hasSuffix(".bias") else { return false }
    return try tensor.isZero()
  }

  /// Old files keep the causal mask and the value behind it.
  static func isMask(_ name: String, shape: [Int]) -> Bool {
    if name.hasSuffix("attn.masked_bias") { return shape.allSatisfy { $0 == 1 } }
    return name.hasSuffix("attn.bias") && shape.count == 4 && shape[0] == 1 && shape[1] == 1
      && shape[2] == shape[3]
  }

  /// Says where a table differs from the frequencies of the configuration, which are used as in transformers.
  ///
  /// Files hold them before or after scaling.
  private mutating func compareFrequencies(_ tensor: SourceTensor) throws(FileError) {
    guard !differs else { return }
    let global = configuration.kinds.filter { $0.window == nil }.compactMap(\.rotary).first
    let scaled = global ?? configuration.kinds.compactMap(\.rotary).first ?? Rotary()
    var plain = scaled
    plain.scaling = nil
    let found =
      tensor.shape == [(scaled.features ?? configuration.headDim) / 2]
      ? try tensor.readValues().map(Double.init) : []
    // 16 bits keep two to three digits, and the smallest half is 6e-8.
    let tolerance = tensor.type == .float32 || tensor.type == .float64 ? 1e-4 : 1e-2
    let agrees = [plain, scaled].contains { candidate in
      let expected = candidate.frequencies(
        headDim: configuration.headDim, length: configuration.maxPositions)
      return found.count == expected.count
        && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance * $1 + 1e-7 }
    }
    guard !agrees else { return }
    differs = true
    warnings.append(
      "\(tensor.name) does not hold the frequencies of rope_theta \(scaled.theta) and head_dim "
        + "\(configuration.headDim): those of the configuration are used, as in transformers; check rope_theta"
    )
  }
}

/// Whether the output projection is the embedding, as the weights have it.
///
/// As transformers 5: a head that differs from the embedding is used, whatever `tie_word_embeddings` says; where
/// one of the two is absent, the other is both.
struct HeadTying {
  /// Whether the model file has one matrix for both.
  private(set) var isTied: Bool
  /// The tensors, without the head where it is tied.
  private(set) var tensors: [String: SourceTensor]
  /// What is worth saying about it.
  private(set) var warning: String?

  /// Compares the two matrices of `tensors`, a chunk at a time, where the configuration ties them.
  init(
    _ tensors: [String: SourceTensor], isTied: Bool, isStated: Bool
  ) throws(FileError) {
    let (embeddingName, headName) = (Parameter.embedding.name, Parameter.output.name)
    self.tensors = tensors
    self.isTied = isTied
    let (embedding, head) = (tensors[embeddingName], tensors[headName])
    if !isStated, head == nil, embedding != nil {
      self.isTied = true
      warning =
        "there is no \(headName) and the configuration does not say tie_word_embeddings: the embedding is "
        + "taken for the output projection too"
    }
    guard isTied, let head else { return }
    if let embedding, try !embedding.hasSameValues(as: head) {
      self.isTied = false
      warning =
        "tie_word_embeddings is true, and \(headName) differs from \(embeddingName): both are used, as in "
        + "transformers"
      return
    }
    self.tensors[embeddingName] = embedding ?? head
    self.tensors[headName] = nil
  }
}
