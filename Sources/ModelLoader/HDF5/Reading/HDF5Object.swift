import Foundation
import Support
import Transformer

/// What the header of a dataset says, with nothing of its content read.
package struct DatasetLayout: Sendable, Equatable {
  /// Size along each axis; empty for a single value.
  package var shape: [Int]
  /// Product of ``shape``.
  package var count: Int
  /// The float type whose little-endian bytes are stored, or nil if they must be converted.
  package var elementType: ElementType?
  /// What is stored, in words: "float32", "8-byte float", "1-byte integer".
  package var typeName: String
  /// The class of the stored type.
  package var isFloat: Bool
  /// Where the bytes start in the file, if they lie there in one piece.
  package var byteOffset: Int?
}

/// A group or dataset of an HDF5 file open for reading, with where it is for messages.
package struct HDF5Object {
  /// The object's name in the file, "/" for the root group.
  package let place: String
  /// Where the object's header stands; several names may lead to one object.
  package let address: UInt64
  private let input: HDF5Input
  private let header: HDF5ObjectHeader
  private let links: [String: HDF5Link]?
  private let attributes: [String: HDF5Attribute]

  /// The file's path.
  package var path: String { input.file.path }

  /// Opens the root group of the file at `path`.
  package init(opening path: String) throws(FileError) {
    let input = try HDF5Input(path: path)
    try self.init(at: input.root, in: input, place: "/")
  }

  private init(
    at address: UInt64, in input: HDF5Input, place: String
  ) throws(FileError) {
    self.input = input
    self.place = place
    self.address = address
    header = try HDF5ObjectHeader(at: address, in: input, place: place)
    links = try HDF5Links.read(header, in: input, place: place)
    attributes = try HDF5Attribute.read(header, in: input, place: place)
  }

  // MARK: Groups

  /// Whether this is a dataset (and not a group).
  package var isDataset: Bool { links == nil }

  /// The name of the child `name`, from the root.
  private func placeOfChild(_ name: String) -> String {
    place == "/" ? "/\(name)" : "\(place)/\(name)"
  }

  /// Opens the group or dataset `name` directly inside this one, or nil if there is none.
  ///
  /// Only members of this very file are opened: a link that leads elsewhere is refused.
  package func child(_ name: String) throws(FileError) -> HDF5Object? {
    guard let link = links?[name] else { return nil }
    guard case .object(let address) = link else {
      throw .unsupported(
        path: path, place: placeOfChild(name), found: "a link to another place",
        supported: "every dataset in the file itself")
    }
    return try HDF5Object(at: address, in: input, place: placeOfChild(name))
  }

  /// Whether this group has a member `name`.
  package func hasChild(_ name: String) -> Bool { links?[name] != nil }

  /// Names of the groups and datasets directly inside this group, in byte order.
  package var childNames: [String] { Self.sorted(links.map { Array($0.keys) } ?? []) }

  /// Names of all attributes, in byte order.
  package var attributeNames: [String] { Self.sorted(Array(attributes.keys)) }

  private static func sorted(_ names: [String]) -> [String] {
    names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The value of the attribute `name`, or nil if there is none or it is empty.
  ///
  /// Text of fixed or variable length, and truth values, integers and floats of any width are
  /// understood, single or as a list; a list of one is a single value.
  package func attribute(_ name: String) throws(FileError) -> MetadataValue? {
    try attributes[name]?.value(in: input, place: "\(place) attribute \(name)")
  }

  // MARK: Datasets

  /// Shape, type and place of this dataset.
  package func layout() throws(FileError) -> DatasetLayout {
    let (type, shape, storage) = (try type(), try shape(), try storage())
    guard let count = product(shape), product(shape + [type.size]) != nil else {
      throw .invalid(
        path: path, place: place, expected: "a shape that fits in memory", found: "\(shape)",
        fix: "import the model again")
    }
    var byteOffset: Int?
    if case .contiguous(let address?, let bytes) = storage {
      guard bytes ?? count * type.size == count * type.size,
        let offset = input.offset(of: address, count: count * type.size)
      else {
        throw damaged("values outside the file")
      }
      byteOffset = offset
    }
    return DatasetLayout(
      shape: shape, count: count, elementType: type.elementType, typeName: type.name,
      isFloat: type.isFloat, byteOffset: byteOffset)
  }

  private func damaged(_ problem: String) -> FileError {
    HDF5Input.damaged(problem, path: path, place: place)
  }

  private func message(_ type: Int) throws(FileError) -> HDF5Cursor {
    guard !isDataset || !header.messages.contains(where: { $0.type == 7 }) else {
      throw .unsupported(
        path: path, place: place, found: "data kept in another file",
        supported: "every dataset in the file itself")
    }
    guard let message = try header.only(type, in: input) else {
      throw damaged("a dataset without type, shape or values")
    }
    return message
  }

  private func type() throws(FileError) -> HDF5Type {
    var cursor = try message(3)
    return try HDF5Type(&cursor)
  }

  private func shape() throws(FileError) -> [Int] {
    var cursor = try message(1)
    return try HDF5Space(&cursor).shape ?? [0]
  }

  private func storage() throws(FileError) -> HDF5Storage {
    var cursor = try message(8)
    return try HDF5Storage(&cursor)
  }

  /// The bytes of all values as stored, without compression.
  package func readStored() throws(FileError) -> [UInt8] {
    let layout = try layout()
    let count = layout.count * (try type().size)
    try input.budget.charge(count, for: place)
    var bytes = [UInt8](repeating: 0, count: count)
    // The array of nothing is one for all threads, and not to be written.
    if count == 0 { return bytes }
    var span = bytes.mutableSpan
    var output = unsafe span.mutableBytes
    try fill(&output, layout)
    return bytes
  }

  /// As ``readStored()``, in a block of memory for a weight.
  func readWeights() throws(FileError) -> WeightStorage {
    let layout = try layout()
    let count = layout.count * (try type().size)
    try input.budget.charge(count, for: place)
    return try HeapStorage.make(byteCount: count) { output throws(FileError) in
      if count > 0 { try fill(&output, layout) }
    }
  }

  /// Puts the bytes of all values, of which there are some, into `output`.
  private func fill(
    _ output: inout MutableRawSpan, _ layout: DatasetLayout
  ) throws(FileError) {
    switch try storage() {
    case .compact(let bytes):
      guard bytes.count == output.byteCount else { throw damaged("values of another size") }
      for index in bytes.indices {
        output.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self)
      }
    case .contiguous:
      guard let offset = layout.byteOffset else {
        throw HDF5Input.unwritten(path: path, place: place)
      }
      try input.file.read(at: offset, into: &output, place: place)
    case .chunked(let chunks):
      let size = try type().size
      let filters = try HDF5Filters(try header.only(0x0B, in: input), elementBytes: size)
      try chunks.read(
        shape: layout.shape, elementBytes: size, filters: filters, in: input, place: place,
        into: &output)
    }
  }

  /// The values as float64, converted from whatever float or integer type is stored.
  package func readDoubles() throws(FileError) -> [Double] {
    try input.budget.charge(try layout().count * 8, for: place)
    guard let values = try type().doubles(try readStored()) else { throw damaged("no numbers") }
    return values
  }

  /// The values as float32, converted from whatever float type is stored.
  package func readFloats() throws(FileError) -> [Float] {
    let type = try type()
    try input.budget.charge(try layout().count * 4, for: place)
    let bytes = try readStored()
    guard type.elementType == .float32 else {
      guard let values = type.floats(bytes) else { throw damaged("no floats") }
      return values
    }
    let span = unsafe bytes.span.bytes
    return (0..<bytes.count / 4).map {
      Float(
        bitPattern: unsafe span.unsafeLoadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)
          .littleEndian)
    }
  }

  /// The values as integers.
  package func readIntegers() throws(FileError) -> [Int64] {
    try input.budget.charge(try layout().count * 8, for: place)
    guard let values = try type().integers(try readStored()) else {
      throw damaged("no integers, or some that are too large")
    }
    return values
  }
}

/// The product of sizes, or nil if it, or four or eight times it, exceeds an Int.
func product(_ sizes: [Int]) -> Int? {
  var result = 1
  for size in sizes {
    let (next, overflow) = result.multipliedReportingOverflow(by: size)
    if overflow { return nil }
    result = next
  }
  return result >= 0 && result <= Int.max / 16 ? result : nil
}
