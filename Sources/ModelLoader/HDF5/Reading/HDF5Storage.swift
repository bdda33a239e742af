/// Where the values of a dataset are.
enum HDF5Storage {
  /// In the object's header itself.
  case compact([UInt8])
  /// In one piece; nil where nothing was written.
  case contiguous(address: UInt64?, count: Int)
  case chunked(HDF5Chunks)

  /// Reads a layout message.
  init(_ cursor: inout HDF5Cursor) throws(ModelLoaderError) {
    let version = try cursor.version(3...5, of: "a layout")
    switch try cursor.number(1) {
    case 0: self = .compact(try cursor.take(try cursor.size(2)))
    case 1:
      let address = try cursor.address()
      self = .contiguous(address: address, count: try cursor.size(8))
    case 2 where version == 3: self = .chunked(try HDF5Chunks(version3: &cursor))
    // Version 5 differs only in the width of compressed sizes, which the index states itself.
    case 2: self = .chunked(try HDF5Chunks(version4: &cursor))
    case 3:
      throw .unsupported(
        path: cursor.path, place: cursor.place, found: "data kept in another file",
        supported: "every dataset in the file itself")
    default: throw cursor.damaged("an unknown layout")
    }
  }
}

/// The chunks of a dataset and the way to find them.
struct HDF5Chunks {
  private enum Index {
    case tree
    case single(byteCount: Int?, mask: UInt32)
    case implicit
    case fixedArray
  }

  /// One chunk as stored; bit i of the mask says that filter i was left out.
  private struct Stored {
    var corner: [Int]
    var address: UInt64
    var byteCount: Int
    var mask: UInt32
  }

  /// Sizes of a chunk along each axis.
  let shape: [Int]
  private let elementBytes: Int
  private let index: Index
  private let address: UInt64?

  init(version3 cursor: inout HDF5Cursor) throws(ModelLoaderError) {
    let rank = try cursor.size(1)
    address = try cursor.address()
    index = .tree
    (shape, elementBytes) = try Self.sizes(&cursor, rank: rank, bytesEach: 4)
  }

  init(version4 cursor: inout HDF5Cursor) throws(ModelLoaderError) {
    let flags = try cursor.number(1)
    let rank = try cursor.size(1)
    (shape, elementBytes) = try Self.sizes(&cursor, rank: rank, bytesEach: try cursor.size(1))
    let kind = try cursor.number(1)
    switch (kind, flags) {
    case (1, 0): index = .single(byteCount: nil, mask: 0)
    case (1, 2):
      let count = try cursor.size(8)
      index = .single(byteCount: count, mask: UInt32(try cursor.number(4)))
    case (2, 0): index = .implicit
    case (3, 0):
      try cursor.skip(1)
      index = .fixedArray
    default:
      throw .unsupported(
        path: cursor.path, place: cursor.place, found: "a dataset that can grow",
        supported: "datasets of fixed size")
    }
    address = try cursor.address()
  }

  private static func sizes(
    _ cursor: inout HDF5Cursor, rank: Int, bytesEach: Int
  ) throws(ModelLoaderError) -> ([Int], Int) {
    guard (2...33).contains(rank) else { throw cursor.damaged("chunks of \(rank - 1) axes") }
    var sizes: [Int] = []
    for _ in 0..<rank { sizes.append(try cursor.size(bytesEach)) }
    guard sizes.allSatisfy({ $0 >= 1 }) else { throw cursor.damaged("chunks of no size") }
    return (Array(sizes.dropLast()), sizes[rank - 1])
  }

  /// All values of a dataset of `shape`, as stored but for compression.
  func read(
    shape whole: [Int], elementBytes: Int, filters: HDF5Filters, in input: HDF5Input, place: String
  ) throws(ModelLoaderError) -> [UInt8] {
    func damaged(_ problem: String) -> ModelLoaderError {
      HDF5Input.damaged(problem, path: input.file.path, place: place)
    }
    guard whole.count == shape.count, elementBytes == self.elementBytes else {
      throw damaged("chunks that do not fit the dataset")
    }
    let grid = zip(whole, shape).map { $0 / $1 + ($0 % $1 == 0 ? 0 : 1) }
    // Edge chunks are whole ones, so that all together may be larger than the dataset.
    guard let count = product(grid), let chunkBytes = product(shape + [elementBytes]),
      let total = product([count, chunkBytes]), total <= input.largestDataset,
      let values = product(whole + [elementBytes])
    else { throw Self.tooLarge(whole, input, place) }
    let chunks = try stored(count, grid, chunkBytes, in: input, place: place)
    guard chunks.count == count, Set(chunks.map(\.corner)).count == count else {
      throw damaged("chunks that are missing or there twice")
    }
    var output = [UInt8](repeating: 0, count: values)
    for chunk in chunks {
      let inside = zip(chunk.corner, zip(whole, shape))
      guard inside.allSatisfy({ $0 >= 0 && $0 < $1.0 && $0 % $1.1 == 0 }) else {
        throw damaged("a chunk outside the dataset")
      }
      guard let offset = input.offset(of: chunk.address, count: chunk.byteCount) else {
        throw damaged("a chunk outside the file")
      }
      let bytes = try input.file.read(at: offset, count: chunk.byteCount, place: place)
      guard let plain = filters.undone(bytes, mask: chunk.mask, limit: chunkBytes),
        plain.count == chunkBytes
      else { throw damaged("a chunk that cannot be decompressed") }
      copy(plain, corner: chunk.corner, whole: whole, to: &output)
    }
    return output
  }

