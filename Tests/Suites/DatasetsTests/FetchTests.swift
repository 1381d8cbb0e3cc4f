import Datasets
import Essentials
import Foundation
import TestSupport
import Testing

@Suite("Fetching", .serialized) struct FetchTests {
    let remote: TemporaryFolder
    let local: TemporaryFolder
    let server: LoopbackServer
    let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    var md5: String { content.withUnsafeBytes { Digest.of($0, .md5) }.hexadecimal }

    init() throws {
        remote = try TemporaryFolder()
        local = try TemporaryFolder()
        server = try LoopbackServer(serving: remote.path)
        for name in ["whole", "cut-once", "cut-always", "no-range"] { try remote.write(content, to: name) }
    }

    @discardableResult
    func fetch(
        _ name: String, md5: String? = nil, content: String? = nil, mirrors: [String]? = nil, patience: Double = 60
    ) throws -> [String] {
        try Dataset.fetch(
            [PublishedFile(name: name, md5: md5 ?? self.md5, content: content)], mirrors: mirrors ?? [server.address],
            into: local.path, patience: patience
        ) { _ in }
    }

    /// The requests that the server has had: path and Range.
    func requests() throws -> [String] {
        String(decoding: try remote.read("requests.log"), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("a file is fetched whole, gets its name, leaves nothing beside it, and is not fetched again")
    func whole() throws {
        var last: FetchProgress?
        let paths = try Dataset.fetch(
            [PublishedFile(name: "whole", md5: md5)], mirrors: [server.address], into: local.path
        ) {
            last = $0
        }
        #expect(paths == [local.file("whole")])
        #expect(try local.read("whole") == content)
        #expect(try FileManager.default.contentsOfDirectory(atPath: local.path) == ["whole"])
        #expect(last?.received == 3_000_000 && last?.total == 3_000_000 && last?.file == "whole")
        try fetch("whole")
        #expect(try requests().count == 1)
    }

    @Test("a part on the disk is gone on from")
    func resume() throws {
        try local.write(Array(content.prefix(1_000_000)), to: "whole.partial")
        try fetch("whole")
        #expect(try local.read("whole") == content)
        #expect(try requests() == ["/whole bytes=1000000-"])
    }

    @Test("a connection that is cut is resumed where it was cut")
    func cut() throws {
        try fetch("cut-once")
        #expect(try local.read("cut-once") == content)
        let requests = try requests()
        #expect(requests.count == 2 && requests[1].hasPrefix("/cut-once bytes="))
        #expect(requests[1] != "/cut-once bytes=0-")
    }

    @Test("where a server cuts always, the part stays for the next call, and the failure says so")
    func cutAlways() throws {
        expectFailure(.unavailable, "cut-always", "run the command again") { try fetch("cut-always") }
        #expect(FileManager.default.fileExists(atPath: local.file("cut-always.partial")))
        #expect(!FileManager.default.fileExists(atPath: local.file("cut-always")))
    }

    @Test("a server without Range is read from the start")
    func noRange() throws {
        try local.write([1, 2, 3], to: "no-range.partial")
        try fetch("no-range")
        #expect(try local.read("no-range") == content)
    }

    @Test("a part of another file is dropped and the file fetched anew")
    func otherPart() throws {
        try local.write([UInt8](repeating: 9, count: 1000), to: "whole.partial")
        try fetch("whole")
        #expect(try local.read("whole") == content)
        try FileManager.default.removeItem(atPath: local.file("whole"))
        try local.write(content + [1, 2, 3], to: "whole.partial")
        try fetch("whole")
        #expect(try local.read("whole") == content)
        try FileManager.default.removeItem(atPath: local.file("whole"))
        try local.write(content, to: "whole.partial")
        try fetch("whole")
        #expect(try local.read("whole") == content)
    }

    @Test("a file with a wrong checksum is removed")
    func checksum() throws {
        expectFailure(.data, "whole", "wrong checksum", md5) {
            try fetch("whole", md5: "00000000000000000000000000000000")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: local.path).isEmpty)
    }

    @Test("a file of the user's is not overwritten")
    func existing() throws {
        try local.write([1, 2, 3], to: "whole")
        expectFailure(.cannotCreate, "whole", "move it away") { try fetch("whole") }
        #expect(try local.read("whole") == [1, 2, 3])
    }

    @Test("404 and a closed port are told, and the next mirror is tried")
    func mirrors() throws {
        expectFailure(.unavailable, "HTTP status 404") { try fetch("absent") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: local.path).isEmpty)
        expectFailure(.unavailable, "127.0.0.1:1/") { try fetch("whole", mirrors: ["http://127.0.0.1:1/"]) }
        try fetch("whole", mirrors: ["http://127.0.0.1:1/", server.address + "nowhere/", server.address])
        #expect(try local.read("whole") == content)
    }

    @Test("content that is the published one is enough, packed anew or plain")
    func officialContent() throws {
        let digest = content.withUnsafeBytes { Digest.of($0) }.hexadecimal
        try local.write(content, to: "set")
        #expect(try fetch("set.gz", md5: "0", content: digest) == [local.file("set")])
        try local.gzip("set")
        #expect(try fetch("set.gz", md5: "0", content: digest) == [local.file("set.gz")])
        expectFailure(.cannotCreate, "move it away") { try fetch("set.gz", md5: "0", content: "0") }
        #expect(!FileManager.default.fileExists(atPath: remote.file("requests.log")))
    }

    @Test("a web page in the file's place, a server that stalls, and one that unpacks on the way are told as such")
    func servers() throws {
        try remote.write(Array("<html>please log in</html>".utf8), to: "page.html")
        expectFailure(.unavailable, "a web page") { try fetch("page.html") }
        try remote.write(content, to: "stalls")
        expectFailure(.unavailable, "nothing for 2 s") { try fetch("stalls", patience: 2) }
        // Content-Encoding: gzip of a .gz file: the session hands over what is in it.
        try remote.write(content, to: "encoded")
        try remote.gzip("encoded")
        let digest = content.withUnsafeBytes { Digest.of($0) }.hexadecimal
        #expect(try fetch("encoded.gz", md5: "0", content: digest) == [local.file("encoded")])
        #expect(try local.read("encoded") == content)
        try FileManager.default.removeItem(atPath: local.file("encoded"))
        expectFailure(.unavailable, "Content-Encoding") { try fetch("encoded.gz", md5: "0") }
    }

    @Test("a name that cannot be fetched is refused")
    func names() {
        expectFailure(.usage, "did you mean 'mnist'") { try Dataset.fetch("mnits") }
        expectFailure(.usage, "built in") { try Dataset.fetch("glyphs") }
    }

    @Test("a data set's files go into a folder of its name, and a wrong one is refused")
    func dataset() throws {
        try remote.write([1, 2, 3], to: "train-images-idx3-ubyte.gz")
        expectFailure(.data, local.file("mnist/train-images-idx3-ubyte.gz"), "f68b3c2dcbeaaa9fbdd348bbdeb94873") {
            try Dataset.fetch("mnist", into: local.path, baseURL: server.address)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: local.file("mnist")).isEmpty)
    }
}
