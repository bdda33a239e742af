import Support

/// Where the values of a dataset are.
enum HDF5Storage {
  /// In the object's header itself.
  case compact([UInt8])
  /// In one piece; no address where nothing was written, no count in the oldest files.
  case contiguous(address: UInt64?, count: Int?)
  case chunked(HDF5Chunks)

  /// Reads a layout message.
  init(_ cursor: inout HDF5Cursor) throws(FileError) {
    let version = try cursor.version(1...5, of: "a layout")
    if version < 3 {
      try self.init(old: &cursor)
      return
    }
    switch try cursor.number(1) {
    case 0: self = .compact(try cursor.take(try cursor.size(2)))
    case 1:
      let address = try cursor.address()
      self = .contiguous(address: address, count: try cursor.size(8))
    case 2 where version == 3:
      let rank = try cursor.size(1)
      self = .chunked(try HDF5Chunks(tree: try cursor.address(), rank: rank, &cursor))
    // Version 5 differs only in the width of compressed sizes, which the index states itself.
    case 2: self = .chunked(try HDF5Chunks(version4: &cursor))
    case 3:
      throw .unsupported(
        path: cursor.path, place: cursor.place, found: "data kept in another file",
        supported: "every dataset in the file itself")
    default: throw cursor.damaged("an unknown layout")
    }
  }

  /// Versions 1 and 2, to HDF5 1.6.2.
  private init(old cursor: inout HDF5Cursor) throws(FileError) {
    let (rank, kind) = (try cursor.size(1), try cursor.number(1))
    try cursor.skip(5)
    let address = kind == 0 ? nil : try cursor.address()
    switch kind {
    case 0:
      try cursor.skip(4 * rank)
      self = .compact(try cursor.take(try cursor.size(4)))
    case 1: self = .contiguous(address: address, count: nil)
    case 2: self = .chunked(try HDF5Chunks(tree: address, rank: rank, &cursor))
    default: throw cursor.damaged("an unknown layout")
    }
  }
}
