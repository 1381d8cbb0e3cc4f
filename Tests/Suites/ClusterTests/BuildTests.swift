import Foundation
import TestSupport
import Testing

@Suite("cluster/build")
struct BuildTests {
    private static let runsAll = ProcessInfo.processInfo.environment["STEADFAST_TEST_ALL"] != nil

    @Test("a checkout that was copied with its build is built at its new place", .enabled(if: runsAll))
    func copied() throws {
        try withTemporaryDirectory { folder in
            let files = FileManager.default
            let (first, second) = (folder + "/first", folder + "/second")
            try makePackage(first, "import Foundation\nprint(Date())\n")
            try build(first)
            try files.copyItem(atPath: first, toPath: second)
            try write("import Foundation\nprint(UUID())\n", second + "/Sources/small/main.swift")
            try build(second)
        }
    }

    @Test("a program that a plain build made before is told its commit, and each later one", .enabled(if: runsAll))
    func commit() throws {
        try withTemporaryDirectory { package in
            try makePackage(package, "import CVersion\nprint(String(cString: steadfast_commit()))\n")
            let plain = try spawn(
                path: "/usr/bin/env", arguments: ["swift", "build", "-c", "release", "--package-path", package]
            ).wait(timeout: 300)
            #expect(plain.status == 0, "\(plain.output)\(plain.errors)")
            for commit in ["", "v1-2-gabc", "v1-3-gabd-dirty"] {
                if !commit.isEmpty { try build(package, commit: commit) }
                let told = try spawn(path: package + "/.build/release/small", arguments: []).wait()
                #expect(told.output == commit + "\n", "\(told.errors)")
            }
        }
    }

    /// Makes a package of one small program with this one's scripts and its modules for the commit.
    private func makePackage(_ package: String, _ program: String) throws {
        let files = FileManager.default
        for name in ["Sources/small", "Sources/CCommit/include", "Sources/CVersion/include", "cluster"] {
            try files.createDirectory(atPath: "\(package)/\(name)", withIntermediateDirectories: true)
        }
        // Of a header that `cluster/build` wrote here nothing is to be known there.
        for name in [
            "CCommit/commit.c", "CCommit/include/empty.h", "CVersion/version.c", "CVersion/include/version.h",
        ] {
            try files.copyItem(atPath: "\(packageFolder)/Sources/\(name)", toPath: "\(package)/Sources/\(name)")
        }
        for name in ["build", "environment"] {
            try copyProgram("\(packageFolder)/cluster/\(name)", to: "\(package)/cluster/\(name)")
        }
        let manifest = """
            // swift-tools-version: 6.1
            import PackageDescription
            let package = Package(
                name: "small",
                targets: [
                    .target(name: "CVersion"), .target(name: "CCommit"),
                    .executableTarget(name: "small", dependencies: ["CVersion", "CCommit"]),
                ])
            """
        try write(manifest, package + "/Package.swift")
        try write(program, package + "/Sources/small/main.swift")
    }

    private func build(_ package: String, commit: String = "") throws {
        let result = try spawn(
            path: package + "/cluster/build", arguments: [], environment: ["STEADFAST_COMMIT": commit]
        ).wait(timeout: 300)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }
}
