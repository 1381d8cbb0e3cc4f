internal import COpenMPI
import Essentials
import Foundation

extension Communicator {
    /// The exit code that an error ends a program with.
    public static func exitCode(for error: any Error) -> Int32 { Failure(error).code.rawValue }

    /// The top level of a program: starts MPI, runs `body`, and ends all ranks together with one exit code.
    ///
    /// A failure that all ranks agreed on is told by rank 0 alone on standard error, as `steadfast: <sentence>`. An
    /// error of one rank alone is told by that rank, with its number and host, and ends the whole job at once
    /// (`MPI_Abort`), so that nobody waits for it.
    ///
    /// Collective: every rank of the job calls this.
    ///
    /// - Parameters:
    ///   - deadline: seconds that the ranks may take to come together, until the body calls `JobDeadline.callOff`, and
    ///     again to end; 0 for any time.
    ///   - isResumable: the command has `stall_timeout` and `--resume`.
    public static func main(
        deadline: Double = 0, isResumable: Bool = true, _ body: (Communicator) throws -> Void
    ) -> Never {
        var world = Communicator.alone
        do {
            if deadline > 0 { JobDeadline.begin(.start, seconds: deadline, isResumable: isResumable) }
            world = try start()
            let place = world.worldSize > 1 ? "rank \(world.rank) on \(world.hostName): " : ""
            last_words_install(
                "steadfast: \(place)no memory is left, or a library gave up, as the line before says: use fewer ranks "
                    + "on a host or a smaller batch; a training goes on with --resume\n")
            do {
                defer { if deadline > 0 { JobDeadline.begin(.end, seconds: deadline, isResumable: isResumable) } }
                try body(world)
            }
            try world.finish()
            exit(0)
        } catch {
            world.end(by: error)
        }
    }

    /// Ends this rank, and in the end all, by an error that nothing caught.
    private func end(by error: any Error) -> Never {
        let failure = Failure(error)
        let code = failure.code.rawValue
        fflush(nil)
        guard worldSize > 1 else {
            tell(failure.message)
            try? finish()
            exit(code)
        }
        guard let agreed = error as? Agreed else {
            tell("rank \(rank) on \(hostName): \(failure.message)")
            abort(code)
        }
        if agreed.rank == 0 { tell(failure.message) }
        if agreed.worldSize < worldSize {
            // A part of the job agreed, and the rest knows nothing of it. Its rank 0 has the word first.
            if agreed.rank != 0 { sleep(2) }
            abort(code)
        }
        // The launcher ends the others as soon as one rank leaves with a code, so the sentence has to be out by then.
        try? barrier()
        try? finish()
        exit(code)
    }

    private func tell(_ message: String) {
        try? FileHandle.standardError.write(contentsOf: Data("steadfast: \(message)\n".utf8))
    }
}
