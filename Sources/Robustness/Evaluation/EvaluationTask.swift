/// A part of the work that one rank does at a time: some consecutive samples under one attack.
public struct EvaluationTask: Equatable, Sendable {
    /// The attack's place in the plan.
    public let attack: Int
    /// The samples' places in the evaluated set.
    public let samples: Range<Int>

    /// A task of its own.
    public init(attack: Int, samples: Range<Int>) {
        self.attack = attack
        self.samples = samples
    }

    /// The task that a code stands for.
    package init(code: Int) {
        let start = code >> 16 & 0xffff_ffff
        self.init(attack: code >> 48, samples: start..<start + (code & 0xffff))
    }

    /// The task as one number, under which it is dealt: the attack, 32 bits of the first sample's place, 16 of the
    /// count.
    package var code: Int { attack << 48 | samples.lowerBound << 16 | samples.count }
}

/// How the samples of an attack are cut into tasks: evenly where a size is given, else in chunks that get smaller
/// towards the end, so that the last ones keep no rank waiting and most fill whole groups.
package struct Chunking {
    /// The rows that the fully connected layers' products take at a time: smaller chunks cost as much.
    package static let rows = 20
    /// The most samples that a task holds.
    static let most = 1 << 15

    /// The samples of a chunk where the user gives them.
    let size: Int?
    /// The number that chunks are multiples of.
    let unit: Int
    /// The ranks that share the work.
    let ranks: Int

    package init(size: Int?, unit: Int, ranks: Int) {
        (self.size, self.unit, self.ranks) = (size, unit, ranks)
    }

    /// Cuts what is left to do.
    package func cut(_ gaps: [Range<Int>]) -> [Range<Int>] {
        var left = gaps.reduce(0) { $0 + $1.count }
        return gaps.flatMap { gap -> [Range<Int>] in
            var chunks: [Range<Int>] = []
            var start = gap.lowerBound
            while start < gap.upperBound {
                let end = min(start + length(left), gap.upperBound)
                chunks.append(start..<end)
                left -= end - start
                start = end
            }
            return chunks
        }
    }

    /// The length of the next chunk.
    private func length(_ left: Int) -> Int {
        let wanted = min(size ?? min(left / (4 * ranks), TargetModel.groupSize), Chunking.most)
        return max((wanted + unit - 1) / unit, 1) * unit
    }
}
