import Foundation

/// Writes a file whole or not at all (invariant 4): a temporary file beside it, flush to the disk, rename, flush of the
/// folder. A reader sees the old content or the new, never a part.
public enum AtomicFile {
    /// Replaces the content of `path` by the chunks, in order. A link to a file stays, and the file is replaced.
    ///
    /// Devices and pipes have no content to replace, and what this process has open (`/dev/stdout`) is not all its own:
    /// the chunks are written into them.
    ///
    /// - Throws: `Failure` 73 where the temporary file cannot be made, 74 where a write fails (a full disk); the old
    ///   content stands in both cases and no temporary file is left.
    public static func write(_ chunks: [UnsafeRawBufferPointer], to path: String) throws {
        if let stream = openDescriptor(path) {
            fflush(nil)
            return try chunks.forEach { try writeAll($0, to: stream, path: path) }
        }
        if isStream(path) { return try writeStream(chunks, to: path) }
        let path = linkTarget(path) ?? path
        let folder = (path as NSString).deletingLastPathComponent
        let temporary = try createTemporary(beside: path)
        do {
            defer { close(temporary.descriptor) }
            for chunk in chunks { try writeAll(chunk, to: temporary.descriptor, path: path) }
            guard fsync(temporary.descriptor) == 0 else { throw systemFailure(.inputOutput, "flush", path) }
            guard rename(temporary.path, path) == 0 else { throw systemFailure(.inputOutput, "rename into", path) }
        } catch {
            unlink(temporary.path)
            throw error
        }
        try flushFolder(folder.isEmpty ? "." : folder)
    }

    /// Checks that files can be made in a folder, before the work whose results go there.
    ///
    /// - Throws: `Failure` 73 where they cannot.
    public static func requireWritable(folder: String) throws {
        let temporary = try createTemporary(beside: folder + "/probe")
        close(temporary.descriptor)
        unlink(temporary.path)
    }

    /// Replaces the content of `path` by some bytes.
    public static func write(_ bytes: [UInt8], to path: String) throws {
        try bytes.withUnsafeBytes { try write([$0], to: path) }
    }

    /// Replaces the content of `path` by a text.
    public static func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

    /// Replaces the content of `path` by lines, each with its end.
    public static func write(lines: [String], to path: String) throws {
        try write(lines.joined(separator: "\n") + "\n", to: path)
    }

    /// Makes the renames in a folder durable.
    public static func flushFolder(_ folder: String) throws {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure(.inputOutput, "open", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw systemFailure(.inputOutput, "flush", folder) }
    }

    /// The descriptor of this process that a path stands for.
    private static func openDescriptor(_ path: String) -> Int32? {
        switch path {
        case "/dev/stdout": STDOUT_FILENO
        case "/dev/stderr": STDERR_FILENO
        default:
            ["/dev/fd/", "/proc/self/fd/"].first { path.hasPrefix($0) }.flatMap { Int32(path.dropFirst($0.count)) }
        }
    }

    /// True for a device, a pipe or a socket: a rename would put a file in its place.
    private static func isStream(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
    }

    private static func writeStream(_ chunks: [UnsafeRawBufferPointer], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure(.cannotCreate, "open", path) }
        defer { close(descriptor) }
        for chunk in chunks { try writeAll(chunk, to: descriptor, path: path) }
    }

    /// What a link points to in the end; nil for all else, and for a link to nothing.
    private static func linkTarget(_ path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, let target = realpath(path, nil) else {
            return nil
        }
        defer { free(target) }
        return String(cString: target)
    }

    private static func createTemporary(beside path: String) throws -> (path: String, descriptor: Int32) {
        // Not guessable and never an existing file or link; the umask decides who may read it.
        while true {
            let temporary = path + ".partial-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
            if descriptor >= 0 { return (temporary, descriptor) }
            guard errno == EEXIST else { throw systemFailure(.cannotCreate, "create", path) }
        }
    }

    /// Writes all bytes to an open file; `path` is for the message.
    ///
    /// - Throws: `Failure` 74 where a write fails (a full disk).
    public static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
        var offset = 0
        while offset < bytes.count {
            let written = Foundation.write(descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw systemFailure(.inputOutput, "write", path) }
            offset += written
        }
    }
}

/// A failure of the operating system's, from `errno`: `cannot <verb> <path>: <reason>`.
public func systemFailure(_ code: ExitCode, _ verb: String, _ path: String) -> Failure {
    Failure(code, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
}
