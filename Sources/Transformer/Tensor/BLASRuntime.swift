import CVectorMath
import Foundation

/// OpenBLAS and its choice of kernels.
///
/// Products run on it where ``ProductKernels`` says so, and `zigzag bench` compares speeds with it. It is loaded
/// when it is first asked for, with one thread. Then it chooses its kernels, and takes a CPU newer than
/// itself for an old one: 0.3.21 runs an AVX-512 Zen 5 as "Haswell", at half speed. The variable
/// OPENBLAS_CORETYPE overrides that, but is read while the library is loaded: it is loaded once more.
package enum BLASRuntime {
  /// Whether it is there; it is loaded here.
  package static let isAvailable = load()

  /// The name of the kernel set in use, "Haswell" say.
  package static var kernel: String {
    guard isAvailable, let name = unsafe zz_blas_kernel() else { return "unknown" }
    return unsafe String(cString: name)
  }

  /// Its name with version and kernel set, "OpenBLAS 0.3.21 Cooperlake" say.
  package static var name: String {
    guard isAvailable, let text = unsafe zz_blas_configuration() else {
      return "OpenBLAS \(kernel)"
    }
    let words = unsafe String(cString: text).split(separator: " ")
    return (words.prefix(2) + [Substring(kernel)]).joined(separator: " ")
  }

  private static func load() -> Bool {
    guard zz_blas_load(nil) != 0 else { return false }
    let isChosen = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] != nil
    guard !isChosen, let name = unsafe zz_blas_kernel(),
      let better = betterKernel(than: unsafe String(cString: name))
    else { return true }
    // The first load worked: where the second does not, its kernels serve.
    return unsafe zz_blas_load(better) != 0 || zz_blas_load(nil) != 0
  }

  /// The better kernel set that OpenBLAS missed on this CPU; nil if there is none.
  private static func betterKernel(than kernel: String) -> String? {
    let narrow = ["Haswell", "Zen", "Sandybridge", "Nehalem", "Core2", "Prescott"]
    return zz_has_avx512() != 0 && narrow.contains(kernel) ? "SkylakeX" : nil
  }
}
