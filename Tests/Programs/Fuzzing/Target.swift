import Essentials
import Foundation

/// A reader under test.
struct Target: Sendable {
    let name: String
    /// Good inputs, which are changed.
    let seeds: @Sendable () throws -> [[UInt8]]
    /// Words that mean something to the reader.
    var words: [String] = []
    /// True where the reader works in a child process, since libhdf5 itself crashes on some damaged files.
    var mayCrashInLibrary = false
    /// Reads an input. A `Failure` of one line is what a bad input should lead to.
    let read: @Sendable ([UInt8]) throws -> Void

    /// Reads an input, and ends the process where the reader fails otherwise than by a good sentence.
    func run(_ input: [UInt8]) {
        do { try read(input) } catch let failure as Failure {
            let text = failure.message
            guard !text.isEmpty, !text.contains(where: { $0.isNewline || $0 == "\u{1B}" }), text.utf8.count < 10_000
            else {
                fatalError("\(name): no sentence: \(text.prefix(300))")
            }
        } catch { fatalError("\(name): an error that is no sentence: \(error)") }
    }

    static let all =
        dataTargets + textTargets + fileTargets

    static func named(_ name: String) throws -> Target {
        guard let target = all.first(where: { $0.name == name }) else {
            throw Failure(.usage, unknownName("target", name, among: all.map(\.name)))
        }
        return target
    }
}

/// A folder of this process in memory, where the readers find their files.
struct Workplace: Sendable {
    static let folder: String = {
        let path = "/dev/shm/steadfast-fuzzing-\(getpid())"
        do { try FileManager.default.makeDirectory(path) } catch { fatalError("\(error)") }
        return path
    }()

    let path: String

    /// Makes a folder of its own with some files.
    init(_ name: String, _ files: [String: [UInt8]] = [:]) {
        path = Self.folder + "/" + name
        do { try FileManager.default.makeDirectory(path) } catch { fatalError("\(error)") }
        for (name, bytes) in files { write(bytes, to: name) }
    }

    /// Writes a file, in place, for speed, and returns its path.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) -> String {
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, Foundation.write(descriptor, bytes, bytes.count) == bytes.count else {
            fatalError("cannot write \(path)/\(name)")
        }
        return "\(path)/\(name)"
    }
}
