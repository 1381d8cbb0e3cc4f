import Essentials
import Foundation
import Synchronization

/// Decodes a file that has no seal in a child process first: an HDF5 file, since libhdf5 can crash on a damaged one, or
/// a file of another format.
public enum UntrustedDecoder {
    private static let setting = Mutex<[String]>([])

    /// The program that decodes the file named by its last argument and exits with 0, as `run` does it: the absolute
    /// path of the program and its arguments before the file. A format other than HDF5 comes between them as
    /// `--format NAME`. The command `steadfast` sets itself with a hidden subcommand. Empty: files are decoded in this
    /// process directly.
    public static var command: [String] {
        get { setting.withLock { $0 } }
        set { setting.withLock { $0 = newValue } }
    }

    /// The work of the child on an HDF5 file, as the other `run`.
    public static func run(_ path: String) -> Int32 {
        run(path) { _ = try HDF5Tree.decode(try SealedFile.readWhole($0)) }
    }

    /// The work of the child: bounds its own memory, time and core files, decodes the file and prints what was wrong to
    /// standard output.
    ///
    /// - Parameter decode: reads the file.
    /// - Returns: the exit code of the child's process: 0 where the file is well-formed.
    public static func run(_ path: String, decode: (String) throws -> Void) -> Int32 {
        // The file, the library's two copies of it, and the numbers.
        bound(RLIMIT_AS, 3 * HDF5Limits.fileBytes + HDF5Limits.tensorBytes)
        // At the hard limit of its time a process is killed; at the soft one, a second before, SIGXCPU says what for.
        bound(RLIMIT_CPU, 60, hard: 61)
        bound(RLIMIT_CORE, 0)
        return report { try decode(path) }
    }

    /// The child's work for `index`: bounds itself, and prints the index as JSON.
    ///
    /// - Returns: the exit code of the child's process.
    public static func runIndex(_ path: String) -> Int32 {
        bound(RLIMIT_AS, 2 << 30)
        bound(RLIMIT_CPU, 60, hard: 61)
        bound(RLIMIT_CORE, 0)
        return report {
            let index = try HDF5Index.read(path)
            try FileHandle.standardOutput.write(contentsOf: try JSONEncoder().encode(index))
        }
    }

    private static func report(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch let failure as Failure {
            print(failure.message)
            return failure.code.rawValue
        } catch {
            print(error)
            return ExitCode.software.rawValue
        }
    }

    private static func bound(_ resource: __rlimit_resource, _ value: Int, hard: Int? = nil) {
        var limit = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(hard ?? value))
        setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    }

    /// The index of a file, made in a child process where there is a command, else here.
    ///
    /// - Throws: `Failure` 65 with the child's own message, or saying that it crashed or did not end.
    public static func index(_ path: String) throws -> HDF5Index {
        guard !command.isEmpty else {
            do { return try HDF5Index.read(path) } catch let failure as Failure {
                throw Failure(failure.code, "\(path): \(failure.message); take another file")
            }
        }
        let text = try output(["--index", path], of: path, most: 256 << 20)
        guard let index = try? JSONDecoder().decode(HDF5Index.self, from: Data(text)) else {
            throw Failure(.data, "\(path): its index is not readable; take another file")
        }
        return index
    }

    /// Runs the command on a file and waits for it, two minutes at most.
    ///
    /// - Parameter format: its format; nil for HDF5.
    /// - Throws: `Failure` 66 where there is no file to read; 65 with the child's own message, or saying that it
    ///   crashed or did not end.
    package static func tryInChild(_ path: String, format: String? = nil) throws {
        guard !command.isEmpty else { return }
        guard access(path, R_OK) == 0 else { throw systemFailure(.noInput, "read", path) }
        let reader = format == nil ? "libhdf5" : "its reader"
        _ = try output((format.map { ["--format", $0] } ?? []) + [path], of: path, reader: reader, most: 1_000)
    }

    /// The standard output of the command with more arguments.
    private static func output(
        _ arguments: [String], of path: String, reader: String = "libhdf5", most: Int
    ) throws -> [UInt8] {
        let command = command
        guard let program = command.first else { return [] }
        let (child, pipe) = try spawnPiped(
            program, Array(command.dropFirst()) + arguments, input: .file("/dev/null", O_RDONLY), reading: path,
            purpose: " to read an untrusted file")
        defer { close(pipe) }
        let (bytes, ended) = collect(from: pipe, seconds: 120, most: most)
        if !ended { kill(child, SIGKILL) }
        let status = waitForEnd(of: child)
        let signal = status & 0x7F
        guard ended, signal != SIGXCPU else {
            throw Failure(.data, "\(path): reading it does not end: it is damaged; take another file")
        }
        guard signal == 0 else {
            throw Failure(
                .data, "\(path): \(reader) crashes on it (signal \(signal)): it is damaged; take another file")
        }
        guard status == 0 else {
            let line = bytes.prefix(1_000).prefix { $0 >= 0x20 }
            let message = String(decoding: line, as: UTF8.self)
            throw Failure(.data, "\(path): \(message.isEmpty ? "not readable" : message); take another file")
        }
        return bytes
    }

    /// The bytes that come through the pipe (at most `most`), and whether its other end closed in time.
    private static func collect(
        from descriptor: Int32, seconds: Double, most: Int
    ) -> (bytes: [UInt8], ended: Bool) {
        let deadline = Date().addingTimeInterval(seconds)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = deadline.timeIntervalSinceNow
            guard left > 0 else { return ([], false) }
            guard poll(&wait, 1, Int32(left * 1_000) + 1) > 0 else { continue }
            let got = Foundation.read(descriptor, &buffer, buffer.count)
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { return (bytes, true) }
            bytes += buffer.prefix(min(got, most - bytes.count))
        }
    }
}
