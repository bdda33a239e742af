import TestSupport

/// Damages files byte by byte and block by block.
struct ByteMutator {
  /// The files to start from.
  let corpus: [[UInt8]]
  /// Whether lengths may change; positions in a file with offsets mostly survive if not.
  var keepsLength = false

  /// Numbers that parsers stumble over.
  private static let interesting: [UInt64] = [
    0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 64, 100, 127, 128, 255, 256, 512, 1000, 1024, 4096, 32767,
    32768, 65535, 65536, 1 << 20, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, 1 << 40,
    0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max, .max - 1, .max - 7, .max - 63,
  ]

  /// A file of the corpus with some damage, mostly little.
  func callAsFunction(_ random: inout TestRandom) -> [UInt8] {
    var bytes = random.pick(corpus)
    if bytes.isEmpty { return bytes }
    var count = 1
    while count < 12, random.chance(2) { count += 1 }
    for _ in 0..<count where !bytes.isEmpty { damage(&bytes, &random) }
    return bytes
  }

  private func damage(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    let place = random.below(bytes.count)
    switch random.below(keepsLength ? 8 : 14) {
    case 0, 1: bytes[place] ^= 1 << UInt8(random.below(8))
    case 2: bytes[place] = UInt8(random.below(256))
    case 3, 4: Self.put(random.pick(Self.interesting), 1 << random.below(4), at: place, &bytes)
    case 5: nudge(&bytes, at: place, &random)
    case 6: copy(&bytes, &random)
    case 7:
      let width = 1 << random.below(4)
      Self.put(UInt64(random.below(bytes.count + 1)), width, at: place, &bytes)
    case 8, 9: bytes.removeSubrange(place...)
    case 10: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(64)))
    case 11:
      let value = UInt8(random.below(256))
      bytes.insert(contentsOf: repeatElement(value, count: 1 + random.below(64)), at: place)
    case 12: bytes.insert(contentsOf: block(of: bytes, &random), at: place)
    default:
      let other = random.pick(corpus)
      bytes = Array(bytes[..<place] + other[min(other.count, place)...])
    }
  }

  /// Adds or subtracts a little from a number of 1, 2, 4 or 8 bytes.
  private func nudge(_ bytes: inout [UInt8], at place: Int, _ random: inout TestRandom) {
    let width = 1 << random.below(4)
    var value: UInt64 = 0
    for index in (0..<width).reversed() where place + index < bytes.count {
      value = value << 8 | UInt64(bytes[place + index])
    }
    let step = UInt64(1 + random.below(32))
    Self.put(random.chance(2) ? value &+ step : value &- step, width, at: place, &bytes)
  }

  /// Writes a block over another place.
  private func copy(_ bytes: inout [UInt8], _ random: inout TestRandom) {
    let block = block(of: bytes, &random)
    let place = random.below(bytes.count)
    for (index, byte) in block.enumerated() where place + index < bytes.count {
      bytes[place + index] = byte
    }
  }

  private func block(of bytes: [UInt8], _ random: inout TestRandom) -> [UInt8] {
    let start = random.below(bytes.count)
    return Array(bytes[start..<min(bytes.count, start + 1 + random.below(64))])
  }

  /// Writes the low `width` bytes of a number, little-endian.
  static func put(_ value: UInt64, _ width: Int, at place: Int, _ bytes: inout [UInt8]) {
    for index in 0..<width where place + index < bytes.count {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }
}

extension TestRandom {
  /// A number from 0 to `limit` − 1.
  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

  /// True once in `count` times.
  mutating func chance(_ count: Int) -> Bool { below(count) == 0 }

  /// One of the elements.
  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
