import Foundation
import Support
import Transformer

/// One tensor of a model file, as its header describes it.
package struct TensorDescription: Sendable, Equatable {
  /// The name under `/weights`.
  package let name: String
  /// Sizes; (out, in) for matrices.
  package let shape: [Int]
  /// The stored type: "float32", "float16", "bfloat16" or another HDF5 float in words.
  package let type: String
  /// Where the values start in the file, or nil if only HDF5 can read them.
  package let byteOffset: Int?
  /// Bytes of the values as stored, or as float32 if only HDF5 can read them.
  package let byteCount: Int
}

/// What `zigzag inspect` shows.
package struct ModelInspection: Sendable {
  /// Everything but the weights.
  package let contents: ModelFileContents
  /// The identity of the weights that the file states.
  package let sha256: String
  /// All tensors, in the order of the computation.
  package let tensors: [TensorDescription]

  /// Weights, configuration and tokenizer: which model this is.
  package var identity: ModelIdentity { ModelIdentity(contents, weightsSHA256: sha256) }

  /// The number of parameters.
  package var parameterCount: Int {
    tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }
}

/// What ``ModelFile/check(path:progress:)`` found in the values of a model file.
package struct ModelCheck: Sendable, Equatable {
  /// Tensors with values that are not numbers or infinite, and how many.
  package let nonFinite: [String: Int]
  /// The identity of the weights that the file states.
  package let statedSHA256: String
  /// The identity of the weights that it has.
  package let actualSHA256: String

  /// Whether every value is finite and the hash is right.
  package var isSound: Bool { nonFinite.isEmpty && statedSHA256 == actualSHA256 }
}

extension ModelFile {
  /// Reads the header of the model file at `path` and lists its tensors, all checked as on opening.
  package static func inspect(path: String) throws(FileError) -> ModelInspection {
    let reader = try ModelFileReader(path: path)
    ModelWarnings.log(reader.warnings, of: path)
    try requireFiniteAngles(reader.contents.configuration, path: path)
    var tensors: [TensorDescription] = []
    for parameter in Parameter.all(in: reader.contents.configuration) {
      let layout = try reader.tensor(parameter).layout
      tensors.append(
        TensorDescription(
          name: parameter.name, shape: layout.shape, type: layout.typeName,
          byteOffset: layout.elementType == nil ? nil : layout.byteOffset,
          byteCount: layout.count * (layout.elementType ?? .float32).byteCount))
    }
    return ModelInspection(contents: reader.contents, sha256: reader.sha256, tensors: tensors)
  }

  /// Reads every value of a model file, counts those that are not finite and computes the hash.
  ///
  /// `progress` hears the bytes read so far and in all.
  package static func check(
    path: String, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(FileError) -> ModelCheck {
    let total = try inspect(path: path).tensors.reduce(0) { $0 + $1.byteCount }
    let reader = try ModelFileReader(path: path)
    let file = try FileReader(path: path, what: "model file")
    var digest = WeightsDigest()
    var nonFinite: [String: Int] = [:]
    var done = 0
    // A dataset that several names lead to is read once.
    var scans: [UInt64: TensorScan] = [:]
    for parameter in Parameter.all(in: reader.contents.configuration) {
      let tensor = try reader.tensor(parameter)
      let known = scans[tensor.dataset.address]
      let scan = if let known { known } else { try TensorScan(tensor, in: file) }
      scans[tensor.dataset.address] = scan
      if scan.nonFinite > 0 { nonFinite[parameter.name] = scan.nonFinite }
      digest.add(
        name: parameter.name, type: scan.type.rawValue,
        shape: parameter.shape(in: reader.contents.configuration), hash: scan.hash)
      done += scan.byteCount
      progress(done, total)
    }
    return ModelCheck(
      nonFinite: nonFinite, statedSHA256: reader.sha256, actualSHA256: digest.value)
  }
}

extension ModelFile {
  /// Reads every value of a model file and refuses those that are not finite, and a hash that is not
  /// theirs.
  ///
  /// `progress` hears the bytes read so far and in all.
  package static func requireSound(
    path: String, progress: (_ done: Int, _ total: Int) -> Void
  ) throws(FileError) {
    let found = try check(path: path, progress: progress)
    if let (name, count) = found.nonFinite.min(by: { $0.key < $1.key }) {
      throw .invalid(
        path: path, place: "/weights/\(name)", expected: "finite values",
        found: "\(count) that are NaN or infinite", fix: "import the model again")
    }
    guard found.isSound else {
      throw .invalid(
        path: path, place: "attribute sha256", expected: found.statedSHA256,
        found: found.actualSHA256, fix: "the weights were changed, so import the model again")
    }
  }
}

/// Hashes the values of one tensor and counts those that are not finite.
private struct TensorScan {
  let type: ElementType
  private(set) var byteCount = 0
  /// SHA-256 of the values, hexadecimal.
  private(set) var hash = ""
  private(set) var nonFinite = 0

  init(_ tensor: ModelTensor, in file: FileReader) throws(FileError) {
    let running = SHA256()
    let layout = tensor.layout
    type = layout.elementType ?? .float32
    if layout.elementType == nil {
      let values = try tensor.dataset.readFloats()
      add(values.span, to: running)
    } else if let offset = layout.byteOffset {
      try add(file, offset: offset, byteCount: layout.count * type.byteCount, to: running)
    } else {
      let bytes = try tensor.dataset.readStored()
      add(bytes.span, to: running)
    }
    hash = running.finish()
  }

  private mutating func add(
    _ file: FileReader, offset: Int, byteCount: Int, to running: SHA256
  ) throws(FileError) {
    // Many datasets may claim the same bytes.
    try file.budget.charge(byteCount, for: "the weights")
    let chunk = 4 << 20
    for start in stride(from: 0, to: byteCount, by: chunk) {
      let count = min(chunk, byteCount - start)
      let bytes = try file.read(at: offset + start, count: count, place: "the weights")
      add(bytes.span, to: running)
    }
  }

  private mutating func add<Element: BitwiseCopyable>(
    _ values: Span<Element>, to running: SHA256
  ) {
    let bytes = unsafe values.bytes
    running.update(bytes)
    byteCount += bytes.byteCount
    nonFinite += nonFiniteCount(bytes)
  }

  /// A value is not finite when all its exponent bits are set.
  private func nonFiniteCount(_ bytes: RawSpan) -> Int {
    var count = 0
    switch type {
    case .float32:
      for offset in stride(from: 0, to: bytes.byteCount, by: 4) {
        let bits = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
        if bits & 0x7F80_0000 == 0x7F80_0000 { count += 1 }
      }
    case .float16, .bfloat16:
      let mask: UInt16 = type == .float16 ? 0x7C00 : 0x7F80
      for offset in stride(from: 0, to: bytes.byteCount, by: 2) {
        let bits = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
        if bits & mask == mask { count += 1 }
      }
    }
    return count
  }
}
