import CVectorMath
import Foundation

/// OpenBLAS, which nothing but a yardstick is computed with, and its choice of kernel.
///
/// It is loaded when it is first asked for, with one thread. Then it chooses its kernels, and takes a CPU
/// newer than itself for an old one: 0.3.21 runs an AVX-512 Zen 5 as "Haswell", at half speed. The
/// variable OPENBLAS_CORETYPE overrides it, but is read at loading only, so that the process must start
/// once more.
public enum BLASRuntime {
  /// Whether there is a library to measure with; it is loaded here.
  public static let isAvailable = zz_blas_load() != 0

  /// The name of the kernel set in use, "Haswell" say.
  public static var kernel: String {
    guard isAvailable, let name = unsafe zz_blas_kernel() else { return "unknown" }
    return unsafe String(cString: name)
  }

  /// The better kernel set that OpenBLAS missed on this CPU; nil if there is none.
  static var betterKernel: String? {
    let narrow = ["Haswell", "Zen", "Sandybridge", "Nehalem", "Core2", "Prescott"]
    guard zz_has_avx512() != 0 && narrow.contains(kernel) else { return nil }
    return "SkylakeX"
  }

  /// Starts this program again under a better kernel if there is one and the variable is not set.
  ///
  /// Returns a sentence for the log: what was chosen by this or the earlier start; nil when there is
  /// nothing to say. Does not return when it restarts.
  public static func restartWithBestKernel() -> String? {
    let variable = "OPENBLAS_CORETYPE"
    let mark = "ZIGZAG_KERNEL_CHOSEN"
    let environment = ProcessInfo.processInfo.environment
    if let former = environment[mark] {
      return "OpenBLAS took this CPU for a \(former); started again with its \(kernel) kernels"
    }
    guard environment[variable] == nil, let better = betterKernel else { return nil }
    let former = kernel
    unsafe setenv(variable, better, 1)
    unsafe setenv(mark, former, 1)
    unsafe execv("/proc/self/exe", CommandLine.unsafeArgv)
    // Only a failed start comes here.
    unsafe unsetenv(variable)
    unsafe unsetenv(mark)
    return "OpenBLAS runs its \(former) kernels; \(variable)=\(better) would be faster"
  }
}
