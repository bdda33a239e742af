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

  /// Reads the header at `address` with all its continuations; `place` names its object.
  init(at address: UInt64, in input: HDF5Input, place: String) throws(ModelLoaderError) {
    self.place = place
    let count = min(34, input.bytesBehind(address))
    var start = try input.structure(at: address, count: count, place: place)
    if start.bytes.starts(with: "OHDR".utf8) {
      try readVersion2(&start, at: address, in: input)
    } else {
      try readVersion1(&start, at: address, in: input)
    }
  }

  /// The body of the only message of a type, or nil if there is none.
  func only(_ type: Int, in input: HDF5Input) throws(ModelLoaderError) -> HDF5Cursor? {
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
  ) throws(ModelLoaderError) {
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
        try append(type, flags: flags, body: try cursor.take(size), cursor)
      }
    }
  }

  // MARK: Version 2

  private mutating func readVersion2(
    _ start: inout HDF5Cursor, at address: UInt64, in input: HDF5Input
  ) throws(ModelLoaderError) {
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
    try readMessages(&cursor, hasOrder: hasOrder)
    while let part = continuations.popLast() {
      var cursor = try input.checked(at: part.address, count: part.count, place: place)
      try cursor.signature("OCHK")
      try readMessages(&cursor, hasOrder: hasOrder)
    }
  }

  private mutating func readMessages(
    _ cursor: inout HDF5Cursor, hasOrder: Bool
  ) throws(ModelLoaderError) {
    // What is left at the end is too short for another message.
    while cursor.left >= (hasOrder ? 6 : 4) {
      let type = try cursor.size(1)
      let size = try cursor.size(2)
      let flags = try cursor.number(1)
      if hasOrder { try cursor.skip(2) }
      try append(type, flags: flags, body: try cursor.take(size), cursor)
    }
  }

  // MARK: Both

  private mutating func append(
    _ type: Int, flags: UInt64, body: [UInt8], _ cursor: HDF5Cursor
  ) throws(ModelLoaderError) {
    if type == 0 { return }
    guard flags & 2 == 0 else {
      throw .unsupported(
        path: cursor.path, place: place, found: "a type or other message kept elsewhere",
        supported: "every object with its own messages")
    }
    guard type <= 0x17 || flags & 0x80 == 0 else {
      throw cursor.damaged("a message of the unknown type \(type)")
    }
    guard type == 0x10 else { return messages.append(HDF5Message(type: type, body: body)) }
    var continuation = HDF5Cursor(body, path: cursor.path, place: place)
    guard let address = try continuation.address() else {
      throw cursor.damaged("a continuation without a place")
    }
    continuations.append((address, try continuation.size(8)))
  }
}
