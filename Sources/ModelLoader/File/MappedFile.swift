import Foundation
import Support
import Synchronization
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

/// What happens when mapped weights cannot be read: the disk fails, or the file is cut short.
///
/// The kernel says so with SIGBUS, in the middle of a computation, so that nothing is left but to end the
/// process in order.
package enum MappedFileFault {
  /// The sentence for the file mapped last, as a C string that is never freed; 0 before the first.
  private static let message = Atomic<UInt>(0)

  /// From now on such a fault ends the process with one sentence on standard error and `exitCode`.
  ///
  /// Only for programs, and once: it takes the handler of SIGBUS.
  package static func install(exitCode: Int32) {
    // Both are made here, since a handler must not.
    code.store(exitCode, ordering: .relaxed)
    message.store(0, ordering: .relaxed)
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in
      // Nothing but what a signal handler may do: load, write and leave.
      if let text = unsafe UnsafePointer<CChar>(
        bitPattern: MappedFileFault.message.load(ordering: .acquiring))
      {
        _ = unsafe write(STDERR_FILENO, text, strlen(text))
      }
      _exit(MappedFileFault.code.load(ordering: .relaxed))
    }
    _ = unsafe sigaction(SIGBUS, &action, nil)
  }

  private static let code = Atomic<Int32>(66)

  /// Names the file at `path` in messages from now on.
  static func watch(_ path: String) {
    let text = unsafe strdup(
      "\nzigzag: cannot read \(path) any more (the disk failed, or the file was cut short while it was "
        + "in use); bring the file back and give the same command again, which continues after the "
        + "last checkpoint.\n")
    message.store(UInt(bitPattern: text), ordering: .releasing)
  }
}
