import Synchronization

/// What reading one file may cost: 64 times its size in memory, and 16 MiB whatever its size.
///
/// Every reader of a file draws from the same budget before it makes anything that a short file can make
/// large: decompressed values, the nodes of a document, repeated parts, text that grows. So a hostile file
/// is refused before its memory is taken and not after.
package final class ReadingBudget: Sendable {
  /// Bytes of memory for each byte of a file.
  package static let factor = 64
  /// Bytes of memory that any file may cost.
  package static let floor = 16 << 20

  private let path: String
  private let limit: Int
  private let spent = Atomic<Int>(0)

  /// The budget of the file at `path`, which messages name, with `byteCount` bytes.
  package init(path: String, byteCount: Int) {
    self.path = path
    let fits = byteCount < Int.max / (2 * Self.factor)
    limit = fits ? Self.factor * byteCount + Self.floor : .max / 2
  }

  /// Takes `bytes` for `place`, which names a part of the file in the message.
  ///
  /// - Throws: `FileError.invalid` where the budget does not hold so much any more.
  package func charge(_ bytes: Int, for place: String) throws(FileError) {
    guard bytes <= limit, spent.wrappingAdd(max(bytes, 0), ordering: .relaxed).newValue <= limit
    else {
      throw .invalid(
        path: path, place: place,
        expected: "content of at most \(limit) bytes in a file of this size", found: "more",
        fix: "the file is damaged or made to exhaust memory, so get it anew")
    }
  }

  /// Gives back `bytes` that were taken for something that is kept no longer.
  package func refund(_ bytes: Int) {
    spent.wrappingSubtract(max(bytes, 0), ordering: .relaxed)
  }
}
