import Essentials
import Foundation
import TestSupport
import Testing

@Suite("Files without a name") struct TemporaryFileTests {
    @Test("hold what is written and leave nothing behind")
    func nameless() throws {
        let descriptor = try TemporaryFile.open()
        defer { close(descriptor) }
        var status = stat()
        #expect(fstat(descriptor, &status) == 0 && status.st_nlink == 0)
        try [1, 2, 3].withUnsafeBytes { try AtomicFile.writeAll($0, to: descriptor, path: "it") }
        #expect(lseek(descriptor, 0, SEEK_END) == 24)
    }

    @Test("are read until a buffer is full or they end, from any place")
    func reading() throws {
        let descriptor = try TemporaryFile.open()
        defer { close(descriptor) }
        try [UInt8](0..<10).withUnsafeBytes { try AtomicFile.writeAll($0, to: descriptor, path: "it") }
        func read(_ count: Int, at offset: Int? = nil) throws -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            let got = try bytes.withUnsafeMutableBytes {
                try readFully($0, from: descriptor, at: offset, path: "it")
            }
            return Array(bytes.prefix(got))
        }
        #expect(try read(3, at: 4) == [4, 5, 6])
        #expect(try read(20, at: 8) == [8, 9])
        #expect(try read(0, at: 0).isEmpty && read(1, at: 10).isEmpty)
        lseek(descriptor, 2, SEEK_SET)
        #expect(try read(2) == [2, 3] && read(10) == [4, 5, 6, 7, 8, 9])
        let message = "cannot read it: Bad file descriptor"
        #expect(throws: Failure(.noInput, message)) {
            var byte: UInt8 = 0
            return try withUnsafeMutableBytes(of: &byte) {
                try readFully($0, from: -1, path: "it", failingWith: .noInput)
            }
        }
    }

    @Test("and folders that are gone after their use, an error's too")
    func folder() throws {
        var path = ""
        #expect(throws: Failure(.software, "as meant")) {
            try TemporaryFile.withFolder { folder in
                path = folder
                try AtomicFile.write("it", to: folder + "/file")
                #expect(FileManager.default.isDirectory(folder))
                throw Failure(.software, "as meant")
            }
        }
        #expect(!path.isEmpty && !FileManager.default.fileExists(atPath: path))
    }
}
