import Essentials
import Foundation

/// A file on its way: `<path>.partial`, locked against a second download, renamed once its checksum is right.
final class PartialFile {
    private let path: String
    private let partial: String
    private let md5Sum: String
    /// SHA-256 of the uncompressed content, where known.
    private let content: String?
    private let patience: Double
    private let descriptor: Int32

    /// Opens or makes the partial file.
    init(_ path: String, md5: String, content: String? = nil, patience: Double = 60) throws {
        self.path = path
        self.content = content
        self.patience = patience
        md5Sum = md5
        partial = path + ".partial"
        descriptor = open(partial, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "create", partial) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure(.cannotCreate, "\(partial) is being written by another download; wait for it to end")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Tries the addresses in order until one delivers the file.
    ///
    /// - Returns: the file's path: without `.gz` where the server unpacked it on the way and its content is right.
    func fetch(from addresses: [String], progress: (FetchProgress) -> Void) throws -> String {
        var complaints: [String] = []
        var wrongChecksum = false
        for address in addresses {
            // A cut is resumed once at the same address; a part of another file is dropped and fetched anew.
            for _ in 0..<2 {
                var wasEncoded = false
                let start = Int(max(0, lseek(descriptor, 0, SEEK_END)))
                do {
                    let download = Download(
                        address, descriptor: descriptor, path: partial, from: start, patience: patience)
                    defer { wasEncoded = download.wasEncoded }
                    try download.run { received, total in
                        progress(
                            FetchProgress(
                                file: (self.path as NSString).lastPathComponent, received: received, total: total))
                    }
                } catch let cut as DownloadProblem {
                    complaints.append("\(address): \(cut.reason)")
                    if cut.restart { try truncate() }
                    if cut.permanent { break }
                    continue
                }
                guard fsync(descriptor) == 0 else { throw systemFailure(.inputOutput, "flush", partial) }
                let found = try md5(ofFile: partial)
                if found == md5Sum { return try keep(path) }
                if wasEncoded {
                    let plain = (path as NSString).deletingPathExtension
                    if path.hasSuffix(".gz"), let content, try sha256(ofFile: partial) == content {
                        return try keep(plain)
                    }
                    complaints.append(
                        "\(address): the server sends the file packed or unpacked on the way (Content-Encoding), so "
                            + "that its checksum cannot be compared; fetch it with another program or from another "
                            + "mirror")
                } else {
                    complaints.append("\(address): MD5 \(found), expected \(md5Sum)")
                    wrongChecksum = true
                }
                try truncate()
                if start == 0 { break }
            }
        }
        let reasons = complaints.joined(separator: "; ")
        if wrongChecksum {
            unlink(partial)
            throw Failure(.data, "\(path) was fetched with a wrong checksum and removed (\(reasons)); try again later")
        }
        if lseek(descriptor, 0, SEEK_END) == 0 { unlink(partial) }
        throw Failure(
            .unavailable,
            "cannot fetch \(path) (\(reasons)); run the command again to go on, or put the file there yourself")
    }

    private func truncate() throws {
        guard ftruncate(descriptor, 0) == 0 else { throw systemFailure(.inputOutput, "truncate", partial) }
    }

    private func keep(_ path: String) throws -> String {
        guard rename(partial, path) == 0 else { throw systemFailure(.inputOutput, "rename into", path) }
        try AtomicFile.flushFolder((path as NSString).deletingLastPathComponent)
        return path
    }
}
