import Essentials
import MessagePassing

/// Rehearsed steps as time-independent traces of SimGrid, which its smpirun replays: an action a line, the work in
/// 1e-9 s (on hosts of 1 Gflop/s), sizes in bytes, a tag for each stage and collective.
///
/// A host's ranks tell each other by messages of no bytes what in truth they see in memory that they share. Gathers of
/// many hosts are the messages of `GatherRounds`. Other collectives are those that Open MPI 4.1 makes of them: gathers
/// and exchanges send all at once, each to each; short sums go up and down a binomial tree.
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
        // The collectives under way, by number, and how many of their rounds have begun.
        var pending: [(number: Int, collective: Rehearsal.Collective, rounds: [[Message]], begun: Int)] = []
        func beginRound(_ index: Int) {
            defer { pending[index].begun += 1 }
            for message in pending[index].rounds[pending[index].begun] {
                let (other, tag) = (message.other * size, Self.tag(pending[index].number, message))
                if let bytes = message.received { add("irecv \(other) \(tag) \(bytes)") }
                if let bytes = message.sent { add("isend \(other) \(tag) \(bytes)") }
            }
        }
        func endRound(_ index: Int) {
            for message in pending[index].rounds[pending[index].begun - 1] {
                let (other, tag) = (message.other * size, Self.tag(pending[index].number, message))
                if message.received != nil { add("wait \(other) \(rank) \(tag)") }
                if message.sent != nil { add("wait \(rank) \(other) \(tag)") }
            }
        }
        for (index, event) in step.events.enumerated() {
            add("compute \(Self.nanoseconds(step.seconds[index]))")
            switch event {
            case .arrive(let stage):
                if local > 0 { add("send \(first) \(4 * stage) 0") }
            case .meet(let stage, let speaks):
                if local == 0 {
                    for other in others { add("recv \(first + other) \(4 * stage) 0") }
                    if !speaks { for other in others { add("send \(first + other) \(4 * stage) 0") } }
                } else {
                    add("recv \(first) \(4 * stage) 0")
                }
            case .release(let stage):
                if local == 0 {
                    for other in others { add("send \(first + other) \(4 * stage) 0") }
                } else {
                    add("recv \(first) \(4 * stage) 0")
                }
            case .begin(let collective, let number):
                pending.append((number, collective, try rounds(collective, of: speaker), 0))
                if !pending[pending.count - 1].rounds.isEmpty { beginRound(pending.count - 1) }
            case .end(let number):
                guard let ending = pending.firstIndex(where: { $0.number == number }) else { continue }
                // Who waits for one lets all go on.
                while pending[ending].begun < pending[ending].rounds.count {
                    for index in pending.indices where pending[index].begun < pending[index].rounds.count {
                        endRound(index)
                        beginRound(index)
                    }
                }
                if pending[ending].begun > 0 { endRound(ending) }
                if case .allReduce(let bytes) = pending[ending].collective {
                    for (other, sends) in reduction(of: speaker) {
                        add("\(sends ? "send" : "recv") \(other * size) \(4 * number + 1) \(bytes)")
                    }
                }
                pending.remove(at: ending)
            }
        }
        add("compute \(Self.nanoseconds(step.seconds[step.events.count]))")
        return text + "\(rank) finalize\n"
    }

    private static func nanoseconds(_ seconds: Double) -> Int { Int((seconds * 1e9).rounded()) }

    /// The tag of a collective's message.
    private static func tag(_ number: Int, _ message: Message) -> Int { 4 * number + 1 + message.piece }

    /// The messages and bytes that the first rank sends to others in its step.
    func sent(_ step: Rehearsal.Step) throws -> (messages: Int, bytes: Int) {
        var (count, bytes) = (0, 0)
        for case .begin(let collective, _) in step.events {
            for message in try rounds(collective, of: 0).joined() {
                count += message.sent == nil ? 0 : 1
                bytes += message.sent ?? 0
            }
            guard case .allReduce(let size) = collective else { continue }
            let sends = reduction(of: 0).count { $0.sends }
            (count, bytes) = (count + sends, bytes + sends * size)
        }
        return (count, bytes)
    }

    /// The bytes that a speaker sends to another and receives from it; nil where it does not.
    private struct Message {
        let other: Int
        let sent: Int?
        let received: Int?
        /// Two messages of a round to one speaker differ in it.
        var piece = 0
    }

    /// The messages of a collective at a speaker, but those of a short sum: a round's are under way at once.
    private func rounds(_ collective: Rehearsal.Collective, of speaker: Int) throws -> [[Message]] {
        let others = (1..<speakers).map { (speaker + $0) % speakers }
        switch collective {
        case .allGather(let bytes):
            if GatherRounds.isDirect(ranks: speakers) {
                return [others.map { Message(other: $0, sent: bytes[speaker], received: bytes[$0]) }]
            }
            let rounds = GatherRounds(rank: speaker, of: speakers)
            return (0..<rounds.count).map { round in
                (0..<rounds.messages(inRound: round)).flatMap { message in
                    let (sent, received) = rounds[round: round, message: message]
                    return [received.pieces.0, received.pieces.1].enumerated().map { piece, blocks in
                        Message(other: received.other, sent: nil, received: Self.sum(bytes[blocks]), piece: piece)
                    }
                        + [sent.pieces.0, sent.pieces.1].enumerated().map { piece, blocks in
                            Message(other: sent.other, sent: Self.sum(bytes[blocks]), received: nil, piece: piece)
                        }
                }
            }
        case .allToAll(let sent, let received):
            // Hosts that hold the same number of nodes of the lane tree.
            guard Set(received).count == 1 else {
                throw Failure(.usage, "hosts differ in their part of the lane tree: take powers of two")
            }
            return [
                others.map {
                    Message(
                        other: $0, sent: sent[$0] > 0 ? sent[$0] : nil,
                        received: sent[speaker] > 0 ? sent[speaker] : nil)
                }
            ]
        case .allReduce: return []
        case .other(let function):
            throw Failure(.usage, "a step with \(function) cannot be replayed")
        }
    }

    /// The bytes of these blocks; nil where there are none.
    private static func sum(_ blocks: ArraySlice<Int>) -> Int? {
        let bytes = blocks.reduce(0, +)
        return bytes > 0 ? bytes : nil
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
