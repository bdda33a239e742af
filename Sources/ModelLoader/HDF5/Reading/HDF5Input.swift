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
  /// What may still be read of the structures: loops in a hostile file end when it is used up.
  private var budget: Int

  /// Bytes that reading all values of one dataset may take: compressed ones claim any size.
  var largestDataset: Int { 8 * file.byteCount + 1 << 20 }

  /// Opens the file at `path` and reads its superblock.
  init(path: String) throws(ModelLoaderError) {
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
    budget = 4 * file.byteCount + 1 << 18
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
  private static func findSignature(_ file: FileReader) throws(ModelLoaderError) -> Int? {
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
  ) throws(ModelLoaderError) -> HDF5Cursor {
    guard let offset = offset(of: address, count: count) else {
      throw Self.damaged("an address outside the file", path: file.path, place: place)
    }
    // Every read counts at least some bytes, so that loops of empty parts end too.
    budget -= count + 16
    guard budget >= 0 else {
      throw Self.damaged("parts that repeat without end", path: file.path, place: place)
    }
    let bytes = try file.read(at: offset, count: count, place: place)
    return HDF5Cursor(bytes, path: file.path, place: place)
  }

  /// As ``structure(at:count:place:)``, with the last four bytes the checksum of the others.
  func checked(
    at address: UInt64, count: Int, place: String
  ) throws(ModelLoaderError) -> HDF5Cursor {
    let whole = try structure(at: address, count: max(count, 8), place: place)
    let body = Array(whole.bytes.dropLast(4))
    let stated = whole.bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard HDF5Checksum.of(body) == stated else { throw whole.damaged("a wrong checksum") }
    return HDF5Cursor(body, path: file.path, place: place)
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

  /// The error for a part of the file that makes no sense.
  static func damaged(_ problem: String, path: String, place: String) -> ModelLoaderError {
    .invalid(
      path: path, place: place, expected: "readable HDF5 content",
      found: "damaged content (\(problem))", fix: "copy or import the file again")
  }
}

/// What the start of an HDF5 file says.
private struct HDF5Superblock {
  let root: UInt64
  let extensionAddress: UInt64?

  init(_ file: FileReader, base: Int) throws(ModelLoaderError) {
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
    try cursor.skip(version < 2 ? 9 : 1)
    if version == 1 { try cursor.skip(4) }
    let (start, second) = (try cursor.address(), try cursor.address())
    let end = try cursor.size(8)
    guard start == UInt64(base) else { throw cursor.damaged("another base address") }
    guard end <= file.byteCount else {
      throw Self.truncated(file, "\(end) bytes")
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

  private static func truncated(_ file: FileReader, _ what: String) -> ModelLoaderError {
    .invalid(
      path: file.path, place: "the file", expected: "a whole HDF5 file with \(what)",
      found: "\(file.byteCount) bytes that are truncated or damaged",
      fix: "copy or import it again")
  }
}

/// What the first bytes of a file that is not HDF5 look like.
private func describeContent(_ file: FileReader) throws(ModelLoaderError) -> String {
  let head = try file.read(at: 0, count: min(file.byteCount, 512), place: "the file")
  if head.isEmpty { return "an empty file" }
  if head.starts(with: Array("GGUF".utf8)) { return "a GGUF file" }
  let isText = head.allSatisfy { $0 >= 0x20 || (0x09...0x0D).contains($0) }
  return isText ? "text" : "\(file.byteCount) bytes of something else"
}
