import Support

/// Steps through a part of an HDF5 file, number by number, never beyond its end.
struct HDF5Cursor {
  let bytes: [UInt8]
  private(set) var position = 0
  /// The file's path, for messages.
  let path: String
  /// The object whose part this is, for messages.
  let place: String

  init(_ bytes: [UInt8], path: String, place: String) {
    self.bytes = bytes
    self.path = path
    self.place = place
  }

  /// Bytes that are left.
  var left: Int { bytes.count - position }

  /// The error for a part of the file that makes no sense.
  func damaged(_ problem: String) -> FileError {
    HDF5Input.damaged(problem, path: path, place: place)
  }

  /// The next `count` bytes.
  mutating func take(_ count: Int) throws(FileError) -> [UInt8] {
    guard count >= 0, count <= left else { throw damaged("a part that ends early") }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  /// Passes over `count` bytes.
  mutating func skip(_ count: Int) throws(FileError) {
    guard count >= 0, count <= left else { throw damaged("a part that ends early") }
    position += count
  }

  /// A little-endian number of 1 to 8 bytes.
  mutating func number(_ count: Int) throws(FileError) -> UInt64 {
    guard (1...8).contains(count) else { throw damaged("a number of \(count) bytes") }
    return try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A number that must fit an `Int`.
  mutating func size(_ count: Int) throws(FileError) -> Int {
    guard let size = Int(exactly: try number(count)) else { throw damaged("an endless size") }
    return size
  }

  /// An address in the file, or nil for the one that stands for none.
  mutating func address() throws(FileError) -> UInt64? {
    let address = try number(8)
    return address == .max ? nil : address
  }

  /// Passes over four letters that must stand here.
  mutating func signature(_ letters: StaticString) throws(FileError) {
    guard try take(4).elementsEqual(letters.description.utf8) else {
      throw damaged("no \(letters) where one should be")
    }
  }

  /// Passes over a version that must be one of `known`.
  @discardableResult
  mutating func version(
    _ known: ClosedRange<UInt64>, of what: String
  ) throws(FileError) -> UInt64 {
    let version = try number(1)
    guard known.contains(version) else {
      throw .unsupported(
        path: path, place: place, found: "version \(version) of \(what)",
        supported: "versions \(known.lowerBound) to \(known.upperBound) of it")
    }
    return version
  }
}
