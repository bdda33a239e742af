import GateOptimizer
import TestSupport
import Testing
import Transformer

/// The two-stream step with the kernel sets that the other suites do not run on: those of ours for older CPUs, and
/// OpenBLAS.
@Suite struct StepKernelTests {
  private func step() {
    TwoStreamTests().gradientsMatchCentralDifferences(Architectures.qwen3, retrieval: .student)
    for retrieval in [RetrievalSource.teacher, .student] {
      TwoStreamTests().memoryBudgetsDoNotChangeABit(Architectures.llama, retrieval: retrieval)
    }
    TwoStreamTests().oneCoreAndManyGiveTheSameBits()
  }

  @Test(arguments: ProductKernels.ownOfThisCPU.dropLast())
  func ownKernels(_ kernels: ProductKernels) {
    ProductKernels.$forced.withValue(kernels) { step() }
  }

  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"))
  func openBLAS() {
    ProductKernels.$forced.withValue(.openBLAS) { step() }
  }
}
