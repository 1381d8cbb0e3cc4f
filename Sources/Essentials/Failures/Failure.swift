/// The process's exit codes, after sysexits.h.
public enum ExitCode: Int32, Sendable {
    /// A bug, or numbers that ran away (a NaN loss).
    case software = 70
    /// The command line or the recipe is wrong.
    case usage = 64
    /// A file's content is wrong.
    case data = 65
    /// A file or a directory is not there, or not readable.
    case noInput = 66
    /// Something that has to be installed or to run is missing.
    case unavailable = 69
    /// A host stands still or computes wrongly; the sentence says `rank R on HOST`: go on without it.
    case hostFault = 71
    /// An output cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed on the way.
    case inputOutput = 74
    /// Stopped by a signal after saving: resume.
    case stopped = 75
}

/// A failure, in one sentence for a person: what, where, and what to do. Every error that leaves a module is one
/// of these, so that the command prints it and exits with its code.
public struct Failure: Error, Equatable, CustomStringConvertible, Sendable {
    /// The exit code of the process.
    public let code: ExitCode
    /// The sentence, on one line.
    public let message: String

    /// Makes the failure. Control characters, which come with names and values from files and command lines, become
    /// blanks: they would break the line or move a terminal's cursor.
    public init(_ code: ExitCode, _ message: String) {
        self.code = code
        let isPlain = !message.contains { $0.isControl }
        self.message = isPlain ? message : String(message.map { $0.isControl ? " " : $0 })
    }

    /// The sentence.
    public var description: String { message }
}

extension Character {
    /// True where it is no text: a control character, or the end of a line or paragraph.
    fileprivate var isControl: Bool {
        isNewline || unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
