import Essentials
import TestSupport
import Testing

import MessagePassing

@Suite("Memory that ranks share", .underMPIRun)
struct SharedMemoryTests {
    @Test("is one copy, which stays when its maker lets go of it", arguments: rankCounts)
    func oneCopy(ranks: Int) throws {
        let result = try runCase(ranks, "sharedMemory", "10000001")
        #expect(result.status == 0, "\(result.errors)")
        let shares = result.lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        // 10,000,001 bytes are 2,442 pages of 4 kB; each share is rounded down.
        #expect(shares.count == ranks && (9768 - ranks...9768).contains(shares.reduce(0, +)), "\(shares)")
    }

    @Test("has a place as long as it is there, and a sentence where it cannot be seen")
    func place() throws {
        var memory: SharedMemory? = try SharedMemory(count: 3) { $0.copyBytes(from: [1, 2, 3]) }
        let place = try #require(memory?.place)
        let other = try SharedMemory(at: place)
        #expect(Array(other.bytes) == [1, 2, 3])
        memory = nil
        #expect(Array(other.bytes) == [1, 2, 3])
        // The descriptor's number is free again, or means another file.
        for gone in [place, SharedMemory.Place()] {
            let failure = #expect(throws: Failure.self) { try SharedMemory(at: gone) }
            #expect(failure?.code == .unavailable && failure?.message.contains("data_sharing: lanes") == true)
        }
        #expect(try SharedMemory(count: 0) { _ in }.bytes.count == 0)
    }

    @Test("where there is no room for it, ranks do without, and it is said")
    func doingWithout() throws {
        let result = try runCase(3, "noRoom")
        #expect(result.status == 0, "\(result.errors)")
        let way = "in memory that the ranks share; some by messages alone, since there is no room for them"
        #expect(result.lines == Array(repeating: way, count: 3))
    }

    @Test("is refused where there is no room")
    func noRoom() {
        let failure = #expect(throws: Failure.self) { try SharedMemory(count: 1 << 60) { _ in } }
        #expect(failure?.code == .unavailable && failure?.message.contains("more memory") == true)
    }
}
