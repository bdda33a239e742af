import Support

/// How many elements there are along each axis.
struct HDF5Space {
  /// Sizes; empty for a single value, and nil for no value at all.
  let shape: [Int]?

  /// Reads a dataspace message.
  init(_ cursor: inout HDF5Cursor) throws(FileError) {
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
  init(_ body: [UInt8], in input: HDF5Input, place: String) throws(FileError) {
    let path = input.file.path
    var cursor = HDF5Cursor(body, path: path, place: place)
    let version = try cursor.version(1...3, of: "an attribute")
    let flags = version > 1 ? try cursor.number(1) : 0
    if version == 1 { try cursor.skip(1) }
    let sizes = [try cursor.size(2), try cursor.size(2), try cursor.size(2)]
    if version == 3 { try cursor.skip(1) }
    guard flags & 2 == 0 else {
      throw .unsupported(
        path: path, place: place, found: "an attribute of a shape kept elsewhere",
        supported: "attributes with their own shapes")
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
    if flags & 1 != 0 {
      let type = try HDF5CommittedType.message(parts[1].bytes, in: input, place: place)
      parts[1] = HDF5Cursor(type, path: path, place: place)
    }
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
  ) throws(FileError) -> [String: HDF5Attribute] {
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
      let attribute = try HDF5Attribute(body, in: input, place: place)
      guard attributes.updateValue(attribute, forKey: attribute.name) == nil else {
        throw HDF5Input.damaged(
          "attribute \(attribute.name) twice", path: input.file.path, place: place)
      }
    }
    return attributes
  }

  /// The value, or nil if it is empty; `place` names the attribute.
  func value(in input: HDF5Input, place: String) throws(FileError) -> MetadataValue? {
    if count == 0 { return nil }
    try input.budget.charge(16 * count, for: place)
    switch type.kind {
    case .text, .variableText:
      let texts = try texts(in: input, place: place)
      return count > 1 ? .texts(texts) : .text(texts[0])
    case .integer:
      guard let numbers = type.integers(bytes)?.map({ Int($0) }) else {
        throw .invalid(
          path: input.file.path, place: place, expected: "integers below 2^63",
          found: "a larger one",
          fix: "correct the attribute")
      }
      return count > 1 ? .integers(numbers) : .integer(numbers[0])
    case .truth:
      let values = (type.integers(bytes) ?? []).map { $0 != 0 }
      return count > 1 ? .bools(values) : .bool(values[0])
    case .float:
      let numbers = type.doubles(bytes) ?? []
      return count > 1 ? .reals(numbers) : .real(numbers[0])
    case .other:
      throw .invalid(
        path: input.file.path, place: place,
        expected: "texts, truth values, integers or floats", found: "another HDF5 type",
        fix: "write it as docs/model-format.md specifies")
    }
  }
}
