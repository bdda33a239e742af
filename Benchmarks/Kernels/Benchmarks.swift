import Benchmark
import COpenBLAS
import Transformer

/// Every kernel with the reference model's shapes; `make bench` runs them.
let benchmarks: @Sendable () -> Void = {
  // Where it helps, this process starts again here.
  _ = BLASRuntime.restartWithBestKernel()
  // As every decoder does: the kernels themselves divide work among cores.
  openblas_set_num_threads(1)
  registerProducts()
  registerAttention()
  registerRowKernels()
  registerHeadKernels()
}
