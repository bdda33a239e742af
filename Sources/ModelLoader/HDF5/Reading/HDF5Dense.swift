import Support

/// Many links or attributes of one object: a heap that holds them, and a tree that finds them.
enum HDF5Dense {
  /// The messages in the fractal heap at `heap`, in the order of the tree of version 2 at `index`.
  ///
  /// `type` is the tree's: 5 for links by name, 8 for attributes by name.
  static func objects(
    heap: UInt64, index: UInt64, type: UInt64, in input: HDF5Input, _ place: String
  ) throws(FileError) -> [[UInt8]] {
    var heap = try HDF5FractalHeap(at: heap, in: input, place: place)
    var tree = try HDF5TreeV2(at: index, type: type, in: input, place: place)
    var objects: [[UInt8]] = []
    for record in try tree.records() {
      // A link's identifier follows a hash; an attribute's comes first, then its flags.
      if type == 8, record.count > 8, record[8] & 2 != 0 {
        throw HDF5Input.damaged("a shared attribute", path: input.file.path, place: place)
      }
      let object = try heap.object(type == 5 ? record.dropFirst(4) : record.prefix(8))
      // Many records may lead to one object.
      try input.chargeStructure(object.count, place: place)
      objects.append(object)
    }
    return objects
  }
}

/// A tree of version 2: records of one size, in order.
struct HDF5TreeV2 {
  private let input: HDF5Input
  private let place: String
  private let type: UInt64
  private let nodeBytes: Int
  private let recordBytes: Int
  private let depth: Int
  private let root: UInt64?
  private let rootCount: Int
  private let total: Int
  /// Bytes of the number of all records below a node, by the node's height.
  private var totalBytes: [Int] = [0]
  private var countBytes = 1
  private var found: [[UInt8]] = []

  init(
    at address: UInt64, type: UInt64, in input: HDF5Input, place: String
  ) throws(FileError) {
    var head = try input.checked(at: address, count: 38, place: place)
    try head.signature("BTHD")
    try head.version(0...0, of: "a tree")
    guard try head.number(1) == type else { throw head.damaged("a tree of another type") }
    self.type = type
    (nodeBytes, recordBytes) = (try head.size(4), try head.size(2))
    depth = try head.size(2)
    try head.skip(2)
    root = try head.address()
    (rootCount, total) = (try head.size(2), try head.size(8))
    guard recordBytes >= (type == 5 ? 11 : 17), nodeBytes >= 64, nodeBytes <= input.file.byteCount,
      depth < 16
    else { throw head.damaged("a tree of impossible sizes") }
    (self.input, self.place) = (input, place)
    try measureNodes(head)
  }

  /// How wide the numbers in a node are follows from how many records fit into one.
  private mutating func measureNodes(_ head: HDF5Cursor) throws(FileError) {
    let room = nodeBytes - 10
    var most = room / recordBytes
    countBytes = Self.byteCount(of: most)
    for height in 0..<depth {
      let pointer = 8 + countBytes + totalBytes[height]
      let children = (room - pointer) / (recordBytes + pointer)
      let (product, isLarge) = (children + 1).multipliedReportingOverflow(by: most)
      guard children >= 1, !isLarge, product <= Int.max - children else {
        throw head.damaged("a tree of impossible sizes")
      }
      most = product + children
      totalBytes.append(Self.byteCount(of: most))
    }
  }

  private static func byteCount(of limit: Int) -> Int {
    max(1, (Int.bitWidth - limit.leadingZeroBitCount + 7) / 8)
  }

  /// All records.
  mutating func records() throws(FileError) -> [[UInt8]] {
    found = []
    if let root { try visit(root, count: rootCount, height: depth) }
    guard found.count == total else {
      throw HDF5Input.damaged("a torn tree", path: input.file.path, place: place)
    }
    return found
  }

  private mutating func visit(
    _ address: UInt64, count: Int, height: Int
  ) throws(FileError) {
    let pointer = 8 + countBytes + totalBytes[height > 0 ? height - 1 : 0]
    let pointers = height > 0 ? (count + 1) * pointer : 0
    var node = try input.checked(
      at: address, count: 10 + count * recordBytes + pointers, place: place)
    if height > 0 { try node.signature("BTIN") } else { try node.signature("BTLF") }
    try node.version(0...0, of: "a tree")
    guard try node.number(1) == type else { throw node.damaged("a torn tree") }
    for _ in 0..<count { found.append(try node.take(recordBytes)) }
    guard height > 0, found.count <= total else { return }
    for _ in 0...count {
      guard let child = try node.address() else { throw node.damaged("a torn tree") }
      let below = try node.size(countBytes)
      try node.skip(totalBytes[height - 1])
      try visit(child, count: below, height: height - 1)
    }
  }
}

