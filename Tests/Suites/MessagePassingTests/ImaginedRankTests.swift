import MessagePassing
import Testing

@Suite("A rank of an imagined job")
struct ImaginedRankTests {
    /// Speaks by one sum, begun as one of two collectives, the other of which is none.
    private final class Speaker: HostSpeaker {
        private let value = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1)
        private let isFirst: Bool

        init(isFirst: Bool) {
            self.isFirst = isFirst
            value.initialize(repeating: 0)
        }

        deinit { value.deallocate() }

        func speak(stage: Int, on link: Communicator) throws -> PendingCollective {
            let sum = try link.startAllReduce(value, .sum)
            return isFirst ? PendingCollective(sum, PendingCollective()) : PendingCollective(PendingCollective(), sum)
        }
    }

    private let rehearsal = Rehearsal()

    private func exchange(_ rank: Int, of ranks: Int) throws -> HostExchange {
        let world = try Communicator.rehearsing(rank, of: ranks, hosts: 2, by: rehearsal)
        return try HostExchange(try world.hostGroups()) { _ in 64 }
    }

    /// What a rank does that concerns others, its stages numbered from 1, where it begins one and asks so often whether
    /// it is over; and the answers.
    private func events(
        _ exchange: HostExchange, begins: Bool, by speaker: Speaker? = nil, asking times: Int
    ) throws -> (events: [Rehearsal.Event], isReady: [Bool]) {
        rehearsal.begin()
        if begins { exchange.begin(0, by: speaker) }
        let answers = try (0..<times).map { _ in try exchange.isReady() }
        return (rehearsal.end().events, answers)
    }

    /// The same where it waits.
    private func eventsOfWaiting(_ exchange: HostExchange) throws -> [Rehearsal.Event] {
        rehearsal.begin()
        try exchange.wait()
        return rehearsal.end().events
    }

    @Test("meets those of its host where it asks again, or waits", arguments: [0, 1])
    func meeting(rank: Int) throws {
        let exchange = try exchange(rank, of: 4)
        for _ in 0..<2 {
            let begun = try events(exchange, begins: true, asking: 1)
            #expect(begun.events == [.arrive(stage: 1)] && begun.isReady == [false])
            let asked = try events(exchange, begins: false, asking: 1)
            #expect(asked.events == [.meet(stage: 1, speaks: false)] && asked.isReady == [true])
        }
        #expect(try events(exchange, begins: true, asking: 0).events == [.arrive(stage: 1)])
        #expect(try eventsOfWaiting(exchange) == [.meet(stage: 1, speaks: false)])
    }

    @Test("alone on its host meets nobody")
    func alone() throws {
        let begun = try events(try exchange(1, of: 2), begins: true, asking: 1)
        #expect(begun.events.isEmpty && begun.isReady == [true])
    }

    @Test("hears of other hosts where it waits, whichever of two collectives is none", arguments: [true, false])
    func hearing(isFirst: Bool) throws {
        let (exchange, speaker) = (try exchange(0, of: 4), Speaker(isFirst: isFirst))
        try withExtendedLifetime(speaker) {
            let begun = try events(exchange, begins: true, by: speaker, asking: 3)
            let spoken = Rehearsal.Event.begin(.allReduce(bytes: 4), number: 1)
            #expect(begun.events == [.arrive(stage: 1), .meet(stage: 1, speaks: true), spoken])
            #expect(begun.isReady == [false, false, false])
            let waited = try eventsOfWaiting(exchange)
            #expect(waited == [.end(number: 1), .release(stage: 1)])
        }
    }
}
