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

/// How the values of a tensor are encoded in a checkpoint; raw values are GGUF's type names.
package enum SourceType: String, CaseIterable, Sendable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case q8_0 = "Q8_0"
  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q5_0 = "Q5_0"
  case q5_1 = "Q5_1"
  case q4_K = "Q4_K"
  case q5_K = "Q5_K"
  case q6_K = "Q6_K"
  case iq4_NL = "IQ4_NL"
  case iq4_XS = "IQ4_XS"
  case tq1_0 = "TQ1_0"
  case tq2_0 = "TQ2_0"
  case mxfp4 = "MXFP4"
  /// Four bits of exponent, three of fraction, no infinity (OCP's E4M3); in safetensors alone.
  case float8 = "F8_E4M3"
  /// Bytes, which are parts of other values; in safetensors alone.
  case uint8 = "U8"

  /// Those that a GGUF file may have.
  static let ofGGUF = allCases.filter { $0 != .float8 && $0 != .uint8 }

  /// Values that are encoded together.
  var blockCount: Int {
    switch self {
    case .float64, .float32, .float16, .bfloat16, .float8, .uint8: 1
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .iq4_NL, .mxfp4: 32
    case .q4_K, .q5_K, .q6_K, .iq4_XS, .tq1_0, .tq2_0: 256
    }
  }

  /// Bytes of one block.
  var blockBytes: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .float16, .bfloat16: 2
    case .float8, .uint8: 1
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    case .iq4_NL: 18
    case .iq4_XS: 136
    case .tq1_0: 54
    case .tq2_0: 66
    case .mxfp4: 17
    }
  }

  /// The type that keeps the values: 16 bits stay 16 bits, as do the fewer of MXFP4 and FP8; all others become float32.
  var naturalElementType: ElementType {
    switch self {
    case .float16: .float16
    case .bfloat16, .mxfp4, .float8: .bfloat16
    default: .float32
    }
  }

  /// The type whose stored bytes are the same as this one's, or nil.
  var identicalElementType: ElementType? {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    default: nil
    }
  }

  /// The type with the number `id` in a GGUF file, or nil if it is not supported.
  static func gguf(_ id: UInt32) -> SourceType? {
    switch id {
    case 0: .float32
    case 1: .float16
    case 2: .q4_0
    case 3: .q4_1
    case 6: .q5_0
    case 7: .q5_1
    case 8: .q8_0
    case 12: .q4_K
    case 13: .q5_K
    case 14: .q6_K
    case 20: .iq4_NL
    case 23: .iq4_XS
    case 28: .float64
    case 30: .bfloat16
    case 34: .tq1_0
    case 35: .tq2_0
    case 39: .mxfp4
    default: nil
    }
  }

  /// What a type of a GGUF file that is not read is called, by its number.
  static func ggufName(_ id: UInt32) -> String {
    let names: [UInt32: String] = [
      9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
      19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 24: "I8", 25: "I16", 26: "I32", 27: "I64",
      29: "IQ1_M",
    ]
    return names[id].map { "the type \($0)" } ?? "GGML type \(id)"
  }

  /// The type that safetensors calls `name`, or nil if it is not supported.
  static func safetensors(_ name: String) -> SourceType? {
    switch name {
    case "F64": .float64
    case "F32": .float32
    case "F16": .float16
    case "BF16": .bfloat16
    case "F8_E4M3": .float8
    case "U8": .uint8
    default: nil
    }
  }
}

extension SourceType {
  /// The values of whole blocks of `bytes` as float32.
  ///
  /// The arithmetic is that of llama.cpp's `dequantize_row_*`, so the values are the same bits.
  package func decode(_ bytes: [UInt8]) -> [Float] {
    let blocks = bytes.count / blockBytes
    var values = [Float]()
    values.reserveCapacity(blocks * blockCount)
    let source = bytes.span
    for block in 0..<blocks {
      let start = block * blockBytes
      append(source.extracting(start..<start + blockBytes), to: &values)
    }
    return values
  }

