import CVectorMath
import Foundation
import Support

/// A file that prompt caches lie in.
///
/// It has no name, so that it is gone with its last cache or with the process,
/// however that ends.
package final class PromptFile {
  private let descriptor: Int32
  private var used = 0
  /// Whether the disk had no room the last time; it is not asked again.
  package private(set) var isFull = false

  /// An empty file on the disk of `folder`; nil where none can be made there.
  package init?(in folder: String) {
    var template = Array("\(folder)/.prompts-XXXXXX".utf8CString)
    let descriptor = unsafe template.withUnsafeMutableBufferPointer { name -> Int32 in
      guard let name = name.baseAddress else { return -1 }
      let descriptor = unsafe mkstemp(name)
      if descriptor >= 0 { unsafe unlink(name) }
      return descriptor
    }
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Room for `byteCount` bytes more; nil where the disk has none.
  package func room(_ byteCount: Int) -> PromptRoom? {
    let page = max(sysconf(Int32(_SC_PAGESIZE)), 1)
    let size = max((byteCount + page - 1) / page, 1) * page
    guard !isFull, posix_fallocate(descriptor, off_t(used), off_t(size)) == 0 else {
      return giveUp()
    }
    let address = unsafe mmap(
      nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(used))
    guard let address = unsafe address, unsafe address != MAP_FAILED else { return giveUp() }
    used += size
    return unsafe PromptRoom(UnsafeMutableRawBufferPointer(start: address, count: size))
  }

  /// Gives back what was reserved in vain.
  private func giveUp() -> PromptRoom? {
    if !isFull { ftruncate(descriptor, off_t(used)) }
    isFull = true
    return nil
  }
}

/// Where the keys and values of one prompt are written once, layer by layer.
@safe package final class PromptRoom {
  private let bytes: UnsafeMutableRawBufferPointer
  private let storage: WeightStorage
  private var used = 0

  /// Takes over mapped bytes.
  @unsafe fileprivate init(_ bytes: UnsafeMutableRawBufferPointer) {
    unsafe self.bytes = bytes
    unsafe storage = WeightStorage(bytes: UnsafeRawBufferPointer(bytes)) {
      unsafe munmap(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
    }
  }

  /// The values of `x`, rounded to the nearest of `type`, as a matrix that lies here.
  func matrix(_ x: borrowing Tensor, as type: ElementType) -> WeightMatrix {
    let span = x.span
    let (offset, count) = (used, span.count * type.byteCount)
    precondition(unsafe offset + count <= bytes.count, "a prompt has more than its room")
    used += count
    if let base = unsafe bytes.baseAddress { unsafe span.round(to: type, into: base + offset) }
    return WeightMatrix(
      rows: x.rows, columns: x.columns, type: type, storage: storage, byteOffset: offset)
  }
}

extension WeightMatrix {
  /// The values of `x`, each rounded to the nearest of `type`, ties to even.
  init(rounding x: borrowing Tensor, to type: ElementType) {
    let span = x.span
    let storage = unsafe WeightStorage(byteCount: span.count * type.byteCount) {
      unsafe span.round(to: type, into: $0)
    }
    self.init(rows: x.rows, columns: x.columns, type: type, storage: storage)
  }

  /// All values as float32.
  func widened() -> Tensor {
    var x = Tensor(rows: rows, columns: columns)
    var view = x.mutableView
    widen(rows: 0..<rows, columns: 0..<columns, into: &view)
    return x
  }
}

extension Span<Float> {
  /// Writes each value, rounded to the nearest of `type`, ties to even, to `target`, which has room for all.
  @unsafe fileprivate func round(to type: ElementType, into target: UnsafeMutableRawPointer) {
    unsafe withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      switch type {
      case .float32:
        unsafe target.copyMemory(from: start, byteCount: count * MemoryLayout<Float>.stride)
      case .float16:
        unsafe zz_narrow_float16(start, target.assumingMemoryBound(to: UInt16.self), count)
      case .bfloat16:
        unsafe zz_narrow_bfloat16(start, target.assumingMemoryBound(to: UInt16.self), count)
      }
    }
  }
}
