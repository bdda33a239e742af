import Transformer

/// Float32 values rounded to the type a model file stores them in.
package enum ElementEncoder {
  /// The bit patterns of `values` in a 16-bit type, rounded to nearest, ties to even.
  package static func halves(_ values: [Float], type: ElementType) -> [UInt16] {
    type == .float16
      ? values.map { Float16($0).bitPattern } : values.map(bfloat16)
  }

  /// The upper half of a float32, rounded; NaN stays NaN.
  private static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(bits >> 16) | 0x40 }
    return UInt16((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }

  /// The first finite value that the type would turn into infinity, or nil.
  package static func firstOverflow(_ values: [Float], type: ElementType) -> Float? {
    let limit: Float = type == .float16 ? 65_519.996 : 3.394_7e38
    guard type != .float32 else { return nil }
    return values.first { $0.isFinite && $0.magnitude > limit }
  }
}
