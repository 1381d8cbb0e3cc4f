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
            for name in ["Sources/small", "cluster"] {
                try files.createDirectory(atPath: "\(first)/\(name)", withIntermediateDirectories: true)
            }
            for name in ["build", "environment"] {
                try copyProgram("\(packageFolder)/cluster/\(name)", to: "\(first)/cluster/\(name)")
            }
            let manifest = """
                // swift-tools-version: 6.1
                import PackageDescription
                let package = Package(name: "small", targets: [.executableTarget(name: "small")])
                """
            try write(manifest, first + "/Package.swift")
            try write("import Foundation\nprint(Date())\n", first + "/Sources/small/main.swift")
            try build(first)
            try files.copyItem(atPath: first, toPath: second)
            try write("import Foundation\nprint(UUID())\n", second + "/Sources/small/main.swift")
            try build(second)
        }
    }

    private func build(_ package: String) throws {
        let result = try spawn(path: package + "/cluster/build", arguments: []).wait(timeout: 300)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
    }

    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }
}
