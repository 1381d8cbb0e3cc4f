import Foundation
import TestSupport
import Testing

@Suite("Debian packages that scripts install")
struct PackagesTests {
    @Test(
        "apt-get waits while another one works",
        .enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/apt-get")))
    func lock() throws {
        try withTemporaryDirectory { folder in
            // The package lists of nobody.
            let lists = folder + "/lists"
            try FileManager.default.createDirectory(atPath: lists + "/partial", withIntermediateDirectories: true)
            let settings = [
                "Dir::State::Lists \"\(lists)\";", "Dir::Etc::SourceList \"/dev/null\";",
                "Dir::Etc::SourceParts \"/dev/null\";",
            ]
            try Data(settings.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: folder + "/apt.conf"))
            let descriptor = open(lists + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            var lock = flock()
            lock.l_type = Int16(F_WRLCK)
            try #require(fcntl(descriptor, F_SETLK, &lock) == 0)
            let program = try spawn(
                path: "/usr/bin/env",
                arguments: ["bash", "-c", "source '\(packageFolder)/cluster/environment' && apt_get update"],
                environment: ["APT_CONFIG": folder + "/apt.conf"])
            usleep(1_500_000)
            #expect(program.isRunning)
            close(descriptor)
            let result = try program.wait(timeout: 30)
            #expect(result.status == 0, "\(result.errors)")
        }
    }
}
