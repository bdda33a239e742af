import Support

extension HDF5Chunks {
  /// Calls `body` with each of the `count` chunks, those of the `grid`, that are stored.
  func forEachStored(
    _ count: Int, _ grid: [Int], _ chunkBytes: Int, in input: HDF5Input, place: String,
    _ body: (Stored) throws(FileError) -> Void
  ) throws(FileError) {
    guard let address else { return }
    switch index {
    case .tree: try forEachInTree(address, in: input, place: place, body)
    case .single(let byteCount, let mask):
      try body(
        Stored(
          corner: grid.map { _ in 0 }, address: address, byteCount: byteCount ?? chunkBytes,
          mask: mask))
    case .implicit:
      // The dataset's size is limited, so that nothing here overflows but a hostile address.
      for number in 0..<count {
        try body(
          Stored(
            corner: corner(number, grid), address: address &+ UInt64(number * chunkBytes),
            byteCount: chunkBytes, mask: 0))
      }
    case .fixedArray: try forEachInArray(address, count, grid, chunkBytes, input, place, body)
    }
  }

  private func corner(_ index: Int, _ grid: [Int]) -> [Int] {
    var (rest, corner) = (index, grid)
    for axis in grid.indices.reversed() {
      corner[axis] = rest % grid[axis] * shape[axis]
      rest /= grid[axis]
    }
    return corner
  }

  private func forEachInTree(
    _ address: UInt64, in input: HDF5Input, place: String,
    _ body: (Stored) throws(FileError) -> Void
  ) throws(FileError) {
    let axes = shape.count
    try HDF5TreeV1.visit(
      address, type: 1, keyBytes: 16 + 8 * axes, in: input, place: place
    ) { (key, child) throws(FileError) in
      let byteCount = try key.size(4)
      let mask = UInt32(try key.number(4))
      var corner: [Int] = []
      for _ in 0..<axes { corner.append(try key.size(8)) }
      try body(Stored(corner: corner, address: child, byteCount: byteCount, mask: mask))
    }
  }

  /// The chunks of a fixed array: a header, then a block with an entry for each, in pages if many.
  private func forEachInArray(
    _ address: UInt64, _ count: Int, _ grid: [Int], _ chunkBytes: Int, _ input: HDF5Input,
    _ place: String, _ body: (Stored) throws(FileError) -> Void
  ) throws(FileError) {
    var head = try input.checked(at: address, count: 28, place: place)
    try head.signature("FAHD")
    try head.version(0...0, of: "an array of chunks")
    let isFiltered = try head.number(1) == 1
    let (entryBytes, pageBits, entries) = (try head.size(1), try head.size(1), try head.size(8))
    let widest = isFiltered ? 13...20 : 8...8
    guard let block = try head.address(), entries == count, widest.contains(entryBytes),
      (1...20).contains(pageBits)
    else { throw head.damaged("a torn array of chunks") }
    let perPage = 1 << pageBits
    let pages = count > perPage ? (count - 1) / perPage + 1 : 0
    let prefix = 14 + (pages + 7) / 8
    var cursor = try input.checked(
      at: block, count: prefix + (pages == 0 ? count * entryBytes : 0) + 4, place: place)
    try cursor.signature("FADB")
    try cursor.skip(prefix - 4)
    var next = block + UInt64(prefix) + 4
    var number = 0
    while number < count {
      if pages > 0 {
        let size = min(perPage, count - number) * entryBytes + 4
        cursor = try input.checked(at: next, count: size, place: place)
        next += UInt64(size)
      }
      while cursor.left > 0 {
        guard let address = try cursor.address() else {
          throw HDF5Input.unwritten(path: input.file.path, place: place)
        }
        let byteCount = isFiltered ? try cursor.size(entryBytes - 12) : chunkBytes
        let mask = isFiltered ? UInt32(try cursor.number(4)) : 0
        try body(
          Stored(
            corner: corner(number, grid), address: address, byteCount: byteCount, mask: mask))
        number += 1
      }
    }
  }
}
