import Support

/// How a field for a text is filled up.
enum HDF5Padding: UInt64 {
  /// A zero ends the text; what is behind it means nothing.
  case zeroTerminated = 0
  /// Zeros fill the field.
  case zeros = 1
  /// Spaces fill the field, as Fortran writes it.
  case spaces = 2

  /// The text in a field, or nil where it is no UTF-8 or has a zero in it.
  func text(of field: ArraySlice<UInt8>) -> String? {
    var bytes = field
    switch self {
    case .zeroTerminated: bytes = bytes.prefix { $0 != 0 }
    case .zeros: while bytes.last == 0 { bytes.removeLast() }
    case .spaces: while bytes.last == 0 || bytes.last == 0x20 { bytes.removeLast() }
    }
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }
}

extension HDF5Attribute {
  /// The texts of a field of fixed or variable length; `place` names the attribute.
  func texts(in input: HDF5Input, place: String) throws(FileError) -> [String] {
    var texts: [String] = []
    for index in 0..<count {
      let field = bytes[index * type.size..<(index + 1) * type.size]
      guard let text = try text(of: field, in: input, place: place) else {
        throw .invalid(
          path: input.file.path, place: place, expected: "a text in UTF-8",
          found: "bytes that are none", fix: "write the attribute again")
      }
      texts.append(text)
    }
    return texts
  }

  private func text(
    of field: ArraySlice<UInt8>, in input: HDF5Input, place: String
  ) throws(FileError) -> String? {
    if case .text(let padding) = type.kind {
      try input.budget.charge(2 * field.count + 32, for: place)
      return padding.text(of: field)
    }
    // A length, and the place of the text in a heap of the file.
    var cursor = HDF5Cursor(Array(field), path: input.file.path, place: place)
    let length = try cursor.size(4)
    guard let address = try cursor.address(), address > 0, length > 0 else { return "" }
    let index = try cursor.size(4)
    // Many attributes may refer to one long text.
    try input.budget.charge(2 * length + 32, for: place)
    let heap = try input.textHeap(at: address, place: place)
    guard let bytes = heap.object(index, count: length) else {
      throw cursor.damaged("a text that is not there")
    }
    return HDF5Padding.zeros.text(of: bytes)
  }
}

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
