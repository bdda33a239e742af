import Support

/// What a name in a group leads to.
enum HDF5Link: Equatable {
  /// The header of an object in this file.
  case object(UInt64)
  /// A symbolic link, or one into another file: never followed.
  case elsewhere
}

/// The members of groups.
enum HDF5Links {
  /// No name of a member is as long as this, in bytes.
  private static let longestName = 1 << 12

  /// The members of the group with the header `header` by name, or nil if it is no group.
  static func read(
    _ header: HDF5ObjectHeader, in input: HDF5Input, place: String
  ) throws(FileError) -> [String: HDF5Link]? {
    var links: [String: HDF5Link] = [:]
    func insert(_ name: String, _ link: HDF5Link) throws(FileError) {
      guard links.updateValue(link, forKey: name) == nil else {
        throw HDF5Input.damaged("a name that is there twice", path: input.file.path, place: place)
      }
    }
    if var table = try header.only(0x11, in: input) {
      for (name, link) in try symbols(&table, in: input) { try insert(name, link) }
      return links
    }
    let direct = header.messages.filter { $0.type == 6 }
    let info = try header.only(2, in: input)
    if direct.isEmpty && info == nil { return nil }
    for message in direct {
      let (name, link) = try parse(message.body, input, place)
      try insert(name, link)
    }
    if var info {
      try info.version(0...0, of: "a group's links")
      try info.skip(try info.number(1) & 1 != 0 ? 8 : 0)
      if let heap = try info.address(), let index = try info.address() {
        for body in try HDF5Dense.objects(heap: heap, index: index, type: 5, in: input, place) {
          let (name, link) = try parse(body, input, place)
          try insert(name, link)
        }
      }
    }
    return links
  }

  /// A link message: name, and what it leads to.
  private static func parse(
    _ body: [UInt8], _ input: HDF5Input, _ place: String
  ) throws(FileError) -> (String, HDF5Link) {
    var cursor = HDF5Cursor(body, path: input.file.path, place: place)
    try cursor.version(1...1, of: "a link")
    let flags = try cursor.number(1)
    let type = flags & 8 != 0 ? try cursor.number(1) : 0
    if flags & 4 != 0 { try cursor.skip(8) }
    if flags & 16 != 0 { try cursor.skip(1) }
    let name = try cursor.take(try cursor.size(1 << Int(flags & 3)))
    guard !name.isEmpty, name.count < longestName, !name.contains(0),
      let text = String(validating: name, as: UTF8.self)
    else { throw cursor.damaged("a name that is no text") }
    guard type == 0 else { return (text, .elsewhere) }
    guard let address = try cursor.address() else { throw cursor.damaged("a link to nothing") }
    return (text, .object(address))
  }

  // MARK: Symbol tables, to HDF5 1.6

  private static func symbols(
    _ table: inout HDF5Cursor, in input: HDF5Input
  ) throws(FileError) -> [(String, HDF5Link)] {
    guard let tree = try table.address(), let heap = try table.address() else {
      throw table.damaged("a group without a table")
    }
    let names = try localHeap(at: heap, in: input, place: table.place)
    var symbols: [(String, HDF5Link)] = []
    for node in try HDF5TreeV1.children(of: tree, in: input, place: table.place) {
      var head = try input.structure(at: node, count: 8, place: table.place)
      try head.signature("SNOD")
      try head.version(1...1, of: "a symbol table")
      try head.skip(1)
      let count = try head.size(2)
      // The node itself was inside the file, so that eight bytes more are no overflow.
      var entries = try input.structure(at: node + 8, count: 40 * count, place: table.place)
      for _ in 0..<count {
        let (name, link) = try symbol(&entries, names)
        // Names may overlap in their heap.
        try input.chargeStructure(name.utf8.count, place: table.place)
        symbols.append((name, link))
      }
    }
    return symbols
  }

  private static func symbol(
    _ entries: inout HDF5Cursor, _ names: [UInt8]
  ) throws(FileError) -> (String, HDF5Link) {
    let start = try entries.size(8)
    let address = try entries.address()
    let cache = try entries.number(4)
    try entries.skip(20)
    guard start < names.count, case let rest = names[start...].prefix(longestName),
      let end = rest.firstIndex(of: 0), end > start,
      let name = String(validating: rest[..<end], as: UTF8.self)
    else { throw entries.damaged("a name that is no text") }
    if cache == 2 { return (name, .elsewhere) }
    guard let address else { throw entries.damaged("a link to nothing") }
    return (name, .object(address))
  }

  private static func localHeap(
    at address: UInt64, in input: HDF5Input, place: String
  ) throws(FileError) -> [UInt8] {
    var head = try input.structure(at: address, count: 32, place: place)
    try head.signature("HEAP")
    try head.version(0...0, of: "a heap of names")
    try head.skip(3)
    let count = try head.size(8)
    try head.skip(8)
    guard let data = try head.address() else { throw head.damaged("a heap without a place") }
    return try input.structure(at: data, count: count, place: place).bytes
  }
}

/// Trees of version 1: those of groups, which lead to symbol tables.
enum HDF5TreeV1 {
  /// The addresses that the leaves of the tree at `root` hold, in order.
  static func children(
    of root: UInt64, in input: HDF5Input, place: String
  ) throws(FileError) -> [UInt64] {
    var found: [UInt64] = []
    try visit(root, type: 0, keyBytes: 8, in: input, place: place) { _, child in
      found.append(child)
    }
    return found
  }

  /// Calls `body` with the key before each child of the leaves, and the child.
  static func visit(
    _ root: UInt64, type: UInt64, keyBytes: Int, in input: HDF5Input, place: String,
    _ body: (_ key: inout HDF5Cursor, _ child: UInt64) throws(FileError) -> Void
  ) throws(FileError) {
    // Nodes to visit with the level they must have; nil for the root.
    var pending: [(address: UInt64, level: Int?)] = [(root, nil)]
    while let (address, expected) = pending.popLast() {
      var head = try input.structure(at: address, count: 24, place: place)
      try head.signature("TREE")
      let (kind, level, count) = (try head.number(1), try head.size(1), try head.size(2))
      guard kind == type, level == expected ?? level else { throw head.damaged("a torn tree") }
      var entries = try input.structure(
        at: address + 24, count: count * (keyBytes + 8), place: place)
      var below: [(address: UInt64, level: Int?)] = []
      for _ in 0..<count {
        var key = HDF5Cursor(try entries.take(keyBytes), path: entries.path, place: place)
        guard let child = try entries.address() else { throw entries.damaged("a torn tree") }
        if level > 0 { below.append((child, level - 1)) } else { try body(&key, child) }
      }
      pending += below.reversed()
    }
  }
}
