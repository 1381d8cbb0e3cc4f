import Essentials
import MessagePassing

/// Rehearsed steps as time-independent traces of SimGrid, which its smpirun replays: an action a line, the work in
/// 1e-9 s (on hosts of 1 Gflop/s), sizes in bytes, a tag for each stage and collective.
///
/// A host's ranks tell each other by messages of no bytes what in truth they see in memory that they share. Collectives
/// are the messages that Open MPI's (4.1) are made of: gathers and exchanges send all at once, each to each; short sums
/// go up and down a binomial tree.
struct ReplayTrace {
    /// The ranks that speak with those of other hosts.
    let speakers: Int
    private let ranks: Int

    /// Prepares to write traces.
    ///
    /// - Parameter step: of the first rank.
    init(_ step: Rehearsal.Step, ranks: Int, hosts: Int) {
        self.ranks = ranks
        let sharesMemory = step.events.contains { if case .release = $0 { true } else { false } }
        speakers = sharesMemory || hosts == 1 ? hosts : ranks
    }

    /// The ranks of a speaker, which share memory with it.
    private var size: Int { ranks / speakers }

    /// The trace of a rank that does a step.
    ///
    /// - Parameter step: its own, or that of the first rank of another host, or another rank of another host.
    /// - Throws: `Failure` 64 where hosts differ, or a collective is none of a training step's.
    func text(ofRank rank: Int, step: Rehearsal.Step) throws -> String {
        var text = "\(rank) init\n"
        func add(_ words: String) { text += "\(rank) \(words)\n" }
        let (speaker, local) = rank.quotientAndRemainder(dividingBy: size)
        let (first, others) = (speaker * size, 1..<size)
        var pending: [Int: Rehearsal.Collective] = [:]
        for (index, event) in step.events.enumerated() {
            add("compute \(Self.nanoseconds(step.seconds[index]))")
            switch event {
            case .arrive(let stage):
                if local > 0 { add("send \(first) \(2 * stage) 0") }
            case .meet(let stage, let speaks):
                if local == 0 {
                    for other in others { add("recv \(first + other) \(2 * stage) 0") }
                    if !speaks { for other in others { add("send \(first + other) \(2 * stage) 0") } }
                } else {
                    add("recv \(first) \(2 * stage) 0")
                }
            case .release(let stage):
                if local == 0 {
                    for other in others { add("send \(first + other) \(2 * stage) 0") }
                } else {
                    add("recv \(first) \(2 * stage) 0")
                }
            case .begin(let collective, let number):
                pending[number] = collective
                for message in try messages(collective, of: speaker) {
                    let tag = 2 * number + 1
                    if let bytes = message.received { add("irecv \(message.other * size) \(tag) \(bytes)") }
                    if let bytes = message.sent { add("isend \(message.other * size) \(tag) \(bytes)") }
                }
            case .end(let number):
                guard let collective = pending[number] else { continue }
                let tag = 2 * number + 1
                for message in try messages(collective, of: speaker) {
                    let other = message.other * size
                    if message.received != nil { add("wait \(other) \(rank) \(tag)") }
                    if message.sent != nil { add("wait \(rank) \(other) \(tag)") }
                }
                guard case .allReduce(let bytes) = collective else { continue }
                for (other, sends) in reduction(of: speaker) {
                    add("\(sends ? "send" : "recv") \(other * size) \(tag) \(bytes)")
                }
            }
        }
        add("compute \(Self.nanoseconds(step.seconds[step.events.count]))")
        return text + "\(rank) finalize\n"
    }

    private static func nanoseconds(_ seconds: Double) -> Int { Int((seconds * 1e9).rounded()) }

    /// The messages and bytes that the first rank sends to others in its step.
    func sent(_ step: Rehearsal.Step) throws -> (messages: Int, bytes: Int) {
        var (count, bytes) = (0, 0)
        for case .begin(let collective, _) in step.events {
            for message in try messages(collective, of: 0) {
                count += message.sent == nil ? 0 : 1
                bytes += message.sent ?? 0
            }
            guard case .allReduce(let size) = collective else { continue }
            let sends = reduction(of: 0).count { $0.sends }
            (count, bytes) = (count + sends, bytes + sends * size)
        }
        return (count, bytes)
    }

    /// The messages of a collective that sends all at once, between a speaker and the others.
    private func messages(
        _ collective: Rehearsal.Collective, of speaker: Int
    ) throws -> [(other: Int, sent: Int?, received: Int?)] {
        let others = (1..<speakers).map { (speaker + $0) % speakers }
        switch collective {
        case .allGather(let bytes):
            return others.map { ($0, bytes[speaker], bytes[$0]) }
        case .allToAll(let sent, let received):
            // Hosts that hold the same number of nodes of the lane tree.
            guard Set(received).count == 1 else {
                throw Failure(.usage, "hosts differ in their part of the lane tree: take powers of two")
            }
            return others.map { ($0, sent[$0] > 0 ? sent[$0] : nil, sent[speaker] > 0 ? sent[speaker] : nil) }
        case .allReduce: return []
        case .other(let function):
            throw Failure(.usage, "a step with \(function) cannot be replayed")
        }
    }

    /// The messages of a short sum, one after another, at a speaker: down the tree to speaker 0, and back.
    private func reduction(of speaker: Int) -> [(other: Int, sends: Bool)] {
        var up: [(other: Int, sends: Bool)] = []
        var distance = 1
        while distance < speakers, speaker % (2 * distance) == 0 {
            if speaker + distance < speakers { up.append((speaker + distance, false)) }
            distance *= 2
        }
        if speaker > 0 { up.append((speaker - distance, true)) }
        return up + up.reversed().map { ($0.other, !$0.sends) }
    }
}
