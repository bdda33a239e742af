import Support

/// An HDF5 file open for reading, whose every address and length is checked before it is followed.
///
/// The HDF5 library itself trusts what a file says in many places and has crashed on damaged ones, so
/// that model files and checkpoints, which others may have made, are read without it. The format is
/// "HDF5 File Format Specification Version 3.0" of the HDF Group.
final class HDF5Input {
  let file: FileReader
  /// Where the HDF5 part starts; addresses count from here.
  let base: Int
  /// The header of the root group.
  let root: UInt64
  /// What the objects made of a structure take in memory at most, for each of its bytes.
  private static let structureCost = 16
  /// The heaps of texts that were read.
  private var textHeaps: [UInt64: HDF5TextHeap] = [:]

  /// What reading this file may still cost: structures, texts and values draw from it, so that loops,
  /// repeated parts and compressed values in a hostile file end when it is used up.
  var budget: ReadingBudget { file.budget }

  /// Opens the file at `path` and reads its superblock.
  init(path: String) throws(FileError) {
    let file = try FileReader(path: path, what: "HDF5 file")
    guard let base = try Self.findSignature(file) else {
      throw .invalid(
        path: path, place: "the file", expected: "an HDF5 file",
        found: try describeContent(file), fix: "make one with `zigzag import`")
    }
    let superblock = try HDF5Superblock(file, base: base)
    self.file = file
    self.base = base
    root = superblock.root
    if let address = superblock.extensionAddress {
      let header = try HDF5ObjectHeader(at: address, in: self, place: "the superblock")
      // Other drivers keep values in other files, and shared messages would be followed elsewhere.
      guard !header.messages.contains(where: { [0x0F, 0x14].contains($0.type) }) else {
        throw .unsupported(
          path: path, place: "the superblock", found: "a driver or a table of shared messages",
          supported: "everything in one plain HDF5 file")
      }
    }
  }

  /// The signature stands at 0, or behind a user block of 512 bytes, 1024 and so on.
  private static func findSignature(_ file: FileReader) throws(FileError) -> Int? {
    var place = 0
    while place <= file.byteCount - 8 {
      let bytes = try file.read(at: place, count: 8, place: "the file")
      if bytes == [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A] { return place }
      place = max(512, 2 * place)
    }
    return nil
  }

  /// A part of the file's structures, `count` bytes from `address` on.
  func structure(
    at address: UInt64, count: Int, place: String
  ) throws(FileError) -> HDF5Cursor {
    guard let offset = offset(of: address, count: count) else {
      throw Self.damaged("an address outside the file", path: file.path, place: place)
    }
    // Every read counts at least some bytes, so that loops of empty parts end too.
    try chargeStructure(count, place: place)
    let bytes = try file.read(at: offset, count: count, place: place)
    return HDF5Cursor(bytes, path: file.path, place: place)
  }

  /// Counts `count` bytes of structures that are read, or read again because several parts lead to them.
  func chargeStructure(_ count: Int, place: String) throws(FileError) {
    try budget.charge(Self.structureCost * (count + 32), for: place)
  }

  /// As ``structure(at:count:place:)``, with the last four bytes the checksum of the others.
  func checked(
    at address: UInt64, count: Int, place: String
  ) throws(FileError) -> HDF5Cursor {
    let whole = try structure(at: address, count: max(count, 8), place: place)
    let body = Array(whole.bytes.dropLast(4))
    let stated = whole.bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard HDF5Checksum.of(body) == stated else { throw whole.damaged("a wrong checksum") }
    return HDF5Cursor(body, path: file.path, place: place)
  }

  /// The heap of texts at `address`, read once however many texts lie in it.
  func textHeap(at address: UInt64, place: String) throws(FileError) -> HDF5TextHeap {
    if let known = textHeaps[address] { return known }
    let heap = try HDF5TextHeap(at: address, in: self, place: place)
    textHeaps[address] = heap
    return heap
  }

  /// How many bytes there are from `address` to the end of the file.
  func bytesBehind(_ address: UInt64) -> Int {
    guard let start = offset(of: address, count: 0) else { return 0 }
    return file.byteCount - start
  }

