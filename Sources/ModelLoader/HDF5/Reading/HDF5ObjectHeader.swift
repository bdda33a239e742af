import Support

/// One message of an object header.
struct HDF5Message {
  let type: Int
  let body: [UInt8]
}

/// The messages that describe a group or dataset.
struct HDF5ObjectHeader {
  private(set) var messages: [HDF5Message] = []
  private var continuations: [(address: UInt64, count: Int)] = []
  private let place: String
  /// Whether a type may be that of another object; a committed type's own header refers to no other.
  private let followsTypes: Bool

  /// Reads the header at `address` with all its continuations; `place` names its object.
  init(
    at address: UInt64, in input: HDF5Input, place: String, followsTypes: Bool = true
  ) throws(FileError) {
    self.place = place
    self.followsTypes = followsTypes
    let count = min(34, input.bytesBehind(address))
    var start = try input.structure(at: address, count: count, place: place)
    if start.bytes.starts(with: "OHDR".utf8) {
      try readVersion2(&start, at: address, in: input)
    } else {
      try readVersion1(&start, at: address, in: input)
    }
  }

  /// The body of the only message of a type, or nil if there is none.
  func only(_ type: Int, in input: HDF5Input) throws(FileError) -> HDF5Cursor? {
    let found = messages.filter { $0.type == type }
    guard found.count < 2 else {
      throw HDF5Input.damaged(
        "two messages of type \(type)", path: input.file.path, place: place)
    }
    return found.first.map { HDF5Cursor($0.body, path: input.file.path, place: place) }
  }

  // MARK: Version 1, to HDF5 1.6

  private mutating func readVersion1(
    _ start: inout HDF5Cursor, at address: UInt64, in input: HDF5Input
  ) throws(FileError) {
    try start.version(1...1, of: "an object header")
    try start.skip(7)
    let count = try start.size(4)
    continuations.append((address + 16, count))
    while let part = continuations.popLast() {
      var cursor = try input.structure(at: part.address, count: part.count, place: place)
      while cursor.left >= 8 {
        let type = try cursor.size(2)
        let size = try cursor.size(2)
        let flags = try cursor.number(1)
        try cursor.skip(3)
        try append(type, flags: flags, body: try cursor.take(size), in: input)
      }
    }
  }

  // MARK: Version 2

  private mutating func readVersion2(
    _ start: inout HDF5Cursor, at address: UInt64, in input: HDF5Input
  ) throws(FileError) {
    try start.signature("OHDR")
    try start.version(2...2, of: "an object header")
    let flags = try start.number(1)
    if flags & 0x20 != 0 { try start.skip(16) }
    if flags & 0x10 != 0 { try start.skip(4) }
    let count = try start.size(1 << Int(flags & 3))
    let head = start.position
    guard count <= input.bytesBehind(address) else { throw start.damaged("an endless header") }
    var cursor = try input.checked(at: address, count: head + count + 4, place: place)
    try cursor.skip(head)
    let hasOrder = flags & 4 != 0
    try readMessages(&cursor, hasOrder: hasOrder, in: input)
    while let part = continuations.popLast() {
      var cursor = try input.checked(at: part.address, count: part.count, place: place)
      try cursor.signature("OCHK")
      try readMessages(&cursor, hasOrder: hasOrder, in: input)
    }
  }

  private mutating func readMessages(
    _ cursor: inout HDF5Cursor, hasOrder: Bool, in input: HDF5Input
  ) throws(FileError) {
    // What is left at the end is too short for another message.
    while cursor.left >= (hasOrder ? 6 : 4) {
      let type = try cursor.size(1)
      let size = try cursor.size(2)
      let flags = try cursor.number(1)
      if hasOrder { try cursor.skip(2) }
      try append(type, flags: flags, body: try cursor.take(size), in: input)
    }
  }

  // MARK: Both

  private mutating func append(
    _ type: Int, flags: UInt64, body: [UInt8], in input: HDF5Input
  ) throws(FileError) {
    if type == 0 { return }
    let path = input.file.path
    if flags & 2 != 0 {
      guard type == 3, followsTypes else {
        throw .unsupported(
          path: path, place: place, found: "a message kept elsewhere",
          supported: "every object with its own messages")
      }
      let named = try HDF5CommittedType.message(body, in: input, place: place)
      return messages.append(HDF5Message(type: type, body: named))
    }
    guard type <= 0x17 || flags & 0x80 == 0 else {
      throw HDF5Input.damaged("a message of the unknown type \(type)", path: path, place: place)
    }
    guard type == 0x10 else { return messages.append(HDF5Message(type: type, body: body)) }
    var continuation = HDF5Cursor(body, path: path, place: place)
    guard let address = try continuation.address() else {
      throw HDF5Input.damaged("a continuation without a place", path: path, place: place)
    }
    continuations.append((address, try continuation.size(8)))
  }
}

/// Types that have a name of their own in the file ("committed" or "named" types).
enum HDF5CommittedType {
  /// The type message that `reference`, found where a type should be, leads to.
  static func message(
    _ reference: [UInt8], in input: HDF5Input, place: String
  ) throws(FileError) -> [UInt8] {
    var cursor = HDF5Cursor(reference, path: input.file.path, place: place)
    let version = try cursor.version(1...3, of: "a reference to a type")
    let kind = try cursor.number(1)
    if version == 1 { try cursor.skip(14) }
    guard version < 3 || kind == 2 else {
      throw .unsupported(
        path: input.file.path, place: place, found: "a type in a table of shared messages",
        supported: "every object with its own messages")
    }
    guard let address = try cursor.address() else { throw cursor.damaged("a type without a place") }
    let header = try HDF5ObjectHeader(
      at: address, in: input, place: place, followsTypes: false)
    guard let type = try header.only(3, in: input) else {
      throw cursor.damaged("a type that is not there")
    }
    return type.bytes
  }
}
