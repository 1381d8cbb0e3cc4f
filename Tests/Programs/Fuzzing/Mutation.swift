import Kernels

/// Changes of good inputs, drawn from a seed and a number.
struct Mutation {
    private var random: Philox
    private let words: [[UInt8]]

    init(seed: UInt64, number: Int, words: [String]) {
        random = Philox(seed: seed, purpose: .test, number)
        self.words = words.map { Array($0.utf8) }
    }

    /// One of the seeds, changed in one to eight places; now and then the first half of one with the second of another.
    mutating func input(of seeds: [[UInt8]]) -> [UInt8] {
        var bytes = one(of: seeds)
        if chance(20) {
            let other = one(of: seeds)
            bytes = Array(bytes.prefix(place(in: bytes))) + other.suffix(place(in: other))
        }
        for _ in 0..<Int.random(in: 1...8, using: &random) { change(&bytes) }
        return bytes
    }

    private mutating func one<Element>(of elements: [Element]) -> Element {
        elements[Int.random(in: elements.indices, using: &random)]
    }
    private mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }

    /// A place, near the start more often: that is where headers are.
    private mutating func place(in bytes: [UInt8]) -> Int {
        guard !bytes.isEmpty else { return 0 }
        return Int.random(in: 0..<(chance(2) ? bytes.count : min(bytes.count, 64)), using: &random)
    }

    private static let numbers: [UInt64] = [
        0, 1, 2, 7, 8, 9, 127, 128, 255, 256, 512, 1024, 4096, 32767, 32768, 65535, 65536, 1 << 24, 1 << 30, 1 << 31,
        1 << 31 - 1, 1 << 32 - 1, 1 << 32, 1 << 40, 1 << 60, 1 << 62, 1 << 63 - 1, 1 << 63, .max,
    ]

    private mutating func change(_ bytes: inout [UInt8]) {
        let at = place(in: bytes)
        let rest = bytes.count - at
        switch Int.random(in: 0..<9, using: &random) {
        case 0 where rest > 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1 where rest > 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 2:
            // A number that is a limit of something, in either order of bytes.
            let width = min(rest, one(of: [1, 2, 4, 8]))
            let value = one(of: Self.numbers)
            let isBig = chance(2)
            for i in 0..<width {
                bytes[at + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (isBig ? width - 1 - i : i)))
            }
        case 3: bytes.removeSubrange(at..<at + min(rest, Int.random(in: 1...32, using: &random)))
        case 4: bytes = Array(bytes.prefix(at))
        case 5:
            let block = bytes[at..<at + min(rest, Int.random(in: 1...64, using: &random))]
            bytes.insert(contentsOf: Array(block), at: place(in: bytes))
        case 6 where !words.isEmpty: bytes.insert(contentsOf: one(of: words), at: at)
        case 7 where !words.isEmpty:
            let word = one(of: words)
            bytes.replaceSubrange(at..<at + min(rest, word.count), with: word)
        default:
            bytes.insert(
                contentsOf: (0..<Int.random(in: 1...16, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                },
                at: at)
        }
    }
}
