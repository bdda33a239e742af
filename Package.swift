// swift-tools-version: 6.2
import Foundation
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
]

// What `zigzag --version` says besides the version: the Makefile knows it. What git says here would be kept with the
// manifest for builds of later commits.
let commit = ProcessInfo.processInfo.environment["ZIGZAG_COMMIT"]?.filter {
  $0.isHexDigit || $0 == "+"
}

// Ranks over MPI are an option of the build, `make build MPI=1`: the variable is 1, or the name of the pkg-config file
// of an MPI that is not the system's first.
let mpi = ProcessInfo.processInfo.environment["ZIGZAG_MPI"]

let package = Package(
  name: "zigzag",
  products: [
    .executable(name: "zigzag", targets: ["zigzag"]),
    .library(name: "ModelLoader", targets: ["ModelLoader"]),
    .library(name: "GateOptimizer", targets: ["GateOptimizer"]),
    .library(name: "MapReporter", targets: ["MapReporter"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // System libraries and the C leaf.
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    // libhdf5-dev brings it along.
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CVectorMath"),
    .target(
      name: "CBuild", cSettings: [.define("ZIGZAG_COMMIT", to: "\"\(commit ?? "")\"")]),

    // The rooms, dependencies one way.
    .target(name: "Support", dependencies: ["CCrypto", "CZlib"], swiftSettings: strict),
    .target(
      name: "Cluster", dependencies: mpi == nil ? ["Support"] : ["Support", "CMessagePassing"],
      swiftSettings: strict + (mpi == nil ? [] : [.define("ZIGZAG_MPI")])),
    .target(
      name: "Transformer",
      dependencies: [
        "Support", "CVectorMath",
        .product(name: "BasicContainers", package: "swift-collections"),
      ],
      swiftSettings: strict),
    .target(
      name: "ModelLoader",
      dependencies: [
        "Transformer", "CHDF5", "CZlib",
        .product(name: "Collections", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .target(
      name: "GateOptimizer",
      dependencies: [
        "ModelLoader",
        .product(name: "BasicContainers", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .target(
      name: "MapReporter",
      dependencies: [
        "GateOptimizer",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Mustache", package: "swift-mustache"),
      ],
      swiftSettings: strict),
    .target(
      name: "Runs",
      dependencies: [
        "MapReporter", "Cluster",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .target(name: "Bench", dependencies: ["MapReporter"], swiftSettings: strict),
    .executableTarget(
      name: "zigzag",
      dependencies: [
        "Bench", "Runs", "Cluster", "CBuild",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),

    // Examples of the products: they see what is public alone.
    .executableTarget(
      name: "learn-gates", dependencies: ["GateOptimizer"], path: "Examples/LearnGates",
      packageAccess: false, swiftSettings: strict),
    .executableTarget(
      name: "rank-table", dependencies: ["GateOptimizer"], path: "Examples/RankTable",
      packageAccess: false, swiftSettings: strict),
    .executableTarget(
      name: "score-answers", dependencies: ["GateOptimizer"], path: "Examples/ScoreAnswers",
      packageAccess: false, swiftSettings: strict),
    .executableTarget(
      name: "export-map", dependencies: ["MapReporter"], path: "Examples/ExportMap",
      packageAccess: false, swiftSettings: strict),

    // Tests.
    .target(
      name: "TestSupport", dependencies: ["Support", "Transformer", "ModelLoader"],
      path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(
      name: "TransformerTests",
      dependencies: [
        "Transformer", "ModelLoader", "CVectorMath", "TestSupport",
        .product(name: "BasicContainers", package: "swift-collections"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ModelLoaderTests", dependencies: ["ModelLoader", "TestSupport"],
      resources: [.copy("Fixtures")], swiftSettings: strict),
    .testTarget(
      name: "GateOptimizerTests", dependencies: ["GateOptimizer", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "RunsTests", dependencies: ["Runs", "Bench", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "MapReporterTests", dependencies: ["MapReporter", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "FuzzTests", dependencies: ["Bench", "Runs", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "zigzagTests", dependencies: ["zigzag", "Runs", "TestSupport"], swiftSettings: strict),
  ]
)

if let mpi {
  package.targets += [
    .systemLibrary(
      name: "CMPI", pkgConfig: mpi == "1" ? "mpi-c" : mpi, providers: [.apt(["libopenmpi-dev"])]),
    .target(name: "CMessagePassing", dependencies: ["CMPI"]),
  ]
}

// The kernel benchmarks are part of this package, since kernels are visible within it only, but users
// of the libraries need not fetch what measures them: `make bench` sets the variable.
if ProcessInfo.processInfo.environment["ZIGZAG_BENCHMARKS"] != nil {
  package.dependencies.append(
    .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []))
  package.targets.append(
    .executableTarget(
      name: "KernelBenchmarks",
      dependencies: [
        "Transformer", "TestSupport",
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/Kernels", swiftSettings: strict,
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]))
}
