// swift-tools-version: 6.1
import PackageDescription

// The instruction set of the numeric code: `cluster/build` sets STEADFAST_CPU to this machine's level
// (x86-64-v3, x86-64-v4, ...). Without it the code is built for the architecture's baseline.
let cpu = Context.environment["STEADFAST_CPU"] ?? ""
let tuned: [SwiftSetting] = [.unsafeFlags(cpu.isEmpty ? [] : ["-Xcc", "-march=\(cpu)"])]

// LIBXSMM's direct convolutions, on x86-64 where it is installed; OpenBLAS alone does all elsewhere.
// `cluster/environment` looks for it.
let hasXSMM = Context.environment["STEADFAST_XSMM"] == "1"

// Suites are compiled as they are written: optimising them takes minutes of every build, and what they measure lies in
// the targets under test.
let unoptimized: [SwiftSetting] = [.unsafeFlags(["-Onone"])]

func library(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

func tests(_ module: String, _ others: Target.Dependency...) -> Target {
    .testTarget(
        name: "\(module)Tests", dependencies: [.init(stringLiteral: module), "TestSupport"] + others,
        path: "Tests/Suites/\(module)Tests", swiftSettings: tuned + unoptimized)
}

let package = Package(
    name: "Steadfast",
    products: [
        .executable(name: "steadfast", targets: ["steadfast"]),
        // Loaded before the program by the tests that break its calls.
        .library(name: "FaultInjector", type: .dynamic, targets: ["FaultInjector"]),
    ],
    // Pinned: bits are promised for a build, and a recipe's reading is part of them.
    dependencies: [
        // The command line: subcommands, --help, validation.
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        // Recipes are YAML.
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        library("COpenMPI", "ompi-c", "libopenmpi-dev"),
        library("COpenBLAS", "openblas", "libopenblas-dev"),
        library("CHDF5", "hdf5", "libhdf5-dev"),
        // gzip and tar, for the data sets' archives.
        library("CArchive", "libarchive", "libarchive-dev"),
        // Deflated parts of NumPy's, MATLAB's and HDF5's files, read where they lie.
        library("CZlib", "zlib", "zlib1g-dev"),
        // Pictures: each library's own plain interface, whose errors are values.
        library("CPNG", "libpng", "libpng-dev"), library("CTurboJPEG", "libturbojpeg", "libturbojpeg0-dev"),
        // SHA-256 and MD5; swift-crypto would cost minutes of every build.
        library("CCrypto", "libcrypto", "libssl-dev"),

        // Each room imports only rooms above it.
        // The commit's name: for the program alone, so that another commit compiles no room anew.
        .target(name: "CVersion"), .target(name: "CCommit"),
        .target(name: "Essentials", dependencies: ["CCrypto", "CVersion"]),
        .target(name: "HDF5Files", dependencies: ["CHDF5", "Essentials"]),
        .target(name: "MessagePassing", dependencies: ["COpenMPI", "Essentials"], swiftSettings: tuned),
        .target(
            name: "Kernels", dependencies: ["COpenBLAS", "Essentials"] + (hasXSMM ? ["CXSMM"] : []),
            swiftSettings: tuned + (hasXSMM ? [.define("XSMM")] : [])),
        .target(name: "Lanes", dependencies: ["MessagePassing", "Kernels"], swiftSettings: tuned),
        .target(name: "Networks", dependencies: ["Kernels"], swiftSettings: tuned),
        .target(
            name: "Datasets",
            dependencies: ["Kernels", "Lanes", "HDF5Files", "CArchive", "CZlib", "CPNG", "CTurboJPEG"],
            swiftSettings: tuned),
        .target(name: "Checkpoints", dependencies: ["HDF5Files", "Networks"]),
        .target(name: "Interchange", dependencies: ["Checkpoints"]),
        .target(
            name: "Recipes",
            dependencies: ["Networks", "Datasets", .product(name: "Yams", package: "Yams")], swiftSettings: tuned),
        .target(name: "DataFeed", dependencies: ["Datasets", "Lanes"], swiftSettings: tuned),
        .target(name: "Robustness", dependencies: ["Recipes", "DataFeed", "Checkpoints"], swiftSettings: tuned),
        .target(name: "Training", dependencies: ["Recipes", "Robustness"], swiftSettings: tuned),
        .target(name: "Benchmarks", dependencies: ["Training"], swiftSettings: tuned),
        .target(name: "Doctor", dependencies: ["Benchmarks"], swiftSettings: tuned),
        .target(name: "Reports", dependencies: ["Checkpoints", "Robustness"]),
        // Built for the baseline, so that it can refuse a CPU that the numeric code was not built for.
        .executableTarget(
            name: "steadfast",
            dependencies: [
                "CCommit", "Training", "Benchmarks", "Doctor", "Reports", "Interchange",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        .target(
            name: "TestSupport", dependencies: ["Essentials", "Kernels", "Networks"], path: "Tests/Support",
            swiftSettings: tuned),
        // Counts calls of malloc; it has to replace malloc, which Swift cannot.
        .target(name: "AllocationCounter", path: "Tests/Programs/AllocationCounter"),
        .executableTarget(
            name: "RankProgram", dependencies: ["Training", "AllocationCounter", "TestSupport"],
            path: "Tests/Programs/RankProgram",
            swiftSettings: tuned),
        // Lets calls of the system fail; it has to replace them, which Swift cannot.
        .target(name: "FaultInjector", path: "Tests/Programs/FaultInjector"),
        .executableTarget(
            name: "FaultInjection",
            dependencies: [
                "Checkpoints", "Datasets", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Programs/FaultInjection", swiftSettings: tuned),
        .executableTarget(
            name: "Fuzzing",
            dependencies: [
                "Training", "Reports", "Interchange", "HDF5Files", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Programs/Fuzzing", swiftSettings: tuned),
        tests("Essentials"), tests("MessagePassing", "RankProgram"), tests("Kernels"),
        tests("Lanes", "RankProgram"), tests("Networks", "RankProgram"), tests("Recipes", "Training"),
        tests("HDF5Files"), tests("Datasets"), tests("Checkpoints"),
        tests("Interchange", "Datasets"), tests("Robustness", "steadfast"),
        tests("Training", "steadfast", "RankProgram", "FaultInjection", "Fuzzing"),
        tests("Benchmarks", "steadfast"), tests("Doctor", "steadfast"), tests("Reports", "steadfast"),
        // The scripts of cluster/ on a real scheduler.
        .testTarget(
            name: "ClusterTests", dependencies: ["Checkpoints", "TestSupport", "steadfast"],
            path: "Tests/Suites/ClusterTests"),
    ] + (hasXSMM ? [library("CXSMM", "libxsmm", "libxsmm-dev")] : []))

// SwiftPM compiles a target anew when a module that it names has changed, not one behind that, though it may hold its
// types: so each target names all that it reaches.
let dependencies = Dictionary(uniqueKeysWithValues: package.targets.map { ($0.name, $0.dependencies) })

func reached(from name: String) -> Set<String> {
    (dependencies[name] ?? []).reduce(into: []) { names, dependency in
        guard case .byNameItem(let name, _) = dependency else { return }
        names.formUnion(reached(from: name).union([name]))
    }
}

for target in package.targets {
    let others = target.dependencies.filter { if case .byNameItem = $0 { false } else { true } }
    target.dependencies = reached(from: target.name).sorted().map { .init(stringLiteral: $0) } + others
}