  static func tooLarge(_ shape: [Int], _ input: HDF5Input, _ place: String) -> ModelLoaderError {
    .invalid(
      path: input.file.path, place: place,
      expected: "a dataset of at most \(input.largestDataset) bytes in a file of this size",
      found: "shape \(shape)", fix: "write it contiguous and without compression")
  }

  /// Copies the part of a chunk that lies inside the dataset, one row of the last axis at a time.
  private func copy(_ chunk: [UInt8], corner: [Int], whole: [Int], to output: inout [UInt8]) {
    let sizes = zip(corner, zip(whole, shape)).map { min($1.1, $1.0 - $0) }
    let rows = sizes.dropLast().reduce(1, *)
    let rowBytes = (sizes.last ?? 1) * elementBytes
    for row in 0..<rows {
      // The row's place in the chunk and in the dataset, axis by axis from the last but one.
      var (rest, from, to, chunkStep, wholeStep) = (row, 0, corner.last ?? 0, 1, 1)
      chunkStep = shape.last ?? 1
      wholeStep = whole.last ?? 1
      for axis in sizes.indices.dropLast().reversed() {
        let position = rest % sizes[axis]
        rest /= sizes[axis]
        from += position * chunkStep
        to += (corner[axis] + position) * wholeStep
        chunkStep *= shape[axis]
        wholeStep *= whole[axis]
      }
      let (source, target) = (from * elementBytes, to * elementBytes)
      output.replaceSubrange(target..<target + rowBytes, with: chunk[source..<source + rowBytes])
    }
  }

  // MARK: Finding chunks

  private func stored(
    _ count: Int, _ grid: [Int], _ chunkBytes: Int, in input: HDF5Input, place: String
  ) throws(ModelLoaderError) -> [Stored] {
    guard let address else { return [] }
    switch index {
    case .tree: return try treeChunks(address, count, in: input, place: place)
    case .single(let byteCount, let mask):
      return [
        Stored(
          corner: grid.map { _ in 0 }, address: address, byteCount: byteCount ?? chunkBytes,
          mask: mask)
      ]
    case .implicit:
      // The dataset's size is limited, so that nothing here overflows but a hostile address.
      return (0..<count).map {
        Stored(
          corner: corner($0, grid), address: address &+ UInt64($0 * chunkBytes),
          byteCount: chunkBytes, mask: 0)
      }
    case .fixedArray: return try arrayChunks(address, count, grid, chunkBytes, input, place)
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

  private func treeChunks(
    _ address: UInt64, _ count: Int, in input: HDF5Input, place: String
  ) throws(ModelLoaderError) -> [Stored] {
    var chunks: [Stored] = []
    let axes = shape.count
    try HDF5TreeV1.visit(
      address, type: 1, keyBytes: 16 + 8 * axes, in: input, place: place
    ) { (key, child) throws(ModelLoaderError) in
      guard chunks.count < count else { throw key.damaged("chunks that are there twice") }
      let byteCount = try key.size(4)
      let mask = UInt32(try key.number(4))
      var corner: [Int] = []
      for _ in 0..<axes { corner.append(try key.size(8)) }
      chunks.append(Stored(corner: corner, address: child, byteCount: byteCount, mask: mask))
    }
    return chunks
  }

  /// The chunks of a fixed array: a header, then a block with an entry for each, in pages if many.
  private func arrayChunks(
    _ address: UInt64, _ count: Int, _ grid: [Int], _ chunkBytes: Int, _ input: HDF5Input,
    _ place: String
  ) throws(ModelLoaderError) -> [Stored] {
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
    var chunks: [Stored] = []
    var next = block + UInt64(prefix) + 4
    while chunks.count < count {
      if pages > 0 {
        let size = min(perPage, count - chunks.count) * entryBytes + 4
        cursor = try input.checked(at: next, count: size, place: place)
        next += UInt64(size)
      }
      while cursor.left > 0 {
        guard let address = try cursor.address() else { throw cursor.damaged("a missing chunk") }
        let byteCount = isFiltered ? try cursor.size(entryBytes - 12) : chunkBytes
        let mask = isFiltered ? UInt32(try cursor.number(4)) : 0
        chunks.append(
          Stored(
            corner: corner(chunks.count, grid), address: address, byteCount: byteCount, mask: mask))
      }
    }
    return chunks
  }
}
