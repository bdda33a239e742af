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
    case .float64: values.append(Float(Double(bitPattern: UInt64(block.word(at: 0, bytes: 8)))))
    case .float32: values.append(Float(bitPattern: UInt32(block.word(at: 0, bytes: 4))))
    case .float16: values.append(block.half(at: 0))
    case .bfloat16: values.append(Float(bitPattern: UInt32(block.word(at: 0, bytes: 2)) << 16))
    case .q8_0: appendQ8(block, to: &values)
    case .q4_0, .q4_1: appendQ4(block, to: &values)
    case .q5_0, .q5_1: appendQ5(block, to: &values)
    case .q4_K, .q5_K: appendSuperBlock(block, to: &values)
    case .q6_K: appendQ6K(block, to: &values)
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
