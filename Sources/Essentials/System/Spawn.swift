import Foundation

/// Where one of a child's standard streams leads.
package enum ChildStream {
    /// A file, opened in the child with the flags of `open`; one that it makes gets the mode 0600.
    case file(String, Int32)
    /// A descriptor of this process.
    case descriptor(Int32)
}

/// Starts a program with no signal blocked: a thread that starts it may block those that are meant to end it.
///
/// - Parameters:
///   - program: its path.
///   - arguments: those behind the path.
///   - streams: the descriptors 0, 1, ... of the child, in turn.
///   - environment: the child's; nil for this process's.
///   - leadsGroup: whether the child gets a process group of its own.
///   - purpose: completes `cannot start PROGRAM`.
/// - Returns: the child's process identifier, for the caller to wait for.
/// - Throws: `Failure` 69 where it cannot be started.
package func spawn(
    _ program: String, _ arguments: [String], streams: [ChildStream], environment: [String: String]? = nil,
    leadsGroup: Bool = false, purpose: String = ""
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, stream) in streams.enumerated() {
        switch stream {
        case .file(let path, let flags):
            posix_spawn_file_actions_addopen(&actions, Int32(number), path, flags, 0o600)
        case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | (leadsGroup ? POSIX_SPAWN_SETPGROUP : 0)))

    let whole = environment ?? ProcessInfo.processInfo.environment
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    var variables = whole.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (words + variables).forEach { free($0) } }
    var child: pid_t = 0
    let error = posix_spawn(&child, program, &actions, &attributes, &words, &variables)
    guard error == 0 else {
        throw Failure(.unavailable, "cannot start \(program)\(purpose): \(String(cString: strerror(error)))")
    }
    return child
}

/// Starts a program whose standard output comes through a pipe; what it says on standard error is dropped.
///
/// - Parameters:
///   - input: its standard input.
///   - path: what it is to read, for the message.
/// - Returns: the child's process identifier, to be waited for with ``waitForEnd(of:)``, and the pipe's end, to be
///   closed.
/// - Throws: `Failure` 69 where it cannot be started, 74 where no pipe can be made.
package func spawnPiped(
    _ program: String, _ arguments: [String], input: ChildStream, reading path: String, purpose: String
) throws -> (child: pid_t, output: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw systemFailure(.inputOutput, "make a pipe to read", path) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    do {
        let child = try spawn(
            program, arguments, streams: [input, .descriptor(ends[1]), .file("/dev/null", O_WRONLY)], purpose: purpose)
        return (child, ends[0])
    } catch {
        close(ends[0])
        throw error
    }
}

/// Waits for a child's end and returns its status, as `waitpid` gives it.
@discardableResult
package func waitForEnd(of child: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    return status
}
