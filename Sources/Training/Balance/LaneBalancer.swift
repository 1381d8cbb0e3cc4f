import Lanes

/// Assigns lanes to ranks by the speed that was measured in the last epoch.
package struct LaneBalancer {
    let isOn: Bool
    /// The work of each rank in the last epoch.
    var throughputs: [RankThroughput] = []
    /// The assignments that follow at the next epoch ends, whatever was measured: for tests.
    package var planned: [LaneAssignment] = []

    init(isOn: Bool) { self.isOn = isOn }

    /// The assignment for the next epoch; the same on all ranks.
    mutating func next(after assignment: LaneAssignment) -> LaneAssignment {
        if !planned.isEmpty { return planned.removeFirst() }
        return isOn ? Self.better(than: assignment, for: throughputs) ?? assignment : assignment
    }

    /// The assignment by speed, where it promises to shorten the slowest rank's work by at least a twentieth; nil where
    /// not, or where too little was measured.
    package static func better(than assignment: LaneAssignment, for throughputs: [RankThroughput]) -> LaneAssignment? {
        guard throughputs.count > 1, throughputs.allSatisfy({ $0.images > 0 && $0.steps > 0 && $0.seconds > 0 })
        else { return nil }
        // The time of an image stands for that of a lane: lanes have equal shares, but for a rounding.
        let seconds = throughputs.map(\.secondsPerImage)
        let better = LaneAssignment(lanes: assignment.lanes, secondsPerLane: seconds)
        return better.slowest(secondsPerLane: seconds) < 0.95 * assignment.slowest(secondsPerLane: seconds)
            ? better : nil
    }
}
