import Benchmark
import Transformer

/// Every kernel with the reference model's shapes; `make bench` runs them.
let benchmarks: @Sendable () -> Void = {
  registerProducts()
  registerAttention()
  registerRowKernels()
  registerHeadKernels()
}
