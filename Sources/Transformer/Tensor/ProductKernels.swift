import CVectorMath
import Synchronization

/// Whose matrix products are computed with, where somebody asks for one of them.
package enum ProductLibrary: String, CaseIterable, Sendable {
  /// The kernels of this package, the portable ones where there are none for the CPU.
  case own
  /// OpenBLAS.
  case openblas
}

/// The kernels that matrix products run on.
///
/// All results are sums of the same terms. Their last bits differ from one kernel set to the other, as they
/// differ between CPUs.
package enum ProductKernels: Int32, CaseIterable, Sendable {
  /// Kernels of this package for any CPU.
  case portable = 0
  /// Kernels of this package for x86-64 with AVX2.
  case avx2 = 1
  /// Kernels of this package for x86-64 with AVX-512.
  case avx512 = 2
  /// OpenBLAS, whichever kernels it takes.
  case openBLAS = 3

  /// Within `$forced.withValue(…) { … }` the kernels of all products, for tests: of those `available`.
  @TaskLocal package static var forced: ProductKernels?

  /// What ``choose(_:)`` took, by its number; below 0, before it was called, the automatic choice.
  private static let chosen = Atomic<Int32>(-1)

  /// The best of this package on this CPU.
  private static let own = ProductKernels(rawValue: zz_product_level()) ?? .portable

  /// The best of this package where there are kernels for the CPU, OpenBLAS where it can be loaded, portable
  /// kernels elsewhere.
  private static let automatic: ProductKernels =
    own == .portable && BLASRuntime.isAvailable ? .openBLAS : own

  /// The kernels of this package that the CPU runs.
  package static var ownOfThisCPU: [ProductKernels] {
    allCases.filter { $0.rawValue <= own.rawValue }
  }

  /// The kernels of the products that begin now.
  static var current: ProductKernels {
    forced ?? ProductKernels(rawValue: chosen.load(ordering: .relaxed)) ?? automatic
  }

  /// Takes the kernels of `library` for this process, or those that suit the CPU if it is nil.
  ///
  /// No product may run meanwhile.
  ///
  /// - Throws: ``MissingOpenBLAS``.
  package static func choose(_ library: ProductLibrary?) throws(MissingOpenBLAS) {
    let kernels: ProductKernels
    switch library {
    case nil: kernels = automatic
    case .own: kernels = own
    case .openblas:
      guard BLASRuntime.isAvailable else { throw MissingOpenBLAS() }
      kernels = .openBLAS
    }
    chosen.store(kernels.rawValue, ordering: .relaxed)
  }

  /// The name of those in use, for logs and records.
  package static var name: String {
    switch current {
    case .portable: "portable kernels"
    case .avx2: "AVX2 kernels"
    case .avx512: "AVX-512 kernels"
    case .openBLAS: BLASRuntime.name
    }
  }
}

/// OpenBLAS is asked for and cannot be loaded.
package struct MissingOpenBLAS: Error, CustomStringConvertible {
  /// The one thing that can be said.
  package init() {}

  /// What is missing and what to do.
  package var description: String {
    "there is no OpenBLAS (libopenblas.so.0); install it, libopenblas0 or libopenblas-dev on Debian and Ubuntu"
  }
}
