/// How many elements there are along each axis.
struct HDF5Space {
  /// Sizes; empty for a single value, and nil for no value at all.
  let shape: [Int]?

  /// Reads a dataspace message.
  init(_ cursor: inout HDF5Cursor) throws(ModelLoaderError) {
    let version = try cursor.version(1...2, of: "a shape")
    let rank = try cursor.size(1)
    try cursor.skip(1)
    if version == 1 {
      try cursor.skip(5)
    } else if try cursor.number(1) == 2 {
      shape = nil
      return
    }
    guard rank <= 32 else { throw cursor.damaged("a shape of \(rank) axes") }
    var sizes: [Int] = []
    for _ in 0..<rank { sizes.append(Int(clamping: try cursor.number(8))) }
    shape = sizes
  }
}

/// One attribute of an object, its value not yet decoded.
struct HDF5Attribute {
  let name: String
  let type: HDF5Type
  /// The number of values.
  let count: Int
  let bytes: [UInt8]

  /// Reads an attribute message.
  init(_ body: [UInt8], path: String, place: String) throws(ModelLoaderError) {
    var cursor = HDF5Cursor(body, path: path, place: place)
    let version = try cursor.version(1...3, of: "an attribute")
    let isShared = try cursor.number(1) & 3 != 0 && version > 1
    let sizes = [try cursor.size(2), try cursor.size(2), try cursor.size(2)]
    if version == 3 { try cursor.skip(1) }
    guard !isShared else {
      throw .unsupported(
        path: path, place: place, found: "an attribute of a type kept elsewhere",
        supported: "attributes with their own types")
    }
    var parts: [HDF5Cursor] = []
    for size in sizes {
      // Version 1 pads its parts to multiples of eight bytes.
      let padded = version == 1 ? (size + 7) / 8 * 8 : size
      let part = try cursor.take(padded)
      parts.append(HDF5Cursor(Array(part.prefix(size)), path: path, place: place))
    }
    guard let name = String(validating: parts[0].bytes.prefix { $0 != 0 }, as: UTF8.self) else {
      throw cursor.damaged("a name that is no text")
    }
    self.name = name
    type = try HDF5Type(&parts[1])
    guard let shape = try HDF5Space(&parts[2]).shape else {
      (count, bytes) = (0, [])
      return
    }
    guard let count = product(shape), count <= cursor.left / type.size else {
      throw cursor.damaged("more values than there are bytes in attribute \(name)")
    }
    self.count = count
    bytes = try cursor.take(count * type.size)
  }
}

extension HDF5Attribute {
  /// All attributes of an object, by name.
  static func read(
    _ header: HDF5ObjectHeader, in input: HDF5Input, place: String
  ) throws(ModelLoaderError) -> [String: HDF5Attribute] {
    var bodies = header.messages.filter { $0.type == 0x0C }.map(\.body)
    if var info = try header.only(0x15, in: input) {
      try info.version(0...0, of: "an object's attributes")
      try info.skip(try info.number(1) & 1 != 0 ? 2 : 0)
      if let heap = try info.address(), let index = try info.address() {
        bodies += try HDF5Dense.objects(heap: heap, index: index, type: 8, in: input, place)
      }
    }
    var attributes: [String: HDF5Attribute] = [:]
    for body in bodies {
      let attribute = try HDF5Attribute(body, path: input.file.path, place: place)
      guard attributes.updateValue(attribute, forKey: attribute.name) == nil else {
        throw HDF5Input.damaged(
          "attribute \(attribute.name) twice", path: input.file.path, place: place)
      }
    }
    return attributes
  }

  /// The value, or nil if it is empty; `place` names the attribute.
  func value(in input: HDF5Input, place: String) throws(ModelLoaderError) -> MetadataValue? {
    if count == 0 { return nil }
    switch type.kind {
    case .text where count == 1:
      return .text(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    case .variableText where count == 1: return .text(try variableText(in: input, place: place))
    case .integer:
      let numbers = (type.integers(bytes) ?? []).map { Int($0) }
      return count > 1 ? .integers(numbers) : .integer(numbers[0])
    case .enumeration:
      let numbers = (type.integers(bytes) ?? []).map { Int($0) }
      return count > 1 ? .integers(numbers) : .bool(numbers[0] != 0)
    case .float:
      let numbers = type.doubles(bytes) ?? []
      return count > 1 ? .reals(numbers) : .real(numbers[0])
    default:
      throw .invalid(
        path: input.file.path, place: place,
        expected: "one text, or truth values, integers or floats", found: "another HDF5 type",
        fix: "write it as docs/model-format.md specifies")
    }
  }

  /// A text of variable length, which lies in a heap of the file.
  private func variableText(
    in input: HDF5Input, place: String
  ) throws(ModelLoaderError) -> String {
    var cursor = HDF5Cursor(bytes, path: input.file.path, place: place)
    let length = try cursor.size(4)
    guard let address = try cursor.address(), address > 0, length > 0 else { return "" }
    let wanted = try cursor.size(4)
    var head = try input.structure(at: address, count: 16, place: place)
    try head.signature("GCOL")
    try head.version(1...1, of: "a heap of texts")
    try head.skip(3)
    let count = try head.size(8)
    guard count >= 16, count <= input.bytesBehind(address) else {
      throw head.damaged("a torn heap of texts")
    }
    var objects = try input.structure(at: address + 16, count: count - 16, place: place)
    while objects.left >= 16 {
      let index = try objects.size(2)
      try objects.skip(6)
      let size = try objects.size(8)
      guard index > 0, size <= objects.left else { break }
      guard index == wanted else {
        try objects.skip(min(objects.left, (size + 7) / 8 * 8))
        continue
      }
      guard length <= size else { break }
      return String(decoding: try objects.take(length).prefix { $0 != 0 }, as: UTF8.self)
    }
    throw cursor.damaged("a text that is not there")
  }
}
