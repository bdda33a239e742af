import Foundation
import Support
import Transformer

/// Maps whole files into memory.
enum MappedFile {
  /// The read-only bytes of the file at `path`, shared with other processes through the page cache
  /// and unmapped with the last weight that refers to them.
  ///
  /// A file that is cut short while it is mapped ends the process on the next access
  /// (``MappedFileFault``), and one that is written into is told by the ``FileInUse``; everything here
  /// replaces files by renaming, which keeps the old content mapped.
  static func map(
    _ path: String
  ) throws(FileError) -> (storage: WeightStorage, count: Int, file: FileInUse) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .unreadable(path: path, reason: systemMessage(errno))
    }
    guard let file = FileInUse(path: path, descriptor: descriptor) else {
      close(descriptor)
      throw .unreadable(path: path, reason: systemMessage(errno))
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_size > 0 else {
      throw .unreadable(path: path, reason: "it is empty")
    }
    let count = Int(status.st_size)
    let address = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw .unreadable(path: path, reason: "it cannot be mapped: \(systemMessage(errno))")
    }
    MappedFileFault.watch(path)
    let storage = unsafe WeightStorage(
      bytes: UnsafeRawBufferPointer(start: address, count: count)
    ) { bytes in
      unsafe munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
    return (storage, count, file)
  }
}
