import Essentials
import Foundation
import TestSupport
import Testing

@Suite("Atomic files") struct AtomicFileTests {
    private func content(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
    private func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder)
    }

    @Test("new content replaces the old whole, chunk after chunk, and no temporary file stays")
    func replaces() throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/file"
            try AtomicFile.write("old", to: path)
            #expect(try content(path) == "old")
            let large = [UInt8](repeating: 65, count: 3_000_000)
            try large.withUnsafeBytes { bytes in
                try AtomicFile.write([bytes, .init(start: nil, count: 0), bytes], to: path)
            }
            #expect(try content(path).utf8.count == 6_000_000)
            try AtomicFile.write("", to: path)
            #expect(try content(path).isEmpty)
            #expect(try files(folder) == ["file"])
        }
    }

    @Test("where the file cannot be made it says so with code 73 and the path")
    func cannotCreate() throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/missing/file"
            #expect {
                try AtomicFile.write("x", to: path)
            } throws: { error in
                guard let failure = error as? Failure else { return false }
                return failure.code == .cannotCreate && failure.message.contains(path)
            }
        }
    }

    @Test("a failure after the writing leaves the old thing and no temporary file")
    func cannotRename() throws {
        try withTemporaryDirectory { folder in
            // A folder stands where the file should go: renaming fails.
            let path = folder + "/taken"
            try FileManager.default.createDirectory(atPath: path + "/inner", withIntermediateDirectories: true)
            #expect {
                try AtomicFile.write("x", to: path)
            } throws: { ($0 as? Failure)?.code == .inputOutput }
            #expect(try files(folder) == ["taken"] && files(path) == ["inner"])
        }
    }

    @Test("a pipe or device stays one and gets the content; a link stays and what it points to is replaced")
    func streamsAndLinks() throws {
        try withTemporaryDirectory { folder in
            let pipe = folder + "/pipe"
            #expect(mkfifo(pipe, 0o600) == 0)
            // Open for reading too: neither end waits for the other.
            let descriptor = open(pipe, O_RDWR)
            defer { close(descriptor) }
            try AtomicFile.write("ab", to: pipe)
            var bytes = [UInt8](repeating: 0, count: 2)
            #expect(read(descriptor, &bytes, 2) == 2 && bytes == Array("ab".utf8))
            var status = stat()
            #expect(stat(pipe, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)

            try AtomicFile.write("old", to: folder + "/target")
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "target")
            try AtomicFile.write("new", to: folder + "/link")
            #expect(try content(folder + "/target") == "new")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link") == "target")
            #expect(try files(folder).sorted() == ["link", "pipe", "target"])
        }
    }

    @Test("what the process has open gets the content where it stands, a file too: what others write there stays")
    func ownDescriptors() throws {
        try withTemporaryDirectory { folder in
            let stream = open(folder + "/log", O_WRONLY | O_CREAT, 0o600)
            defer { close(stream) }
            #expect(write(stream, "head ", 5) == 5)
            try AtomicFile.write("body", to: "/dev/fd/\(stream)")
            #expect(write(stream, " tail", 5) == 5)
            #expect(try content(folder + "/log") == "head body tail")
        }
    }

    @Test("what keeps a directory from being made is said: no name, a file in its way, a disk that is read only")
    func directories() throws {
        func refuse(_ path: String, _ word: String) {
            #expect {
                try FileManager.default.makeDirectory(path)
            } throws: { error in
                guard let failure = error as? Failure else { return false }
                return failure.code == .cannotCreate && failure.message.contains(word)
            }
        }
        refuse("", "an empty path names no directory")
        refuse("/dev/null/x", "/dev/null/x: Not a directory")
        guard SmallFileSystem.isAllowed else { return }
        try withTemporaryDirectory { folder in
            let disk = try SmallFileSystem(folder)
            defer { withExtendedLifetime(disk) {} }
            try FileManager.default.makeDirectory(folder + "/run/checkpoints")
            try disk.protect(folder + "/run")
            try FileManager.default.makeDirectory(folder + "/run/checkpoints")
            refuse(folder + "/run/checkpoints/x", "/x: Read-only file system")
        }
    }

    @Test("on a full disk the old content stays and no temporary file is left", .enabled(if: SmallFileSystem.isAllowed))
    func fullDisk() throws {
        try withSmallFileSystem(kilobytes: 64) { folder in
            let path = folder + "/file"
            try AtomicFile.write("old", to: path)
            let large = [UInt8](repeating: 1, count: 1_000_000)
            #expect {
                try large.withUnsafeBytes { try AtomicFile.write([$0], to: path) }
            } throws: { error in
                guard let failure = error as? Failure else { return false }
                return failure.code == .inputOutput && failure.message.contains(path)
            }
            #expect(try content(path) == "old" && files(folder) == ["file"])
        }
    }
}
