import Essentials

extension Communicator {
    /// Runs `body` on this rank and returns its value, unless it threw on any rank: then all ranks throw (invariant 5).
    ///
    /// The failing rank of lowest number decides the code and the sentence; when not all ranks failed, the sentence
    /// ends with that rank and its host. Errors that are no `Failure` become one with code 70. Allocates nothing where
    /// nothing fails.
    ///
    /// Collective: every rank of the communicator calls this. `body` is local: it must not call a collective.
    ///
    /// - Throws: `Agreed`, the same on every rank; `Failure` 74 when MPI itself fails.
    public func agree<Value>(_ body: () throws -> Value) throws -> Value {
        let outcome = Result { try body() }
        var failed = false
        if case .failure = outcome { failed = true }

        // The minima: the failing rank of lowest number, and whether all ranks failed.
        var votes = (Int64(failed ? rank : worldSize), Int64(failed ? 1 : 0))
        try withUnsafeMutableBytes(of: &votes) { try allReduce($0.bindMemory(to: Int64.self), .min) }
        let speaker = Int(votes.0)
        if speaker == worldSize { return try outcome.get() }

        var own = Failure(.software, "")
        var isKnown = false
        if rank == speaker, case .failure(let error) = outcome {
            own = Failure(error)
            // What a part of the ranks agreed on is not one rank's affair.
            isKnown = error is Agreed
        }
        let code = try broadcast(own.code.rawValue, from: speaker)
        var message = try broadcast(own.message, from: speaker)
        let host = try broadcast(hostName, from: speaker)
        isKnown = try broadcast(isKnown, from: speaker)
        if votes.1 == 0 && !isKnown { message += " (rank \(speaker) on \(host))" }
        throw Agreed(Failure(ExitCode(rawValue: code) ?? .software, message), by: self)
    }
}
