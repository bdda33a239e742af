import CZlib
import Support

/// Where the values of a dataset are.
enum HDF5Storage {
  /// In the object's header itself.
  case compact([UInt8])
  /// In one piece; no address where nothing was written, no count in the oldest files.
  case contiguous(address: UInt64?, count: Int?)
  case chunked(HDF5Chunks)

  /// Reads a layout message.
  init(_ cursor: inout HDF5Cursor) throws(FileError) {
    let version = try cursor.version(1...5, of: "a layout")
    if version < 3 {
      try self.init(old: &cursor)
      return
    }
    switch try cursor.number(1) {
    case 0: self = .compact(try cursor.take(try cursor.size(2)))
    case 1:
      let address = try cursor.address()
      self = .contiguous(address: address, count: try cursor.size(8))
    case 2 where version == 3:
      let rank = try cursor.size(1)
      self = .chunked(try HDF5Chunks(tree: try cursor.address(), rank: rank, &cursor))
    // Version 5 differs only in the width of compressed sizes, which the index states itself.
    case 2: self = .chunked(try HDF5Chunks(version4: &cursor))
    case 3:
      throw .unsupported(
        path: cursor.path, place: cursor.place, found: "data kept in another file",
        supported: "every dataset in the file itself")
    default: throw cursor.damaged("an unknown layout")
    }
  }

  /// Versions 1 and 2, to HDF5 1.6.2.
  private init(old cursor: inout HDF5Cursor) throws(FileError) {
    let (rank, kind) = (try cursor.size(1), try cursor.number(1))
    try cursor.skip(5)
    let address = kind == 0 ? nil : try cursor.address()
    switch kind {
    case 0:
      try cursor.skip(4 * rank)
      self = .compact(try cursor.take(try cursor.size(4)))
    case 1: self = .contiguous(address: address, count: nil)
    case 2: self = .chunked(try HDF5Chunks(tree: address, rank: rank, &cursor))
    default: throw cursor.damaged("an unknown layout")
    }
  }
}

/// What was done to the chunks of a dataset before they were stored.
struct HDF5Filters {
  private enum Filter {
    case deflate
    case shuffle(elementBytes: Int)
    case fletcher32
  }

  /// More than any writer has a use for; each costs a pass over the values.
  private static let most = 8
  /// The names of compressions that others use, by the numbers that the HDF Group keeps a list of.
  private static let names = [
    4: "szip", 5: "nbit", 6: "scale-offset", 305: "LZO", 307: "bzip2", 32000: "lzf", 32001: "blosc",
    32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd", 32017: "SZ", 32026: "blosc2",
  ]

  private var filters: [Filter] = []

  /// Whether chunks are stored as they are.
  var isEmpty: Bool { filters.isEmpty }

  /// Reads a filter message; without one nothing was done.
  init(_ message: HDF5Cursor?, elementBytes: Int) throws(FileError) {
    guard var cursor = message else { return }
    let version = try cursor.version(1...2, of: "a list of filters")
    let count = try cursor.size(1)
    guard count <= Self.most else {
      throw .unsupported(
        path: cursor.path, place: cursor.place, found: "a list of \(count) filters",
        supported: "at most \(Self.most) for each dataset")
    }
    if version == 1 { try cursor.skip(6) }
    for _ in 0..<count {
      filters.append(try Self.filter(&cursor, version: version, elementBytes: elementBytes))
    }
  }

  private static func filter(
    _ cursor: inout HDF5Cursor, version: UInt64, elementBytes: Int
  ) throws(FileError) -> Filter {
    let id = try cursor.size(2)
    let nameBytes = version == 1 || id >= 256 ? try cursor.size(2) : 0
    try cursor.skip(2)
    let count = try cursor.size(2)
    let stated = try cursor.take(version == 1 ? (nameBytes + 7) / 8 * 8 : nameBytes)
    let first = count > 0 ? try cursor.size(4) : nil
    // Version 1 fills up an odd number of values.
    try cursor.skip(4 * (max(count, 1) - 1 + (version == 1 ? count % 2 : 0)))
    switch id {
    case 1: return .deflate
    case 2: return .shuffle(elementBytes: max(first ?? elementBytes, 1))
    case 3: return .fletcher32
    default:
      let name = String(decoding: stated.prefix { $0 != 0 }, as: UTF8.self)
      let known = names[id] ?? (name.isEmpty ? nil : name)
      throw .unsupported(
        path: cursor.path, place: cursor.place,
        found: "HDF5 filter \(id)" + (known.map { " (\($0))" } ?? ""),
        supported: "datasets without compression, or with gzip, shuffle and fletcher32")
    }
  }

  /// The chunk `bytes` as it was, or nil if it cannot be had or exceeds `limit` bytes.
  func undone(_ bytes: [UInt8], mask: UInt32, limit: Int) -> [UInt8]? {
    var bytes = bytes
    for (index, filter) in filters.enumerated().reversed() where mask >> UInt32(index) & 1 == 0 {
      switch filter {
      case .deflate:
        guard let content = inflated(bytes, limit: Self.between(limit)) else { return nil }
        bytes = content
      case .shuffle(let elementBytes): bytes = unshuffled(bytes, elementBytes)
      case .fletcher32:
        guard bytes.count >= 4 else { return nil }
        let stated = bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        bytes.removeLast(4)
        guard Self.fletcher32(bytes) == stated else { return nil }
      }
    }
    return bytes.count <= limit ? bytes : nil
  }

  /// What a chunk of `limit` bytes may be between two filters: a checksum stands behind the values, and
  /// what deflate cannot make shorter gets longer (zlib's `compressBound`, once for each filter).
  static func between(_ limit: Int) -> Int {
    limit + most * (limit >> 10 + 32)
  }

  /// Puts the bytes of each element together again; what is left at the end stays.
  private func unshuffled(_ bytes: [UInt8], _ elementBytes: Int) -> [UInt8] {
    let count = bytes.count / elementBytes
    // A damaged filter has elements of any size, larger than the chunk.
    guard count > 1 else { return bytes }
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

/// The content of a zlib stream, HDF5's `gzip` filter; nil if it is none or longer than `limit` bytes.
func inflated(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
  var isWhole = false
  let content = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
    var length = uLongf(limit)
    isWhole = unsafe uncompress(buffer.baseAddress, &length, bytes, uLong(bytes.count)) == Z_OK
    filled = isWhole ? Int(length) : 0
  }
  return isWhole ? content : nil
}
