import Foundation
import Support

/// Scores of key-value heads as KVzip (arXiv 2505.23416) keeps them: a tensor (L, K) that `torch.save` wrote.
///
/// The file is a zip archive: `NAME/data.pkl` says the tensor's type and shape, and `NAME/data/0` holds its numbers. The
/// pickle's text is read and never run. float16, bfloat16, float32 and float64 are read; float16 is written.
enum KVzipScores {
  /// Reads the scores in `bytes`; `file` names it in errors.
  static func parse(_ bytes: Data, file: String) throws(FileError) -> HeadScores {
    guard bytes.count <= FileLimit.gates else {
      throw flaw(
        file, "a file of at most \(FileLimit.words(FileLimit.gates))", "\(bytes.count) bytes")
    }
    let entries = try StoredZip.entries(of: Array(bytes), path: file)
    let pickles = entries.filter { $0.name.hasSuffix("/data.pkl") }
    guard let pickle = pickles.first, pickles.count == 1 else {
      throw flaw(file, "one entry data.pkl, as torch.save writes it", "\(pickles.count)")
    }
    let folder = pickle.name.dropLast("data.pkl".count)
    let order = entries.first { $0.name == "\(folder)byteorder" }
    if let order, order.bytes != Array("little".utf8) {
      throw flaw(
        file, "numbers in the byte order little", String(decoding: order.bytes, as: UTF8.self))
    }
    let tensor = try TensorPickle(pickle.bytes, path: file)
    guard let numbers = entries.first(where: { $0.name == "\(folder)data/\(tensor.key)" }) else {
      throw flaw(file, "the entry data/\(tensor.key) with the numbers", "none")
    }
    return try scores(of: tensor, numbers.bytes, file: file)
  }

  private static func scores(
    of tensor: TensorPickle, _ bytes: [UInt8], file: String
  ) throws(FileError) -> HeadScores {
    // Axes of one element before the layers say nothing.
    var (sizes, strides) = (tensor.sizes[...], tensor.strides[...])
    while sizes.count > 2, sizes.first == 1 {
      (sizes, strides) = (sizes.dropFirst(), strides.dropFirst())
    }
    let range = 1...GateTable.maximumCount
    guard sizes.count == 2, let layers = sizes.first, let heads = sizes.last,
      let step = strides.first, let stride = strides.last,
      range.contains(layers), range.contains(heads)
    else {
      let shape = tensor.sizes.map(String.init).joined(separator: " × ")
      throw flaw(
        file, "a tensor of layers × key-value heads",
        tensor.sizes.isEmpty ? "a single number" : "one of \(shape)")
    }
    let count = bytes.count / tensor.storage.width
    guard tensor.offset >= 0, step >= 0, stride >= 0,
      tensor.offset + (layers - 1) * step + (heads - 1) * stride < count
    else {
      throw flaw(
        file, "numbers for \(layers) layers × \(heads) key-value heads", "\(count) numbers")
    }
    var values: [Double] = []
    for layer in 0..<layers {
      for head in 0..<heads {
        let place = tensor.offset + layer * step + head * stride
        let value = number(bytes, place * tensor.storage.width, tensor.storage)
        guard HeadScores.believed.contains(value) else {
          throw flaw(
            file, "\(HeadScores.believedWords) for layer \(layer), head \(head)", "\(value)")
        }
        values.append(value)
      }
    }
    return HeadScores(unit: .keyValue, layers: layers, heads: heads, values: values)
  }

  /// The number at byte `place`.
  private static func number(
    _ bytes: [UInt8], _ place: Int, _ storage: TensorPickle.Storage
  ) -> Double {
    let bits = bytes[place..<place + storage.width].reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    return switch storage {
    case .float16: Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
    case .bfloat16: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16))
    case .float32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case .float64: Double(bitPattern: bits)
    }
  }

  private static func flaw(_ file: String, _ expected: String, _ found: String) -> FileError {
    .invalid(
      path: file, place: "the scores", expected: expected, found: found,
      fix: "KVzip's scores are a tensor of layers × key-value heads, written by torch.save")
  }

  /// The file of `scores`, of key-value heads, rounded to float16.
  ///
  /// - Throws: `FileError` where a number is too large for float16; `file` names the scores.
  static func bytes(of scores: HeadScores, file: String) throws(FileError) -> Data {
    var numbers: [UInt8] = []
    for (index, value) in scores.values.enumerated() {
      let half = Float16(value)
      guard half.isFinite else {
        let place = HeadPlace(layer: index / scores.heads, head: index % scores.heads)
        throw .invalid(
          path: file, place: "the scores", expected: "numbers that float16 has room for",
          found: "\(value) for the head \(place)", fix: "write another format")
      }
      numbers += [UInt8(truncatingIfNeeded: half.bitPattern), UInt8(half.bitPattern >> 8)]
    }
    return Data(
      StoredZip.archive(of: [
        .init(name: "scores/data.pkl", bytes: pickle(scores.layers, scores.heads)),
        .init(name: "scores/byteorder", bytes: Array("little".utf8)),
        .init(name: "scores/data/0", bytes: numbers),
        .init(name: "scores/version", bytes: Array("3\n".utf8)),
      ]))
  }

  /// The pickle that `torch.save` writes of a float16 tensor (L, K), without what it keeps for later.
  private static func pickle(_ layers: Int, _ heads: Int) -> [UInt8] {
    func integer(_ value: Int) -> [UInt8] {
      [UInt8(ascii: "J")] + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    func text(_ value: String) -> [UInt8] {
      [UInt8(ascii: "X"), UInt8(value.utf8.count), 0, 0, 0] + Array(value.utf8)
    }
    func global(_ module: String, _ name: String) -> [UInt8] {
      Array("c\(module)\n\(name)\n".utf8)
    }
    let pair: UInt8 = 0x86
    var bytes: [UInt8] = [0x80, 2]
    bytes += global("torch._utils", "_rebuild_tensor_v2") + Array("((".utf8)
    bytes += text("storage") + global("torch", "HalfStorage") + text("0") + text("cpu")
    bytes += integer(layers * heads) + Array("tQ".utf8) + integer(0)
    bytes += integer(layers) + integer(heads) + [pair] + integer(heads) + integer(1) + [pair]
    // No gradient, no hooks.
    return bytes + [0x89] + global("collections", "OrderedDict") + Array(")RtR.".utf8)
  }
}
