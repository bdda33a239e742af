import CVectorMath
import Foundation

/// The machine's own rate at large float32 products, which shares of the machine are shares of.
///
/// One product by OpenBLAS of (1024·cores, 2048) and (2048, 2048) matrices, cut into one block of rows
/// for each core, on one thread each as everywhere in this package. On two cores of a Zen 4 larger blocks
/// are within 1 % of it, and OpenBLAS's own threads, which would spin on into the next measurement, within
/// 2 % (medians 199 and 200 GFLOP/s). The matrices live only as long as the product, so that they do not
/// count in what is measured besides.
package enum SgemmRate {
  /// Rows of each core's block.
  package static let rowsPerCore = 1024
  /// Columns of all three matrices.
  package static let columns = 2048

  /// Operations per second of one product now, on `cores` cores.
  package static func measure(cores: Int) -> Double {
    precondition(BLASRuntime.isAvailable, "OpenBLAS is missing")
    let rows = rowsPerCore * cores
    let a = Block(count: rows * columns)
    let b = Block(count: columns * columns)
    let c = Block(count: rows * columns)
    let start = ContinuousClock.now
    parallel(cores) { core in
      let offset = core * rowsPerCore * columns
      unsafe zz_blas_multiply(
        rowsPerCore, columns, columns, a.start + offset, columns, 1, b.start, columns, 1,
        c.start + offset, columns, 0)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return 2 * Double(rows * columns * columns) / seconds
  }

  /// Floats of its own, outside the pool that tensors share; touched, so that no page is missing.
  @safe private final class Block: @unchecked Sendable {
    let start: UnsafeMutablePointer<Float>

    init(count: Int) {
      let bytes = count * MemoryLayout<Float>.stride
      let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      let start = unsafe raw.bindMemory(to: Float.self, capacity: count)
      // Values that differ: equal ones would let some processors clock higher.
      for index in 0..<count { unsafe start[index] = Float(index % 1021) / 1021 - 0.5 }
      unsafe self.start = start
    }

    deinit { unsafe start.deallocate() }
  }
}
