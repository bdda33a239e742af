import Foundation
import Support

/// Free float32 blocks, kept for the next tensor of about the same size.
///
/// Fresh memory costs a page fault per 4 KiB, as much as a tenth of a projection's time; the tensors
/// of one step have the sizes of the step before.
@safe final class BlockPool: Sendable {
  /// A 64-byte aligned block of at least one cache line.
  @safe struct Block: @unchecked Sendable {
    let start: UnsafeMutablePointer<Float>
    let capacity: Int
  }

  static let shared = BlockPool()

  /// Free blocks, smallest first.
  private let free = Locked<[Block]>([])

  /// The smallest free block that fits and is at most half empty, or a new one.
  func take(floats: Int) -> Block {
    let needed = max(floats, 16)
    let found = free.withLock { blocks -> Block? in
      let index = blocks.partitioningIndex { $0.capacity >= needed }
      guard index < blocks.count && blocks[index].capacity <= 2 * needed else { return nil }
      return blocks.remove(at: index)
    }
    return found ?? allocate(floats: needed)
  }

  /// Keeps a block for later.
  func give(back block: Block) {
    free.withLock { blocks in
      let index = blocks.partitioningIndex { $0.capacity >= block.capacity }
      blocks.insert(block, at: index)
    }
  }

  private func allocate(floats: Int) -> Block {
    let (bytes, isTooLarge) = floats.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    var raw: UnsafeMutableRawPointer?
    guard !isTooLarge, unsafe posix_memalign(&raw, 64, bytes) == 0, let raw = unsafe raw else {
      MemoryShortage.end(bytes: isTooLarge ? .max : bytes)
    }
    return unsafe Block(
      start: raw.bindMemory(to: Float.self, capacity: floats), capacity: floats)
  }
}
