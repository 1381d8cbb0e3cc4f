import Testing

/// The numbers of ranks that everything is tested at.
public let rankCounts = [1, 2, 3, 4, 8]

/// Runs a case of the rank program to its end.
public func runCase(_ ranks: Int, _ arguments: String...) throws -> ProgramResult {
    try spawnMpirun(ranks: ranks, "RankProgram", arguments: arguments).wait(timeout: 60)
}

/// Runs several cases of the rank program in one job, one after the other.
///
/// - Returns: what the ranks said in each case, a line each, in no order of the ranks.
public func runCases(_ ranks: Int, _ cases: [[String]]) throws -> [[String]] {
    let result = try spawnMpirun(
        ranks: ranks, "RankProgram", arguments: Array(cases.joined(separator: ["+"]))
    ).wait(timeout: 240)
    // Where it failed, the last line said is of the case before.
    try #require(result.status == 0, "\(ranks) ranks: \(result.lines.last ?? "") \(result.errors)")
    guard cases.count > 1 else { return [result.lines] }
    return cases.indices.map { number in
        let start = "\(number): "
        return result.lines.filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
    }
}

extension ProgramResult {
    /// The sentences of the program's own on standard error, without those of mpirun.
    public var sentences: [String] {
        errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("steadfast: ") }
    }
}