  /// Where in the file `count` bytes at `address` lie, or nil if not all of them do.
  func offset(of address: UInt64, count: Int) -> Int? {
    guard let relative = Int(exactly: address), count >= 0, count <= file.byteCount - base,
      relative <= file.byteCount - base - count
    else { return nil }
    return base + relative
  }

  /// The error for values that no one has written.
  ///
  /// The HDF5 library reads the fill value there, mostly zeros, which as weights compute another model.
  static func unwritten(path: String, place: String) -> FileError {
    .invalid(
      path: path, place: place, expected: "values", found: "some that were never written",
      fix: "write all of them, zeros too")
  }

  /// The error for a part of the file that makes no sense.
  static func damaged(_ problem: String, path: String, place: String) -> FileError {
    .invalid(
      path: path, place: place, expected: "readable HDF5 content",
      found: "damaged content (\(problem))", fix: "copy or import the file again")
  }
}

/// What the start of an HDF5 file says.
private struct HDF5Superblock {
  let root: UInt64
  let extensionAddress: UInt64?

  init(_ file: FileReader, base: Int) throws(FileError) {
    let bytes = try file.read(
      at: base, count: min(128, file.byteCount - base), place: "the superblock")
    var cursor = HDF5Cursor(bytes, path: file.path, place: "the superblock")
    // The shortest superblock; the older ones are longer, and there are no such short files.
    guard bytes.count >= 48 else { throw Self.truncated(file, "a superblock") }
    try cursor.skip(8)
    let version = try cursor.version(0...3, of: "the superblock")
    if version < 2 { try cursor.skip(4) }
    guard try cursor.take(2) == [8, 8] else {
      throw .unsupported(
        path: file.path, place: "the superblock",
        found: "addresses or lengths of other than 8 bytes",
        supported: "addresses of 8 bytes, as HDF5 writes by default")
    }
    if version < 2 {
      try cursor.skip(version == 0 ? 9 : 13)
    } else {
      try Self.checkIsClosed(file, flags: try cursor.number(1), version: version)
    }
    let (start, second, end) = (
      try cursor.address(), try cursor.address(), try cursor.address()
    )
    // The superblock's place is where addresses count from, as for the HDF5 library: a user block put
    // before a file moves the start and the end, which stay as they were in the superblock.
    guard let start, let end, end >= start, let count = Int(exactly: end - start) else {
      throw cursor.damaged("an end before the start")
    }
    guard count <= file.byteCount - base else {
      throw Self.truncated(
        file, base == 0 ? "\(count) bytes" : "\(count) bytes behind a user block of \(base)")
    }
    if version < 2 {
      guard try cursor.address() == nil else { throw cursor.damaged("a file driver") }
      try cursor.skip(8)
      extensionAddress = nil
    } else {
      extensionAddress = second
    }
    guard let root = try cursor.address() else { throw cursor.damaged("no root group") }
    self.root = root
    guard version >= 2 else { return }
    let sum = HDF5Checksum.of(bytes.prefix(cursor.position))
    guard try cursor.number(4) == UInt64(sum) else { throw cursor.damaged("a wrong checksum") }
  }

  /// From version 3 on a flag says that the file is being written, or that its writer crashed.
  private static func checkIsClosed(
    _ file: FileReader, flags: UInt64, version: UInt64
  ) throws(FileError) {
    guard version >= 3, flags & 5 != 0 else { return }
    throw .invalid(
      path: file.path, place: "the superblock", expected: "a file that its writer has closed",
      found: "one that is open for writing, or whose writer crashed",
      fix: "close it, or write it again")
  }

  private static func truncated(_ file: FileReader, _ what: String) -> FileError {
    .invalid(
      path: file.path, place: "the file", expected: "a whole HDF5 file with \(what)",
      found: "\(file.byteCount) bytes that are truncated or damaged",
      fix: "copy or import it again")
  }
}

/// What the first bytes of a file that is not HDF5 look like.
private func describeContent(_ file: FileReader) throws(FileError) -> String {
  let head = try file.read(at: 0, count: min(file.byteCount, 512), place: "the file")
  if head.isEmpty { return "an empty file" }
  if head.starts(with: Array("GGUF".utf8)) { return "a GGUF file" }
  let isText = head.allSatisfy { $0 >= 0x20 || (0x09...0x0D).contains($0) }
  return isText ? "text" : "\(file.byteCount) bytes of something else"
}
