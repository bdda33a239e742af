import Support
import Transformer

/// A tensor in a checkpoint file, not yet read.
package struct SourceTensor: Sendable {
  let name: String
  package private(set) var shape: [Int]
  package private(set) var type: SourceType
  let file: FileReader
  let byteOffset: Int
  /// Rows of one head if llama.cpp has put them in its own order for RoPE, otherwise nil.
  package var rotatedHeadDim: Int?
  /// What is added to each value, 0 or 1; the sums are float32.
  var offset: Float = 0
  /// The encoded bytes of a place of the first axis, where they are put together from others of the file; nil where
  /// they lie as they are.
  var piece: (@Sendable (Int) throws(FileError) -> [UInt8])?
  /// What the values of each block of a matrix are multiplied by; nil for nothing.
  var scales: BlockScales?

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

  /// A tensor of another shape or type that is put together from this one's bytes, place by place of the first axis.
  func assembled(
    _ shape: [Int], type: SourceType? = nil,
    piece: @escaping @Sendable (Int) throws(FileError) -> [UInt8]
  ) -> SourceTensor {
    var tensor = self
    (tensor.shape, tensor.type, tensor.piece) = (shape, type ?? self.type, piece)
    return tensor
  }

  /// Throws `FileError.invalid` where the shape is another one.
  func require(_ expected: [Int]) throws(FileError) {
    guard shape == expected else {
      throw .invalid(
        path: file.path, place: name, expected: "shape \(expected)", found: "shape \(shape)",
        fix: "the configuration does not belong to these weights")
    }
  }

  /// The bytes of a place of the first axis, as they lie in the file.
  func bytes(at place: Int) throws(FileError) -> [UInt8] {
    let count = shape.dropFirst().reduce(1, *) / type.blockCount * type.blockBytes
    return try file.read(at: byteOffset + place * count, count: count, place: name)
  }

  /// Some of its rows, as a tensor of its own.
  func rows(_ range: Range<Int>) throws(FileError) -> SourceTensor {
    let rowBytes = shape.dropFirst().reduce(1, *) / type.blockCount * type.blockBytes
    var part = try SourceTensor(
      name: name, shape: [range.count] + shape.dropFirst(), type: type, file: file,
      byteOffset: byteOffset + range.lowerBound * rowBytes)
    part.scales = scales
    part.scales?.firstRow += range.lowerBound
    return part
  }

  /// Rows of a matrix; a vector has one row per value where rows are rotated, otherwise one row.
  private var rowCount: Int {
    if shape.count > 1 { return shape.dropLast().reduce(1, *) }
    return rotatedHeadDim == nil ? 1 : shape[0]
  }

  /// Calls `body` with the encoded bytes of some rows at a time, in Hugging Face's order.
  package func forEachChunk(
    of targetBytes: Int = 4 << 20, _ body: ([UInt8]) throws(FileError) -> Void
  ) throws(FileError) {
    try forEachRows(of: targetBytes) { (_, bytes) throws(FileError) in try body(bytes) }
  }

  /// The same with the number of the first of the rows.
  func forEachRows(
    of targetBytes: Int = 4 << 20, _ body: (Int, [UInt8]) throws(FileError) -> Void
  ) throws(FileError) {
    let count = shape.reduce(1, *)
    if count == 0 { return }
    if let piece {
      let rows = shape.dropFirst().dropLast().reduce(1, *)
      for place in 0..<shape[0] { try body(place * rows, try piece(place)) }
      return
    }
    let rowBytes = count / rowCount / type.blockCount * type.blockBytes
    let unit = rotatedHeadDim ?? 1
    let rows = max(1, targetBytes / (rowBytes * unit)) * unit
    for start in stride(from: 0, to: rowCount, by: rows) {
      let chunkRows = min(rows, rowCount - start)
      let bytes = try file.read(
        at: byteOffset + start * rowBytes, count: chunkRows * rowBytes, place: name)
      try body(
        start, rotatedHeadDim.map { unrotate(bytes, rowBytes: rowBytes, headDim: $0) } ?? bytes)
    }
  }

  /// All values, in Hugging Face's order.
  package func readValues() throws(FileError) -> [Float] {
    var values: [Float] = []
    try forEachRows { (row, bytes) throws(FileError) in values += self.values(of: bytes, from: row)
    }
    return values
  }

  /// The values of a chunk whose first row is number `row`.
  func values(of chunk: [UInt8], from row: Int) -> [Float] {
    var values = type.decode(chunk)
    if let scales, let columns = shape.last {
      scales.apply(to: &values, columns: columns, from: row)
    }
    return offset == 0 ? values : values.map { $0 + offset }
  }

  /// Whether the values are those of the stored bytes.
  var isPlain: Bool { offset == 0 && scales == nil }

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

/// Factors of the blocks of a matrix, as FP8 checkpoints have them.
struct BlockScales: Sendable {
  /// A factor for each block, row-major.
  let factors: [Float]
  /// Blocks that lie beside one another.
  let across: Int
  /// Rows and columns of a block, the last ones of a matrix cut off.
  let (rows, columns): (Int, Int)
  /// The row of the whole matrix at which this part begins.
  var firstRow = 0

  /// Multiplies `values`, whole rows of `width` columns from `row` on.
  func apply(to values: inout [Float], columns width: Int, from row: Int) {
    for index in values.indices {
      let (r, c) = (firstRow + row + index / width, index % width)
      values[index] *= factors[r / rows * across + c / columns]
    }
  }
}
