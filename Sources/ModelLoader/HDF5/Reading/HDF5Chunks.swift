import Support

/// The chunks of a dataset and the way to find them.
struct HDF5Chunks {
  enum Index {
    case tree
    case single(byteCount: Int?, mask: UInt32)
    case implicit
    case fixedArray
  }

  /// One chunk as stored; bit i of the mask says that filter i was left out.
  struct Stored {
    var corner: [Int]
    var address: UInt64
    var byteCount: Int
    var mask: UInt32
  }

  /// Sizes of a chunk along each axis.
  let shape: [Int]
  let index: Index
  let address: UInt64?
  private let elementBytes: Int

  /// Chunks that the tree at `tree` finds: layouts up to version 3.
  init(tree: UInt64?, rank: Int, _ cursor: inout HDF5Cursor) throws(FileError) {
    address = tree
    index = .tree
    (shape, elementBytes) = try Self.sizes(&cursor, rank: rank, bytesEach: 4)
  }

  init(version4 cursor: inout HDF5Cursor) throws(FileError) {
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
        path: cursor.path, place: cursor.place,
        found: kind > 3 ? "a dataset that can grow" : "chunks that are stored in another way",
        supported: "datasets of fixed size")
    }
    address = try cursor.address()
  }

  private static func sizes(
    _ cursor: inout HDF5Cursor, rank: Int, bytesEach: Int
  ) throws(FileError) -> ([Int], Int) {
    guard (2...33).contains(rank) else { throw cursor.damaged("chunks of \(rank - 1) axes") }
    var sizes: [Int] = []
    for _ in 0..<rank { sizes.append(try cursor.size(bytesEach)) }
    guard sizes.allSatisfy({ $0 >= 1 }) else { throw cursor.damaged("chunks of no size") }
    return (Array(sizes.dropLast()), sizes[rank - 1])
  }

  /// Puts all values of a dataset of `shape` into `output`, as stored but for compression.
  func read(
    shape whole: [Int], elementBytes: Int, filters: HDF5Filters, in input: HDF5Input, place: String,
    into output: inout MutableRawSpan
  ) throws(FileError) {
    func damaged(_ problem: String) -> FileError {
      HDF5Input.damaged(problem, path: input.file.path, place: place)
    }
    guard whole.count == shape.count, elementBytes == self.elementBytes else {
      throw damaged("chunks that do not fit the dataset")
    }
    let grid = zip(whole, shape).map { $0 / $1 + ($0 % $1 == 0 ? 0 : 1) }
    // Edge chunks are whole ones, so that all together may be larger than the dataset.
    guard let count = product(grid), let chunkBytes = product(shape + [elementBytes]),
      let total = product([count, chunkBytes])
    else { throw damaged("chunks that do not fit the dataset") }
    // The values themselves are charged where their memory is taken.
    try input.budget.charge(max(total - output.byteCount, 0) + count, for: place)
    // A chunk before and after a filter, besides the dataset.
    let temporary = filters.isEmpty ? chunkBytes : 2 * HDF5Filters.between(chunkBytes)
    try input.budget.charge(temporary, for: place)
    defer { input.budget.refund(temporary) }
    var isRead = [Bool](repeating: false, count: count)
    var found = 0
    let layout = HDF5ChunkCopy(whole: whole, chunk: shape, elementBytes: elementBytes)
    try forEachStored(count, grid, chunkBytes, in: input, place: place) {
      chunk throws(FileError) in
      guard let number = layout.number(of: chunk.corner, grid), !isRead[number] else {
        throw damaged("a chunk outside the dataset, or there twice")
      }
      (isRead[number], found) = (true, found + 1)
      guard let offset = input.offset(of: chunk.address, count: chunk.byteCount) else {
        throw damaged("a chunk outside the file")
      }
      // Many chunks may claim the same bytes of the file.
      try input.budget.charge(chunk.byteCount, for: place)
      let bytes = try input.file.read(at: offset, count: chunk.byteCount, place: place)
      guard let plain = filters.undone(bytes, mask: chunk.mask, limit: chunkBytes),
        plain.count == chunkBytes
      else { throw damaged("a chunk that cannot be decompressed") }
      layout.copy(plain, corner: chunk.corner, to: &output)
    }
    guard found == count else { throw HDF5Input.unwritten(path: input.file.path, place: place) }
  }
}

/// Puts chunks where they belong in a dataset.
struct HDF5ChunkCopy {
  /// Sizes of the dataset and of a chunk along each axis.
  let whole: [Int]
  let chunk: [Int]
  let elementBytes: Int

  /// The number of the chunk at `corner`, row-major in the `grid` of chunks; nil if there is none.
  func number(of corner: [Int], _ grid: [Int]) -> Int? {
    var number = 0
    for axis in grid.indices {
      guard corner[axis] >= 0, corner[axis] < whole[axis], corner[axis] % chunk[axis] == 0 else {
        return nil
      }
      number = number * grid[axis] + corner[axis] / chunk[axis]
    }
    return number
  }

  /// Copies the part of a chunk that lies inside the dataset, one row of the last axes at a time.
  func copy(_ values: [UInt8], corner: [Int], to output: inout MutableRawSpan) {
    let sizes = whole.indices.map { min(chunk[$0], whole[$0] - corner[$0]) }
    // Axes that lie in one piece in both are one row.
    var split = max(whole.count - 1, 0)
    var rowBytes = (sizes.last ?? 1) * elementBytes
    while split > 0, chunk[split] == whole[split] {
      split -= 1
      rowBytes *= sizes[split]
    }
    let (chunkSteps, wholeSteps) = (steps(chunk), steps(whole))
    var target = whole.indices.reduce(0) { $0 + corner[$1] * wholeSteps[$1] }
    var source = 0
    var position = [Int](repeating: 0, count: split)
    while true {
      let (from, to) = (source, target)
      // Bytes of one array go to another: the row was checked to lie in both.
      unsafe output.withUnsafeMutableBytes { output in
        unsafe values.withUnsafeBytes { values in
          unsafe UnsafeMutableRawBufferPointer(rebasing: output[to..<to + rowBytes])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: values[from..<from + rowBytes]))
        }
      }
      var axis = split - 1
      while axis >= 0 {
        position[axis] += 1
        source += chunkSteps[axis]
        target += wholeSteps[axis]
        if position[axis] < sizes[axis] { break }
        source -= sizes[axis] * chunkSteps[axis]
        target -= sizes[axis] * wholeSteps[axis]
        position[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  /// Bytes from one place along each axis to the next.
  private func steps(_ sizes: [Int]) -> [Int] {
    var steps = [Int](repeating: elementBytes, count: sizes.count)
    for axis in sizes.indices.dropLast().reversed() {
      steps[axis] = steps[axis + 1] * sizes[axis + 1]
    }
    return steps
  }
}

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