  private func append(_ block: Span<UInt8>, to values: inout [Float]) {
    switch self {
    case .float8: values.append(Self.e4m3[Int(block[0])])
    case .uint8: values.append(Float(block[0]))
    case .float64: values.append(Float(Double(bitPattern: UInt64(block.word(at: 0, bytes: 8)))))
    case .float32: values.append(Float(bitPattern: UInt32(block.word(at: 0, bytes: 4))))
    case .float16: values.append(block.half(at: 0))
    case .bfloat16: values.append(Float(bitPattern: UInt32(block.word(at: 0, bytes: 2)) << 16))
    case .q8_0: appendQ8(block, to: &values)
    case .q4_0, .q4_1: appendQ4(block, to: &values)
    case .q5_0, .q5_1: appendQ5(block, to: &values)
    case .q4_K, .q5_K: appendSuperBlock(block, to: &values)
    case .q6_K: appendQ6K(block, to: &values)
    case .iq4_NL: appendIQ4NL(block, to: &values)
    case .iq4_XS: appendIQ4XS(block, to: &values)
    case .tq1_0: appendTQ1(block, to: &values)
    case .tq2_0: appendTQ2(block, to: &values)
    case .mxfp4: appendMXFP4(block, to: &values)
    }
  }

  /// The values of the 256 bytes.
  private static let e4m3: [Float] = (0..<256).map { byte in
    let (exponent, fraction) = (byte >> 3 & 15, byte & 7)
    let sign: Float = byte < 128 ? 1 : -1
    if byte & 127 == 127 { return .nan }
    return exponent == 0
      ? sign * Float(fraction) * 0x1p-9
      : sign * (1 + Float(fraction) / 8)
        * Float(sign: .plus, exponent: exponent - 7, significand: 1)
  }

