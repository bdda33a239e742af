import Foundation

/// What the system says of a file: it changes when somebody writes into it.
package struct FileStamp: Equatable, Sendable {
  package let device: UInt
  package let inode: UInt
  package let byteCount: Int
  package let modified: [Int]
  package let changed: [Int]

  /// The stamp of the file at `path`; nil where there is none.
  package init?(path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// The stamp of an open file.
  package init?(descriptor: Int32) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  private init(_ status: stat) {
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
    byteCount = Int(status.st_size)
    modified = [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
    changed = [Int(status.st_ctim.tv_sec), Int(status.st_ctim.tv_nsec)]
  }

  /// Whether both are of one file, whatever is in it.
  package func isSameFile(as other: FileStamp) -> Bool {
    (device, inode) == (other.device, other.inode)
  }

  /// Whether both are of one file that nobody has written into between them, going by its size and the
  /// time of the last change of its content; the time of a change of its attributes may differ.
  package func hasSameContent(as other: FileStamp) -> Bool {
    isSameFile(as: other) && byteCount == other.byteCount && modified == other.modified
  }
}

/// A model file that is mapped: it stays open, so that a change of its content is noticed.
package final class FileInUse: Sendable {
  /// The path it was opened at.
  package let path: String
  private let descriptor: Int32
  private let stamp: Locked<FileStamp>

  /// Takes over an open descriptor of the file at `path`, and closes it in the end.
  package init?(path: String, descriptor: Int32) {
    guard let stamp = FileStamp(descriptor: descriptor) else { return nil }
    self.path = path
    self.descriptor = descriptor
    self.stamp = Locked(stamp)
  }

  deinit { close(descriptor) }

  /// Whether the file is as it was when `stamp` was taken, all times included.
  package func isStill(_ stamp: FileStamp) -> Bool { FileStamp(descriptor: descriptor) == stamp }

  /// Whether the path still names this file: another one may have been renamed to it.
  package var isAtItsPath: Bool {
    FileStamp(path: path)?.isSameFile(as: stamp.withLock { $0 }) ?? false
  }

  /// Refuses a file that somebody has written into since it was opened.
  ///
  /// Another file that was renamed to the path, and the removal of the path, leave the content that is
  /// mapped as it is and are no change. Where only the attributes were touched, as by a new link or by one
  /// who set the times back, `isSame` decides, which reads the file at its path again.
  ///
  /// - Throws: `FileError.changed`.
  package func requireUnchanged(isSame: () -> Bool) throws(FileError) {
    let before = stamp.withLock { $0 }
    guard let now = FileStamp(descriptor: descriptor) else { throw .changed(path: path) }
    if now == before { return }
    guard now.hasSameContent(as: before) else { throw .changed(path: path) }
    if isAtItsPath {
      guard isSame() else { throw .changed(path: path) }
    }
    stamp.withLock { $0 = now }
  }
}
