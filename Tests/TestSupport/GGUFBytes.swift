import Foundation
import ModelLoader
import Transformer

/// A GGUF file as a test writes it: the tiny llama of ``ModelTestFiles``, all in float32.
package struct GGUFBytes {
  /// Keys and values, in order.
  package var metadata: [(key: String, value: MetadataValue)]
  /// Tensors and where they are said to lie; nil stands for behind the one before.
  package var tensors: [(tensor: TestTensor, offset: Int?)] = []
  /// Bytes behind each tensor and between the header and the first.
  package var alignment = 32

  /// Random values, plain: of the tiny llama, or of the same sizes in another architecture.
  package init(
    _ C: ModelConfiguration = ModelTestFiles.configuration, architecture: String = "llama"
  ) {
    metadata = [
      ("block_count", C.layers), ("embedding_length", C.hidden),
      ("feed_forward_length", C.feedForward), ("attention.head_count", C.queryHeads),
      ("attention.head_count_kv", C.keyValueHeads), ("context_length", C.maxPositions),
    ].map { ("\(architecture).\($0)", .integer($1)) }
    metadata.append(("general.architecture", .text(architecture)))
    metadata.append(("\(architecture).attention.layer_norm_rms_epsilon", .real(1e-5)))
    for parameter in Parameter.all(in: C) {
      let values = ModelTestFiles.values(of: parameter, in: C)
      add(TestTensor(parameter.ggufName, parameter.shape(in: C), values))
    }
  }

  /// Adds a tensor behind the others, or where `offset` says.
  package mutating func add(_ tensor: TestTensor, at offset: Int? = nil) {
    tensors.append((tensor, offset))
  }

  /// Sets a key, or takes it away.
  package mutating func set(_ key: String, _ value: MetadataValue?) {
    metadata.removeAll { $0.key == key }
    if let value { metadata.append((key, value)) }
  }

  /// The whole file.
  package var bytes: Data {
    var header = Data("GGUF".utf8) + littleEndian(UInt32(3))
    header += littleEndian(UInt64(tensors.count)) + littleEndian(UInt64(metadata.count))
    for (key, value) in metadata { header += text(key) + encoded(value) }
    var (data, end) = (Data(), 0)
    for (tensor, stated) in tensors {
      let offset = stated ?? end
      header += text(tensor.name) + littleEndian(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { header += littleEndian(UInt64(size)) }
      header += littleEndian(UInt32(0)) + littleEndian(UInt64(offset))
      data += tensor.bytes
      data += Data(count: (alignment - data.count % alignment) % alignment)
      end = data.count
    }
    header += Data(count: (alignment - header.count % alignment) % alignment)
    return header + data
  }

  private func text(_ text: String) -> [UInt8] {
    littleEndian(UInt64(text.utf8.count)) + Array(text.utf8)
  }

  private func encoded(_ value: MetadataValue) -> [UInt8] {
    switch value {
    case .bool(let flag): littleEndian(UInt32(7)) + [flag ? 1 : 0]
    case .integer(let number): littleEndian(UInt32(5)) + littleEndian(Int32(number))
    case .real(let number):
      littleEndian(UInt32(6)) + littleEndian(Float(number).bitPattern)
    case .text(let value): littleEndian(UInt32(8)) + text(value)
    case .integers(let values):
      littleEndian(UInt32(9)) + littleEndian(UInt32(5)) + littleEndian(UInt64(values.count))
        + values.flatMap { littleEndian(Int32($0)) }
    case .texts(let values):
      littleEndian(UInt32(9)) + littleEndian(UInt32(8)) + littleEndian(UInt64(values.count))
        + values.flatMap(text)
    default: []
    }
  }
}

/// A tensor of float32 that a test writes.
package struct TestTensor {
  /// Its name in the file.
  package var name: String
  /// Its sizes.
  package var shape: [Int]
  /// Its values, row-major.
  package var values: [Float]

  /// A tensor of these values, row-major.
  package init(_ name: String, _ shape: [Int], _ values: [Float]) {
    (self.name, self.shape, self.values) = (name, shape, values)
  }

  /// The values, the lowest byte first.
  package var bytes: Data {
    Data(values.flatMap { littleEndian($0.bitPattern) })
  }
}

/// The bytes of `value`, the lowest first.
package func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Value(8 * $0)) }
}
