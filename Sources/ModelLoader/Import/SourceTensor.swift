import Support
import Transformer

/// A tensor in a checkpoint file, not yet read.
package struct SourceTensor: Sendable {
  let name: String
  package let shape: [Int]
  package let type: SourceType
  let file: FileReader
  let byteOffset: Int
  /// Rows of one head if llama.cpp has put them in its own order for RoPE, otherwise nil.
  package var rotatedHeadDim: Int?

  /// Checks that the tensor lies inside its file.
  init(
    name: String, shape: [Int], type: SourceType, file: FileReader, byteOffset: Int
  ) throws(FileError) {
    self.name = name
    self.shape = shape
    self.type = type
    self.file = file
    self.byteOffset = byteOffset
    guard shape.allSatisfy({ $0 >= 0 }), let count = product(shape),
      (shape.last ?? 1) % type.blockCount == 0
    else {
      throw .invalid(
        path: file.path, place: name,
        expected: "sizes from 0 on, the last a multiple of \(type.blockCount) for \(type.rawValue)",
        found: "\(shape)", fix: "fetch the file again")
    }
    let bytes = count / type.blockCount * type.blockBytes
    guard byteOffset >= 0, byteOffset <= file.byteCount, bytes <= file.byteCount - byteOffset else {
      throw .invalid(
        path: file.path, place: name, expected: "\(bytes) bytes at offset \(byteOffset)",
        found: "a file of \(file.byteCount) bytes", fix: "it is truncated, so fetch it again")
    }
  }

  /// Rows of a matrix; a vector has one row per value where rows are rotated, otherwise one row.
  private var rowCount: Int {
    if shape.count > 1 { return shape[0] }
    return rotatedHeadDim == nil ? 1 : shape[0]
  }

  /// Calls `body` with the encoded bytes of some rows at a time, in Hugging Face's order.
  package func forEachChunk(
    of targetBytes: Int = 4 << 20, _ body: ([UInt8]) throws(FileError) -> Void
  ) throws(FileError) {
    let count = shape.reduce(1, *)
    if count == 0 { return }
    let rowBytes = count / rowCount / type.blockCount * type.blockBytes
    let unit = rotatedHeadDim ?? 1
    let rows = max(1, targetBytes / (rowBytes * unit)) * unit
    for start in stride(from: 0, to: rowCount, by: rows) {
      let chunkRows = min(rows, rowCount - start)
      let bytes = try file.read(
        at: byteOffset + start * rowBytes, count: chunkRows * rowBytes, place: name)
      try body(rotatedHeadDim.map { unrotate(bytes, rowBytes: rowBytes, headDim: $0) } ?? bytes)
    }
  }

  /// All values, in Hugging Face's order.
  package func readValues() throws(FileError) -> [Float] {
    var values: [Float] = []
    try forEachChunk { (bytes) throws(FileError) in values += type.decode(bytes) }
    return values
  }

  /// Whether every value is zero.
  func isZero() throws(FileError) -> Bool {
    var isZero = true
    try forEachChunk { (bytes) throws(FileError) in
      if isZero { isZero = type.decode(bytes).allSatisfy { $0 == 0 } }
    }
    return isZero
  }

  /// Whether `other` has the same shape and, as float32, the same bits, whatever the stored types are.
  func hasSameValues(as other: SourceTensor) throws(FileError) -> Bool {
    guard shape == other.shape, let columns = shape.last, columns > 0 else {
      return shape == other.shape
    }
    let rows = shape.reduce(1, *) / columns
    let step = max(1, (1 << 20) / columns)
    for start in stride(from: 0, to: rows, by: step) {
      let count = min(step, rows - start)
      let (mine, others) = (
        try read(rows: start, count: count), try other.read(rows: start, count: count)
      )
      let isSame =
        type == other.type
        ? mine == others
        : type.decode(mine).elementsEqual(other.type.decode(others)) {
          $0.bitPattern == $1.bitPattern
        }
      if !isSame { return false }
    }
    return true
  }

  /// The encoded bytes of `count` rows of the last axis, in the file's order.
  private func read(rows start: Int, count: Int) throws(FileError) -> [UInt8] {
    let rowBytes = (shape.last ?? 1) / type.blockCount * type.blockBytes
    return try file.read(
      at: byteOffset + start * rowBytes, count: count * rowBytes, place: name)
  }

  /// Rows of whole heads from llama.cpp's order, in which the two rows that RoPE rotates together
  /// are neighbours, to Hugging Face's, in which they are half a head apart.
  private func unrotate(_ bytes: [UInt8], rowBytes: Int, headDim: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for row in 0..<bytes.count / rowBytes {
      let (head, position) = (row / headDim, row % headDim)
      let (half, pair) = (position / (headDim / 2), position % (headDim / 2))
      let source = (head * headDim + 2 * pair + half) * rowBytes
      result += bytes[source..<source + rowBytes]
    }
    return result
  }
}
