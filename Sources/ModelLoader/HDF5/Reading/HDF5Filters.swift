/// What was done to the chunks of a dataset before they were stored.
struct HDF5Filters {
  private enum Filter {
    case deflate
    case shuffle
    case fletcher32
  }

  private var filters: [Filter] = []
  private let elementBytes: Int

  /// Reads a filter message; without one nothing was done.
  init(_ message: HDF5Cursor?, elementBytes: Int) throws(ModelLoaderError) {
    self.elementBytes = elementBytes
    guard var cursor = message else { return }
    let version = try cursor.version(1...2, of: "a list of filters")
    let count = try cursor.size(1)
    if version == 1 { try cursor.skip(6) }
    for _ in 0..<count {
      let id = try cursor.size(2)
      let nameBytes = version == 1 || id >= 256 ? try cursor.size(2) : 0
      try cursor.skip(2)
      let values = try cursor.size(2)
      try cursor.skip(version == 1 ? (nameBytes + 7) / 8 * 8 : nameBytes)
      try cursor.skip(4 * (version == 1 ? (values + 1) / 2 * 2 : values))
      switch id {
      case 1: filters.append(.deflate)
      case 2: filters.append(.shuffle)
      case 3: filters.append(.fletcher32)
      default:
        throw .unsupported(
          path: cursor.path, place: cursor.place, found: "HDF5 filter \(id)",
          supported: "datasets without compression, or with gzip, shuffle and fletcher32")
      }
    }
    guard filters.count <= 3 else { throw cursor.damaged("\(count) filters") }
  }

  /// The chunk `bytes` as it was, or nil if it cannot be had or exceeds `limit` bytes.
  func undone(_ bytes: [UInt8], mask: UInt32, limit: Int) -> [UInt8]? {
    var bytes = bytes
    for (index, filter) in filters.enumerated().reversed() where mask >> UInt32(index) & 1 == 0 {
      switch filter {
      case .deflate:
        // A checksum may stand behind the values.
        guard let content = inflated(bytes, limit: limit + 4) else { return nil }
        bytes = content
      case .shuffle: bytes = unshuffled(bytes)
      case .fletcher32:
        guard bytes.count >= 4 else { return nil }
        let stated = bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        bytes.removeLast(4)
        guard Self.fletcher32(bytes) == stated else { return nil }
      }
    }
    return bytes
  }

  /// Puts the bytes of each element together again.
  private func unshuffled(_ bytes: [UInt8]) -> [UInt8] {
    let count = bytes.count / elementBytes
    var result = bytes
    for byte in 0..<elementBytes {
      for element in 0..<count {
        result[element * elementBytes + byte] = bytes[byte * count + element]
      }
    }
    return result
  }

  /// Fletcher's checksum over 16-bit words, most significant byte first.
  private static func fletcher32(_ bytes: [UInt8]) -> UInt32 {
    var (low, high) = (UInt32(0), UInt32(0))
    for place in stride(from: 0, to: bytes.count, by: 2) {
      let next = place + 1 < bytes.count ? UInt32(bytes[place + 1]) : 0
      low += UInt32(bytes[place]) << 8 | next
      low = low & 0xFFFF + low >> 16
      high += low
      high = high & 0xFFFF + high >> 16
    }
    return high << 16 | low
  }
}
