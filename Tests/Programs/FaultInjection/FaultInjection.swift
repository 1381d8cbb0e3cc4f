import ArgumentParser
import Essentials
import Foundation
import TestSupport

/// Breaks jobs on purpose and checks what is promised of them: `Tests/faults`.
@main
struct FaultInjection: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults", abstract: "Break training jobs on purpose, at seeded instants over their whole life.",
        discussion: """
            After each fault the job has to end by itself within 30 s, with a code other than 0 and one clear message; \
            no file may be in part under its name; and the run, resumed on another number of ranks, has to end with \
            the bits of an undisturbed one. Ends with exit code 1 where one of these failed.
            """)

    @Flag(help: "Inject 231 faults rather than 21, one of each kind.")
    var long = false

    @Flag(help: "End the job before and after every system call that concerns files, from a checkpoint to the next.")
    var everyCall = false

    @Option(help: "What the faults and their instants are drawn from.")
    var seed: UInt64 = 1

    @Option(help: "How many faults to inject.")
    var count: Int?

    @Option(help: "The number of the first fault, from 0.")
    var first = 0

    @Option(help: "A file that takes each outcome; those that it holds already are not tried again.")
    var log: String?

    func run() throws {
        var outcomes = try log.map(Self.read) ?? []
        let numbers = (first..<first + (count ?? (long ? 231 : 21))).filter { number in
            !outcomes.contains { $0.number == number }
        }
        let mayMount = SmallFileSystem.isAllowed
        if !mayMount { print("skipped: full and read-only disks, for which only root can mount a file system") }
        let laboratory = try Laboratory()
        print(
            "undisturbed: \(laboratory.seconds.map { "\(($0 * 10).rounded() / 10) s" }.joined(separator: ", ")) on 1 "
                + "to 4 ranks"
        )
        let plan =
            everyCall
            ? Self.everyCall(laboratory).dropFirst(first).prefix(count ?? .max)
            : numbers.map { (number: $0, draws: draws($0, laboratory)) }[...]
        for (number, draws) in plan {
            guard let outcome = try outcome(number, draws, laboratory, mayMount: mayMount) else { continue }
            outcomes.append(outcome)
            let place = "\(outcome.ranks) ranks, \(outcome.instant)"
            let end = "exit code \(outcome.status) after \((outcome.seconds * 10).rounded() / 10) s"
            print("\(number): \(outcome.title) (\(place)): \(end), resumed on \(outcome.resumedRanks)")
            for complaint in outcome.complaints { print("    \(complaint)") }
            fflush(nil)
            try log.map { try Self.append(outcome, to: $0) }
        }
        print(Table.text(outcomes))
        guard outcomes.allSatisfy(\.complaints.isEmpty) else { throw ArgumentParser.ExitCode(1) }
    }

    /// The draw of a number: the first, or a later one where the job was over before its fault came.
    private func draws(_ number: Int, _ laboratory: Laboratory) -> [Draw] {
        (0..<20).map { Draw(seed: seed, number: number, attempt: $0, calls: laboratory.calls) }
    }

    /// SIGKILL before and after each call of a checkpoint's life, numbered.
    private static func everyCall(_ laboratory: Laboratory) -> [(number: Int, draws: [Draw])] {
        let faults = laboratory.checkpointCalls.flatMap { number in
            ["kill", "killed"].map { Fault.CallFault(name: "system", number: number, effect: $0) }
        }
        return faults.enumerated().map { (number: $0, draws: [Draw($1)]) }
    }

    /// The outcome of a number; nil where its fault cannot be had here.
    private func outcome(
        _ number: Int, _ draws: [Draw], _ laboratory: Laboratory, mayMount: Bool
    ) throws -> Trial.Outcome? {
        for draw in draws {
            guard mayMount || !draw.fault.needsMount else { return nil }
            if let outcome = try Trial(number: number, draw: draw, laboratory: laboratory).outcome() { return outcome }
        }
        throw Failure(.software, "fault \(number): the jobs were always over before it came")
    }

    private static func read(_ path: String) throws -> [Trial.Outcome] {
        guard let text = FileManager.default.contents(atPath: path) else { return [] }
        return try text.split(separator: 0x0A).map { try JSONDecoder().decode(Trial.Outcome.self, from: Data($0)) }
    }

    private static func append(_ outcome: Trial.Outcome, to path: String) throws {
        if !FileManager.default.fileExists(atPath: path) { try AtomicFile.write("", to: path) }
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: try JSONEncoder().encode(outcome) + Data("\n".utf8))
        try file.close()
    }
}
