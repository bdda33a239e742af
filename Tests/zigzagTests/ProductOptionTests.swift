import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Whose products a verb computes with, by option or setting.
@Suite struct ProductOptionTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 4, checkpointEvery: 2), to: "run.yaml")
    try NumpyFile.write((0..<40).map(Int32.init), shape: [40], to: scratch.path("ids.npy"))
  }

  /// Libraries of the names that OpenBLAS has, none of which can be loaded, come first.
  private func withoutOpenBLAS(_ arguments: [String]) throws -> ToolOutcome {
    for name in ["libopenblas.so.0", "libopenblas.so"] { try scratch.write("", to: name) }
    return try ToolRunner.run(
      arguments, in: scratch.path, shell: "LD_LIBRARY_PATH=. exec \"$@\"")
  }

  @Test func missingOpenBLASIsRefusedBeforeAnything() throws {
    let advice = ["there is no OpenBLAS (libopenblas.so.0)", "install it, libopenblas0"]
    expectRefusal(
      try withoutOpenBLAS(["run", "run.yaml", "-q", "--set", "compute.products=openblas"]),
      code: 64, saying: "compute.products", "is openblas, but", advice[0], advice[1])
    #expect(!scratch.holds("runs"))
    let forward = ["forward", "tiny.h5", "--tokens", "ids.npy", "--out", "out.npy"]
    expectRefusal(
      try withoutOpenBLAS(forward + ["--products", "openblas"]), code: 66,
      saying: "--products is openblas, but", advice[0], advice[1])
    expectRefusal(
      try withoutOpenBLAS(["bench", "tiny.h5"]), code: 66, saying: "compared", advice[0], advice[1])
  }

  @Test func anUnknownLibraryIsRefused() throws {
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "-q", "--set", "compute.products=mkl"), code: 64,
      saying: "compute.products is mkl", "own, openblas")
  }

  /// A sweep says so before its first run.
  @Test func sweepsAreRefusedAsAWhole() throws {
    try scratch.write(
      """
      name: both
      base: run.yaml
      vary:
        compute.products: [own, openblas]
      """, to: "sweep.yaml")
    expectRefusal(
      try withoutOpenBLAS(["sweep", "sweep.yaml", "-q"]), code: 64, saying: "is openblas, but")
    #expect(!scratch.holds("runs"))
  }

  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"))
  func benchSaysWhatItMeasured() throws {
    let outcome = try scratch.zigzag(
      "bench", "tiny.h5", "--products", "openblas", "--measure", "prefill", "--lengths", "24",
      "--repeats", "1", "--sink", "2", "--recent", "8", "-q")
    #expect(outcome.code == 0 && outcome.output.contains(BLASRuntime.name), "\(outcome)")
  }
}
