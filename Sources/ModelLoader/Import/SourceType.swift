import Transformer

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
