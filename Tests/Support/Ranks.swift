/// The numbers of ranks that everything is tested at.
public let rankCounts = [1, 2, 3, 4, 8]

/// Runs a case of the rank program to its end.
public func runCase(_ ranks: Int, _ arguments: String...) throws -> ProgramResult {
    try spawnMpirun(ranks: ranks, "RankProgram", arguments: arguments).wait(timeout: 60)
}

extension ProgramResult {
    /// The sentences of the program's own on standard error, without those of mpirun.
    public var sentences: [String] {
        errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("steadfast: ") }
    }
}
