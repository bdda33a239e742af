/// The checksum under HDF5's metadata: Bob Jenkins's lookup3 (`hashlittle`, 2006) starting from 0.
package enum HDF5Checksum {
  /// The checksum of `bytes`.
  package static func of(_ bytes: some Collection<UInt8>) -> UInt32 {
    let count = bytes.count
    let start = 0xDEAD_BEEF &+ UInt32(truncatingIfNeeded: count)
    var (a, b, c) = (start, start, start)
    if count == 0 { return c }
    var (word, filled, left) = (UInt32(0), 0, count)
    for byte in bytes {
      word |= UInt32(byte) << UInt32(8 * (filled & 3))
      filled += 1
      left -= 1
      guard filled & 3 == 0 || left == 0 else { continue }
      switch (filled - 1) >> 2 {
      case 0: a &+= word
      case 1: b &+= word
      default: c &+= word
      }
      word = 0
      // The last twelve bytes, or what there is of them, go through the final mixing below.
      if filled == 12, left > 0 {
        mix(&a, &b, &c)
        filled = 0
      }
    }
    finish(&a, &b, &c)
    return c
  }

  private static func mix(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
    step(&a, &c, 4)
    c &+= b
    step(&b, &a, 6)
    a &+= c
    step(&c, &b, 8)
    b &+= a
    step(&a, &c, 16)
    c &+= b
    step(&b, &a, 19)
    a &+= c
    step(&c, &b, 4)
    b &+= a
  }

  private static func step(_ x: inout UInt32, _ y: inout UInt32, _ bits: UInt32) {
    x &-= y
    x ^= rotated(y, bits)
  }

  private static func finish(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
    stir(&c, b, 14)
    stir(&a, c, 11)
    stir(&b, a, 25)
    stir(&c, b, 16)
    stir(&a, c, 4)
    stir(&b, a, 14)
    stir(&c, b, 24)
  }

  private static func stir(_ x: inout UInt32, _ y: UInt32, _ bits: UInt32) {
    x ^= y
    x &-= rotated(y, bits)
  }

  private static func rotated(_ x: UInt32, _ bits: UInt32) -> UInt32 {
    x << bits | x >> (32 - bits)
  }
}
