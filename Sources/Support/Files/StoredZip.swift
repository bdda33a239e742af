/// Zip archives whose entries are stored as they are, as `torch.save` writes them.
///
/// The format is PKWARE's APPNOTE 6.3: local headers with their bytes, the central directory, its end. Sizes and
/// offsets have 32 bits here; what needs zip64, compression or a password is refused.
package enum StoredZip {
  /// An entry: a name and its bytes.
  package struct Entry: Equatable {
    /// Folders before the name with slashes between.
    package let name: String
    /// What the entry holds.
    package let bytes: [UInt8]

    /// An entry of `bytes`.
    package init(name: String, bytes: [UInt8]) { (self.name, self.bytes) = (name, bytes) }
  }

  /// More entries than this are no file of scores.
  private static let maximumCount = 1024
  private static let endSize = 22

  /// The entries of an archive, in the order of its central directory; `path` names it in errors.
  ///
  /// - Throws: `FileError` where a header is damaged, a checksum is another, or an entry is not stored.
  package static func entries(of bytes: [UInt8], path: String) throws(FileError) -> [Entry] {
    let reader = Reader(bytes: bytes, path: path)
    let end = try reader.end()
    let count = reader.word(end + 10, 2)
    var place = reader.word(end + 16, 4)
    guard count <= maximumCount, reader.word(end + 4, 4) == 0 else {
      throw reader.flaw("at most \(maximumCount) entries in one file", "\(count)")
    }
    // Entries may lie upon each other, so that few bytes could stand for many.
    var left = bytes.count
    var entries: [Entry] = []
    for _ in 0..<count {
      let (entry, next) = try reader.entry(at: place)
      left -= entry.bytes.count
      guard left >= 0 else { throw reader.flaw("entries beside each other", "some that overlap") }
      entries.append(entry)
      place = next
    }
    return entries
  }

  /// An archive of `entries`, without times, so that the same entries make the same bytes.
  package static func archive(of entries: [Entry]) -> [UInt8] {
    var (archive, directory): ([UInt8], [UInt8]) = ([], [])
    for entry in entries {
      let (name, size) = (Array(entry.name.utf8), entry.bytes.count)
      // Version 2.0, no flags, stored, midnight of 1 January 1980; no extra field.
      let common =
        words([(20, 2), (0, 2), (0, 2), (0, 2), (33, 2), (Int(CRC32.of(entry.bytes)), 4)])
        + words([(size, 4), (size, 4), (name.count, 2), (0, 2)])
      let place = archive.count
      archive += Array("PK\u{3}\u{4}".utf8) + common + name + entry.bytes
      directory +=
        Array("PK\u{1}\u{2}".utf8) + words([(20, 2)]) + common
        + words([(0, 2), (0, 2), (0, 2), (0, 4), (place, 4)]) + name
    }
    return archive + directory + Array("PK\u{5}\u{6}".utf8)
      + words([
        (0, 4), (entries.count, 2), (entries.count, 2), (directory.count, 4), (archive.count, 4),
        (0, 2),
      ])
  }

  /// Numbers of so many bytes each, little-endian.
  private static func words(_ values: [(value: Int, width: Int)]) -> [UInt8] {
    values.flatMap { word in
      (0..<word.width).map { UInt8(truncatingIfNeeded: word.value >> (8 * $0)) }
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    let path: String

    func flaw(_ expected: String, _ found: String) -> FileError {
      .invalid(
        path: path, place: "the zip archive", expected: expected, found: found,
        fix: "get the file anew, or write it again with torch.save")
    }

    /// A number of `width` bytes, little-endian; 0 beyond the end.
    func word(_ place: Int, _ width: Int) -> Int {
      guard place >= 0, place <= bytes.count - width else { return 0 }
      return (0..<width).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }

    private func isSignature(_ kind: UInt8, _ next: UInt8, at place: Int) -> Bool {
      place >= 0 && place <= bytes.count - 4
        && bytes[place..<place + 4].elementsEqual([0x50, 0x4B, kind, next])
    }

    /// Where the end of the central directory is: the last place from which a comment reaches the file's end.
    func end() throws(FileError) -> Int {
      let last = bytes.count - endSize
      let first = max(0, last - 0xFFFF)
      for place in stride(from: last, through: first, by: -1)
      where isSignature(5, 6, at: place) && word(place + 20, 2) == last - place {
        return place
      }
      throw flaw("the end of its directory", "none, so that the file is truncated or damaged")
    }

    /// The entry whose header in the central directory is at `place`, and where the next one is.
    func entry(at place: Int) throws(FileError) -> (Entry, next: Int) {
      guard isSignature(1, 2, at: place), place <= bytes.count - 46 else {
        throw flaw("a header of an entry at byte \(place)", "something else")
      }
      let (nameCount, size, local) = (
        word(place + 28, 2), word(place + 24, 4), word(place + 42, 4)
      )
      let next = place + 46 + nameCount + word(place + 30, 2) + word(place + 32, 2)
      guard place + 46 + nameCount <= bytes.count,
        let name = String(validating: bytes[(place + 46)..<place + 46 + nameCount], as: UTF8.self)
      else { throw flaw("a name in UTF-8 at byte \(place + 46)", "other bytes") }
      try requireStored(place, size, local, name)
      guard isSignature(3, 4, at: local) else {
        throw flaw("the entry \(name) at byte \(local)", "something else")
      }
      let start = local + 30 + word(local + 26, 2) + word(local + 28, 2)
      guard start <= bytes.count, size <= bytes.count - start else {
        throw flaw("\(size) bytes of the entry \(name)", "a file of \(bytes.count) bytes")
      }
      let content = Array(bytes[start..<start + size])
      guard Int(CRC32.of(content)) == word(place + 16, 4) else {
        throw flaw("the entry \(name) with its checksum", "other bytes")
      }
      return (Entry(name: name, bytes: content), next)
    }

    private func requireStored(
      _ place: Int, _ size: Int, _ local: Int, _ name: String
    ) throws(FileError) {
      guard word(place + 8, 2) & 1 == 0 else {
        throw flaw("entries that can be read", "the entry \(name), which needs a password")
      }
      guard size != 0xFFFF_FFFF, local != 0xFFFF_FFFF else {
        throw flaw("sizes of 32 bits", "the entry \(name) in the zip64 format")
      }
      guard word(place + 10, 2) == 0, word(place + 20, 4) == size else {
        throw flaw(
          "entries stored as they are, as torch.save writes them",
          "the entry \(name), which is compressed")
      }
    }
  }
}
