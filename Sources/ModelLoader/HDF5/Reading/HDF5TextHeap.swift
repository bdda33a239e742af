import Support

/// A collection of texts of variable length ("global heap"), which attributes refer to by number.
struct HDF5TextHeap {
  private let bytes: [UInt8]
  private var objects: [Int: Range<Int>] = [:]

  /// Reads the heap at `address`; `place` names what refers to it.
  init(at address: UInt64, in input: HDF5Input, place: String) throws(FileError) {
    var head = try input.structure(at: address, count: 16, place: place)
    try head.signature("GCOL")
    try head.version(1...1, of: "a heap of texts")
    try head.skip(3)
    let count = try head.size(8)
    guard count >= 16, count <= input.bytesBehind(address) else {
      throw head.damaged("a torn heap of texts")
    }
    var cursor = try input.structure(at: address + 16, count: count - 16, place: place)
    bytes = cursor.bytes
    while cursor.left >= 16 {
      let index = try cursor.size(2)
      try cursor.skip(6)
      let size = try cursor.size(8)
      // Number 0 is the free space at the end.
      guard index > 0, size <= cursor.left else { break }
      objects[index] = cursor.position..<cursor.position + size
      try cursor.skip(min(cursor.left, (size + 7) / 8 * 8))
    }
  }

  /// The first `count` bytes of object `index`, or nil if there are not as many.
  func object(_ index: Int, count: Int) -> ArraySlice<UInt8>? {
    guard let place = objects[index], (0...place.count).contains(count) else { return nil }
    return bytes[place.prefix(count)]
  }
}
