import Essentials
import Foundation
import MessagePassing
import Training

/// Memory that ranks share, by itself and with the images of a training in it.
let sharingCases: [String: RankCase] = [
    // Rank 0 fills some memory and lets go of it when the others have it. Every rank says how much of it is its share.
    "sharedMemory": { world, arguments in
        let count = number(arguments, 0, 10_000_001)
        var memory: SharedMemory?
        if world.rank == 0 {
            memory = try SharedMemory(count: count) { bytes in
                for i in bytes.indices { bytes[i] = UInt8(truncatingIfNeeded: i &* i) }
            }
        }
        let place = try world.broadcast(memory?.place ?? SharedMemory.Place())
        if world.rank > 0 { memory = try SharedMemory(at: place) }
        try sayShare(world)
        if world.rank == 0 { memory = nil }
        try world.barrier()
        guard let memory else { return }
        let isRight = memory.bytes.indices.allSatisfy { memory.bytes[$0] == UInt8(truncatingIfNeeded: $0 &* $0) }
        try expect(memory.bytes.count == count && isRight, "what rank 0 has written")
    },
    // An exchange in memory that no host has, then one step of it: every rank is a host of its own there.
    "noRoom": { world, _ in
        let groups = try world.hostGroups()
        let exchange = try HostExchange(groups) { $0.count < world.worldSize ? 1 << 60 : 64 }
        try expect(exchange.groups.count == world.worldSize, "each rank is a host")
        exchange.begin(0)
        try exchange.wait()
        say(groups.way)
    },
    // Trains, with the deals given as in `dealtTraining`, and says how much of the images that are shared is this
    // rank's share.
    "sharedImages": { world, arguments in
        try trainDealt(world, arguments) { trainer in try withExtendedLifetime(trainer) { try sayShare(world) } }
    },
]

/// Says the kB of all shared memory that is only read which count as this rank's: each page's, divided by the ranks
/// that map it. Collective.
private func sayShare(_ world: Communicator) throws {
    try world.barrier()
    let maps = kernelText("/proc/self/smaps").split(separator: "\n")
    var share = 0
    var isShared = false
    for line in maps {
        // A mapping's first line ends with its name; `Key: value kB` follows.
        if line.first?.isLowercase == true || line.first?.isNumber == true {
            isShared = line.contains("/memfd:steadfast-read")
        } else if isShared, line.hasPrefix("Pss:") {
            share += line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
    }
    try world.barrier()
    say("share \(share)")
}
