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
