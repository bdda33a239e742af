/// Steps through valid UTF-8 held as bytes.
enum UTF8Text {
  /// The scalar that starts at `index`, and the index behind it.
  ///
  /// Bytes that are not UTF-8 read as U+FFFD, one byte each; texts come from `String`, so they do not occur.
  @inline(__always)
  static func scalar(in bytes: [UInt8], at index: Int) -> (scalar: Unicode.Scalar, next: Int) {
    let lead = bytes[index]
    if lead < 0x80 { return (Unicode.Scalar(lead), index + 1) }
    let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    guard index + length <= bytes.count else { return ("\u{FFFD}", index + 1) }
    var value = UInt32(lead) & (0x7F >> UInt32(length))
    for byte in bytes[(index + 1)..<(index + length)] { value = value << 6 | UInt32(byte & 0x3F) }
    guard let scalar = Unicode.Scalar(value) else { return ("\u{FFFD}", index + 1) }
    return (scalar, index + length)
  }

  /// The scalar that ends before `index`, and the index where it starts; nil at the start.
  static func scalar(
    in bytes: [UInt8], before index: Int
  ) -> (scalar: Unicode.Scalar, start: Int)? {
    guard index > 0 else { return nil }
    var start = index - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return (scalar(in: bytes, at: start).scalar, start)
  }
}