/// A fractal heap of messages.
struct HDF5FractalHeap {
  private let input: HDF5Input
  private let place: String
  private let address: UInt64
  private let offsetBytes: Int
  private let lengthBytes: Int
  private let hasChecksums: Bool
  /// Where each block starts in the heap, its size and its address, in order.
  private var blocks: [(start: Int, count: Int, address: UInt64)] = []
  private var contents: [Int: [UInt8]] = [:]

  init(at address: UInt64, in input: HDF5Input, place: String) throws(FileError) {
    var head = try input.checked(at: address, count: 146, place: place)
    try head.signature("FRHP")
    try head.version(0...0, of: "a heap")
    try head.skip(2)
    let filterBytes = try head.size(2)
    hasChecksums = try head.number(1) & 2 != 0
    let largestObject = try head.size(4)
    // Large objects, free space and statistics.
    try head.skip(96)
    let width = try head.size(2)
    let (first, largest) = (try head.size(8), try head.size(8))
    let bits = try head.size(2)
    try head.skip(2)
    let root = try head.address()
    let rows = try head.size(2)
    guard filterBytes == 0, (1...64).contains(width), first.nonzeroBitCount == 1, first >= 16,
      largest.nonzeroBitCount == 1, largest >= first, largest <= 1 << 30, (1...62).contains(bits)
    else { throw head.damaged("a heap of impossible sizes") }
    offsetBytes = (bits + 7) / 8
    lengthBytes = min(
      (largest.trailingZeroBitCount + 7) / 8,
      max(1, (Int.bitWidth - largestObject.leadingZeroBitCount + 7) / 8))
    (self.input, self.place, self.address) = (input, place, address)
    guard let root else { return }
    if rows == 0 {
      blocks = [(0, first, root)]
    } else {
      let direct = largest.trailingZeroBitCount - first.trailingZeroBitCount + 2
      guard rows <= direct else { throw Self.tooLarge(head) }
      try readIndirect(root, rows: rows, width: width, first: first)
    }
  }

  private static func tooLarge(_ cursor: HDF5Cursor) -> FileError {
    .unsupported(
      path: cursor.path, place: cursor.place, found: "a heap of very many or very large messages",
      supported: "names and attributes of at most some kilobytes each")
  }

  /// The table of direct blocks: two rows of blocks of the first size, then each row doubles it.
  private mutating func readIndirect(
    _ root: UInt64, rows: Int, width: Int, first: Int
  ) throws(FileError) {
    let count = 13 + offsetBytes + 8 * rows * width + 4
    var cursor = try input.checked(at: root, count: count, place: place)
    try cursor.signature("FHIB")
    try cursor.version(0...0, of: "a heap")
    guard try cursor.address() == address else { throw cursor.damaged("a torn heap") }
    try cursor.skip(offsetBytes)
    var start = 0
    for row in 0..<rows {
      let size = first << max(0, row - 1)
      for _ in 0..<width {
        if let block = try cursor.address() { blocks.append((start, size, block)) }
        start += size
      }
    }
  }

  /// The object with the identifier `id`.
  mutating func object(_ id: some Sequence<UInt8>) throws(FileError) -> [UInt8] {
    var cursor = HDF5Cursor(Array(id), path: input.file.path, place: place)
    // Bits 4 and 5 are the kind: 0 stands for one in a block of the heap.
    guard try cursor.number(1) & 0xF0 == 0 else { throw Self.tooLarge(cursor) }
    let start = try cursor.size(offsetBytes)
    let count = try cursor.size(lengthBytes)
    let index = blockCount(to: start) - 1
    guard index >= 0, start - blocks[index].start <= blocks[index].count else {
      throw cursor.damaged("a torn heap")
    }
    let content = try block(index)
    let offset = start - blocks[index].start
    guard offset >= 13 + offsetBytes, count <= content.count - offset else {
      throw cursor.damaged("a torn heap")
    }
    return Array(content[offset..<offset + count])
  }

  /// How many blocks start at `start` or before it.
  private func blockCount(to start: Int) -> Int {
    var (low, high) = (0, blocks.count)
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].start <= start { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func block(_ index: Int) throws(FileError) -> [UInt8] {
    if let known = contents[index] { return known }
    let block = blocks[index]
    var cursor = try input.structure(at: block.address, count: block.count, place: place)
    try cursor.signature("FHDB")
    try cursor.version(0...0, of: "a heap")
    guard try cursor.address() == address, try cursor.size(offsetBytes) == block.start else {
      throw cursor.damaged("a torn heap")
    }
    if hasChecksums {
      let place = cursor.position
      let stated = try cursor.number(4)
      var bytes = cursor.bytes
      bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0, 0])
      guard UInt64(HDF5Checksum.of(bytes)) == stated else {
        throw cursor.damaged("a wrong checksum")
      }
    }
    contents[index] = cursor.bytes
    return cursor.bytes
  }
}
