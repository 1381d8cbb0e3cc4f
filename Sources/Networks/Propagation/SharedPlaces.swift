/// Regions of one buffer, of which those that are needed at different times share places.
struct SharedPlaces: Sendable {
    /// A region.
    struct Need: Sendable {
        /// Its floats.
        let count: Int
        /// When it is needed.
        let times: ClosedRange<Int>
    }

    /// Where the region of each need begins.
    let starts: [Int]
    /// The floats of all.
    let count: Int

    /// Gives each need, in order, the lowest place that is free as long as it is needed.
    init(_ needs: [Need]) {
        var starts: [Int] = []
        var count = 0
        for (number, need) in needs.enumerated() {
            var start = 0
            let others = (0..<number).filter { needs[$0].times.overlaps(need.times) }
            for other in others.sorted(by: { starts[$0] < starts[$1] })
            where starts[other] < start + need.count && start < starts[other] + needs[other].count {
                start = starts[other] + needs[other].count
            }
            starts.append(start)
            count = max(count, start + need.count)
        }
        (self.starts, self.count) = (starts, count)
    }

    /// The floats of a region for some images: regions begin at cache lines.
    static func floats(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}
