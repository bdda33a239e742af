/// Decompression of zlib streams (RFC 1950, RFC 1951), the `gzip` filter of HDF5.
///
/// Written with checked indices only: what is compressed comes from the file.
struct HDF5Inflate {
  private let bytes: [UInt8]
  private let limit: Int
  private var position = 2
  private var bits: UInt32 = 0
  private var bitCount = 0
  private var output: [UInt8] = []

  /// The content of the zlib stream `bytes`, or nil if it is none or longer than `limit` bytes.
  static func content(of bytes: [UInt8], limit: Int) -> [UInt8]? {
    guard bytes.count >= 6, bytes[0] & 15 == 8, bytes[1] & 32 == 0,
      (Int(bytes[0]) << 8 | Int(bytes[1])) % 31 == 0
    else { return nil }
    var inflate = HDF5Inflate(bytes: bytes, limit: limit)
    guard inflate.blocks(), inflate.position + 4 <= bytes.count else { return nil }
    let stated = bytes[inflate.position..<inflate.position + 4].reduce(UInt32(0)) {
      $0 << 8 | UInt32($1)
    }
    return adler32(inflate.output) == stated ? inflate.output : nil
  }

  private init(bytes: [UInt8], limit: Int) {
    (self.bytes, self.limit) = (bytes, limit)
  }

  private static func adler32(_ bytes: [UInt8]) -> UInt32 {
    var (low, high) = (UInt32(1), UInt32(0))
    for byte in bytes {
      low = (low + UInt32(byte)) % 65521
      high = (high + low) % 65521
    }
    return high << 16 | low
  }

  /// The next `count` bits, at most 16, lowest first.
  private mutating func take(_ count: Int) -> Int? {
    while bitCount < count {
      guard position < bytes.count else { return nil }
      bits |= UInt32(bytes[position]) << UInt32(bitCount)
      position += 1
      bitCount += 8
    }
    defer {
      bits >>= UInt32(count)
      bitCount -= count
    }
    return Int(bits & (1 << UInt32(count) - 1))
  }

  private mutating func blocks() -> Bool {
    var isLast = false
    while !isLast {
      guard let last = take(1), let kind = take(2) else { return false }
      isLast = last == 1
      let isDone =
        switch kind {
        case 0: stored()
        case 1: compressed(Self.fixedLiterals, Self.fixedDistances)
        case 2: dynamic()
        default: false
        }
      if !isDone { return false }
    }
    // Whole bytes that were read ahead belong to what follows.
    position -= bitCount / 8
    return true
  }

  private mutating func stored() -> Bool {
    position -= bitCount / 8
    (bits, bitCount) = (0, 0)
    guard let count = take(16), let complement = take(16), count == ~complement & 0xFFFF,
      count <= bytes.count - position, count <= limit - output.count
    else { return false }
    output += bytes[position..<position + count]
    position += count
    return true
  }

  // MARK: Huffman codes

  /// A canonical code: how many codes there are of each length, and the symbols in their order.
  private struct Code {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int] = []

    /// nil for lengths that no prefix code has.
    init?(_ lengths: some Collection<Int>) {
      for length in lengths { counts[length] += 1 }
      counts[0] = 0
      var room = 1
      for length in 1...15 {
        room = 2 * room - counts[length]
        if room < 0 { return nil }
      }
      let used = lengths.enumerated().filter { $0.element > 0 }
      symbols = used.sorted { ($0.element, $0.offset) < ($1.element, $1.offset) }.map(\.offset)
    }
  }

  private static let fixedLiterals = Code(
    (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
  private static let fixedDistances = Code([Int](repeating: 5, count: 30))

  private mutating func symbol(_ code: Code) -> Int? {
    var (value, first, index) = (0, 0, 0)
    for length in 1...15 {
      guard let bit = take(1) else { return nil }
      value |= bit
      let count = code.counts[length]
      if value - first < count { return code.symbols[index + value - first] }
      index += count
      first = (first + count) << 1
      value <<= 1
    }
    return nil
  }

  private mutating func dynamic() -> Bool {
    guard let literals = take(5), let distances = take(5), let lengths = take(4) else {
      return false
    }
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    var codeLengths = [Int](repeating: 0, count: 19)
    for place in order.prefix(lengths + 4) {
      guard let length = take(3) else { return false }
      codeLengths[place] = length
    }
    guard let code = Code(codeLengths),
      let all = runs(code, count: literals + 257 + distances + 1)
    else { return false }
    return compressed(Code(all.prefix(literals + 257)), Code(all.dropFirst(literals + 257)))
  }

  /// The code lengths of a block, which are compressed themselves.
  private mutating func runs(_ code: Code, count: Int) -> [Int]? {
    var lengths: [Int] = []
    while lengths.count < count {
      guard let symbol = symbol(code) else { return nil }
      if symbol < 16 {
        lengths.append(symbol)
        continue
      }
      let (bits, least) = symbol == 16 ? (2, 3) : symbol == 17 ? (3, 3) : (7, 11)
      guard let more = take(bits), let value = symbol == 16 ? lengths.last : 0 else { return nil }
      lengths += repeatElement(value, count: least + more)
    }
    return lengths.count == count ? lengths : nil
  }

  private static let lengthStarts = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
  ]
  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distanceStarts = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
    3073, 4097, 6145, 8193, 12289, 16385, 24577,
  ]

  private mutating func compressed(_ literals: Code?, _ distances: Code?) -> Bool {
    guard let literals, let distances else { return false }
    while let symbol = symbol(literals) {
      if symbol == 256 { return true }
      if symbol < 256 {
        guard output.count < limit else { return false }
        output.append(UInt8(symbol))
      } else if !copy(symbol - 257, distances) {
        return false
      }
    }
    return false
  }

  /// Repeats what stands some way back in the output.
  private mutating func copy(_ symbol: Int, _ distances: Code) -> Bool {
    guard Self.lengthStarts.indices.contains(symbol), let more = take(Self.lengthBits[symbol]),
      let place = self.symbol(distances), Self.distanceStarts.indices.contains(place),
      let further = take(max(0, place / 2 - 1))
    else { return false }
    let length = Self.lengthStarts[symbol] + more
    let distance = Self.distanceStarts[place] + further
    guard distance <= output.count, length <= limit - output.count else { return false }
    for _ in 0..<length { output.append(output[output.count - distance]) }
    return true
  }
}