  /// Sixteen values that are not evenly spaced, times a scale.
  private static let uneven: [Float] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]

  /// The values of four bits with one bit of fraction, twice as large (OCP's E2M1).
  private static let doubledE2M1: [Float] = [
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
  ]

  /// 16 bytes at `start`: low halves are values 0-15, high halves 16-31.
  private func appendHalves(
    _ block: Span<UInt8>, at start: Int, of table: [Float], times scale: Float,
    to values: inout [Float]
  ) {
    for shift in [UInt8(0), 4] {
      for index in 0..<16 {
        values.append(scale * table[Int(block[start + index] >> shift & 15)])
      }
    }
  }

  /// Scale, 16 bytes.
  private func appendIQ4NL(_ block: Span<UInt8>, to values: inout [Float]) {
    appendHalves(block, at: 2, of: Self.uneven, times: block.half(at: 0), to: &values)
  }

  /// Scale, upper two bits of eight six-bit scales in two bytes, their low halves in four, 128 bytes.
  private func appendIQ4XS(_ block: Span<UInt8>, to values: inout [Float]) {
    let scale = block.half(at: 0)
    let upper = block.word(at: 2, bytes: 2)
    for group in 0..<8 {
      let low = Int(block[4 + group / 2] >> UInt8(4 * (group % 2)) & 15)
      let groupScale = low | Int(upper >> UInt64(2 * group) & 3) << 4
      appendHalves(
        block, at: 8 + 16 * group, of: Self.uneven, times: scale * Float(groupScale - 32),
        to: &values)
    }
  }

  /// A shared exponent, then 16 bytes of E2M1 (OCP Microscaling Formats 1.0).
  private func appendMXFP4(_ block: Span<UInt8>, to values: inout [Float]) {
    let exponent = UInt32(block[0])
    // Half of 2^(e − 127), since the table has doubled values.
    let half = Float(bitPattern: exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23)
    appendHalves(block, at: 1, of: Self.doubledE2M1, times: half, to: &values)
  }

  /// 48 bytes of five ternary digits each, four of four, the scale: 32 bytes hold values 0-159, 16 hold 160-239.
  private func appendTQ1(_ block: Span<UInt8>, to values: inout [Float]) {
    let scale = block.half(at: 52)
    let powers: [UInt8] = [1, 3, 9, 27, 81]
    for (bytes, digits) in [(0..<32, 5), (32..<48, 5), (48..<52, 4)] {
      for digit in 0..<digits {
        for index in bytes {
          // The digit is the upper part of three times the rest, a fraction of 256.
          let rest = block[index] &* powers[digit]
          values.append(Float(Int((UInt16(rest) * 3) >> 8) - 1) * scale)
        }
      }
    }
  }

  /// 64 bytes of four values of two bits, the scale.
  private func appendTQ2(_ block: Span<UInt8>, to values: inout [Float]) {
    let scale = block.half(at: 64)
    for bytes in [0..<32, 32..<64] {
      for shift in [UInt8(0), 2, 4, 6] {
        for index in bytes {
          values.append(Float(Int(block[index] >> shift & 3) - 1) * scale)
        }
      }
    }
  }

  /// Scale (half), 32 signed bytes.
  private func appendQ8(_ block: Span<UInt8>, to values: inout [Float]) {
    let scale = block.half(at: 0)
    for index in 0..<32 {
      values.append(Float(Int8(bitPattern: block[2 + index])) * scale)
    }
  }

  /// Scale, minimum (Q4_1 only), 16 bytes: low halves are values 0-15, high halves 16-31.
  private func appendQ4(_ block: Span<UInt8>, to values: inout [Float]) {
    let scale = block.half(at: 0)
    let hasMinimum = self == .q4_1
    let minimum = hasMinimum ? block.half(at: 2) : 0
    let quants = hasMinimum ? 4 : 2
    for shift in [UInt8(0), 4] {
      for index in 0..<16 {
        let quant = Int(block[quants + index] >> shift & 15)
        values.append(
          hasMinimum ? scale * Float(quant) + minimum : scale * Float(quant - 8))
      }
    }
  }

  /// As Q4, with the fifth bits of the 32 values in four bytes before them.
  private func appendQ5(_ block: Span<UInt8>, to values: inout [Float]) {
    let scale = block.half(at: 0)
    let hasMinimum = self == .q5_1
    let minimum = hasMinimum ? block.half(at: 2) : 0
    let header = hasMinimum ? 4 : 2
    let fifthBits = block.word(at: header, bytes: 4)
    for half in 0..<2 {
      for index in 0..<16 {
        let low = Int(block[header + 4 + index] >> UInt8(4 * half) & 15)
        let quant = low | Int(fifthBits >> UInt64(16 * half + index) & 1) << 4
        values.append(
          hasMinimum ? scale * Float(quant) + minimum : scale * Float(quant - 16))
      }
    }
  }

  /// Q4_K and Q5_K: scale and minimum of the 256 values, six-bit scales and minima of eight groups
  /// of 32 in 12 bytes, fifth bits (Q5_K only) in 32 bytes, low halves in 128.
  private func appendSuperBlock(_ block: Span<UInt8>, to values: inout [Float]) {
    let (scale, minimum) = (block.half(at: 0), block.half(at: 2))
    let fifthBits = self == .q5_K ? 16 : nil
    let quants = self == .q5_K ? 48 : 16
    for group in 0..<8 {
      let (groupScale, groupMinimum) = Self.scaleAndMinimum(of: group, in: block)
      let (d, m) = (scale * Float(groupScale), minimum * Float(groupMinimum))
      for index in 0..<32 {
        var quant = block[quants + 32 * (group / 2) + index] >> UInt8(4 * (group % 2)) & 15
        if let fifthBits {
          quant |= (block[fifthBits + index] >> UInt8(group) & 1) << 4
        }
        values.append(d * Float(quant) - m)
      }
    }
  }

  /// The packed six-bit scale and minimum of one of eight groups, in bytes 4-15 of the block.
  private static func scaleAndMinimum(
    of group: Int, in block: Span<UInt8>
  ) -> (scale: UInt8, minimum: UInt8) {
    if group < 4 {
      return (block[4 + group] & 63, block[8 + group] & 63)
    }
    let low = block[8 + group]
    let (scaleTop, minimumTop) = (block[group] >> 6, block[4 + group] >> 6)
    return (low & 15 | scaleTop << 4, low >> 4 | minimumTop << 4)
  }

  /// Low halves in 128 bytes, upper two bits in 64, 16 signed scales, the scale of all.
  private func appendQ6K(_ block: Span<UInt8>, to values: inout [Float]) {
    let scale = block.half(at: 208)
    for index in 0..<256 {
      // Each half of 128 values: four groups of 32 that share bytes of low and upper bits.
      let (half, group, lane) = (index / 128, index / 32 % 4, index % 32)
      let lowByte = block[64 * half + 32 * (group % 2) + lane]
      let low = group < 2 ? lowByte & 15 : lowByte >> 4
      let upper = block[128 + 32 * half + lane] >> UInt8(2 * group) & 3
      let quant = Int(low | upper << 4) - 32
      let groupScale = Int8(bitPattern: block[192 + index / 16])
      values.append(scale * Float(groupScale) * Float(quant))
    }
  }
}

extension Span<UInt8> {
  /// The little-endian word of `bytes` bytes at `offset`.
  fileprivate func word(at offset: Int, bytes: Int) -> UInt64 {
    var word: UInt64 = 0
    for index in 0..<bytes { word |= UInt64(self[offset + index]) << UInt64(8 * index) }
    return word
  }

  /// The half-precision number at `offset`.
  fileprivate func half(at offset: Int) -> Float {
    Float(Float16(bitPattern: UInt16(word(at: offset, bytes: 2))))
  }
}
