import Datasets
import Essentials
import Kernels
import Lanes
import MessagePassing
import Networks
import Recipes

/// Has a share of the lanes computed by a second rank too, and compares all that they contribute bit for bit: a host
/// whose arithmetic or memory is wrong is found and named.
///
/// The lanes of a step are drawn by (seed, step): each rank's expected share is the recipe's, and all ranks check at
/// the same time. The second rank gets the lane's input and labels and the sums over all lanes; parameters are its own.
/// A lane contributes its part of each sum and its partial gradients, or its rows of the factors.
package final class Auditor {
    private let recipe: Recipe
    private let communicator: Communicator
    private let data: TrainingData
    private let model: Model
    private let work: ForwardBackward
    private let replay: LaneReplay
    /// The start of the pass: the rank's input, and batch norm's running moments.
    private let input: Buffer<Float>
    private let moments: Buffer<Float>
    /// The running moments after the pass.
    private let finished: Buffer<Float>
    /// The message before a lane's input: its signature, and whether its rank was asked to stop.
    private var note = (signature: UInt64(0), stopping: false)

    /// For the images that `work` holds at most.
    init(
        _ recipe: Recipe, _ data: TrainingData, _ model: Model, checking work: ForwardBackward, sumsLanes: [Bool],
        communicator: Communicator
    ) {
        self.recipe = recipe
        self.communicator = communicator
        self.data = data
        self.model = model
        let propagation = ForwardBackward.propagation(recipe, data, model, lanes: 1)
        replay = LaneReplay(model, propagation, sumsLanes: sumsLanes)
        self.work = ForwardBackward(recipe, data, propagation, reducer: replay)
        input = Buffer(work.propagation.input.count)
        moments = Buffer(model.moments.count)
        finished = Buffer(model.moments.count)
    }

    /// The bytes of an auditor beside a pass of so many lanes, known before any of it is taken.
    static func memory(_ recipe: Recipe, _ plan: NetworkPlan, lanes: Int, laneCapacity: Int) -> Double {
        ForwardBackward.memory(recipe, plan, lanes: 1, laneCapacity: laneCapacity) + LaneReplay.memory(plan)
            + 4 * Double(lanes * laneCapacity) * Double(plan.network.input.count)
            + 8 * Double(ParameterLayout(plan).momentCount)
    }

    /// A lane to check, and the ranks that do.
    package struct Check: Equatable {
        package let lane: Int
        package let holder: Int
        package let checker: Int
        /// Who decides; nil where there are only two ranks.
        package let judge: Int?
    }

    /// The checks of a step, equal on all ranks.
    package static func checks(_ share: Double, seed: UInt64, step: Int, assignment: LaneAssignment) -> [Check] {
        var random = Philox(seed: seed, purpose: .audit, step)
        let ranks = assignment.ranks
        // One number for all ranks: they check in the same steps, and nobody waits for others' checks in between.
        let common: Double = Double(random.uniform() as Float)
        let distance = ranks > 1 ? 1 + Int((random.next() as UInt32) % UInt32(ranks - 1)) : 0
        var checks: [Check] = []
        for rank in 0..<ranks {
            let lanes = assignment[rank]
            let count = min(lanes.count, Int(share * Double(lanes.count) + common))
            let checker = (rank + distance) % ranks
            let judge = (0..<ranks).map { (checker + 1 + $0) % ranks }.first { $0 != rank && $0 != checker }
            guard count > 0 else { continue }
            for place in random.permutation(lanes.count).prefix(count).sorted() {
                checks.append(
                    Check(lane: lanes.lowerBound + Int(place), holder: rank, checker: checker, judge: judge))
            }
        }
        return checks
    }

    /// Notes what the pass starts from. Local.
    func begin(_ checked: ForwardBackward) {
        input.pointer.update(
            from: checked.propagation.input.pointer,
            count: checked.propagation.images * model.plan.network.input.count)
        moments.pointer.update(from: model.moments.pointer, count: moments.count)
    }

    /// Does the checks of a pass that has just been computed. Collective.
    ///
    /// - Throws: `Agreed` with code 71 naming the rank and host whose result is wrong.
    func verify(
        _ checks: [Check], _ pass: MicroBatch, _ record: MicroBatchRecord, _ checked: ForwardBackward, stopping: Bool
    ) throws {
        finished.pointer.update(from: model.moments.pointer, count: moments.count)
        defer { model.moments.pointer.update(from: finished.pointer, count: moments.count) }
        let rank = communicator.rank
        var wrong = Int64(checks.count)
        for (index, check) in checks.enumerated() where rank == check.holder || rank == check.checker {
            let (theirs, again) = try repeatLane(
                check, by: check.checker, pass, record, checked, stopping: stopping)
            if rank == check.checker && theirs != again { wrong = min(wrong, Int64(index)) }
        }
        let first = try communicator.allReduce(wrong, .min)
        guard first < checks.count else { return }
        try blame(checks[Int(first)], pass, record, checked, stopping: stopping)
    }

    /// Has a rank compute a lane again, from its holder's input. Called by the two. Returns the holder's signature and,
    /// on the rank that computes, the new one.
    private func repeatLane(
        _ check: Check, by other: Int, _ pass: MicroBatch, _ record: MicroBatchRecord, _ checked: ForwardBackward,
        stopping: Bool
    ) throws -> (holder: UInt64, again: UInt64) {
        let size = model.plan.network.input.count
        let target = work.propagation.input.pointer
        work.begin(pass.index, firstLane: check.lane)
        let images = work.counts[0]
        if communicator.rank == check.holder {
            let local = check.lane - data.assignment[check.holder].lowerBound
            let start = checked.propagation.start(ofLane: local)
            note = (record.signatures[local].value, stopping)
            target.update(from: input.pointer + start * size, count: images * size)
            work.ids.pointer.update(from: checked.ids.pointer + start, count: images)
            work.labels.pointer.update(from: checked.labels.pointer + start, count: images)
        }
        func move(_ bytes: UnsafeMutableRawBufferPointer) throws {
            try communicator.transfer(bytes, from: check.holder, to: other)
        }
        func move<Element: BitwiseCopyable>(_ pointer: UnsafeMutablePointer<Element>, _ count: Int) throws {
            try move(UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: pointer, count: count)))
        }
        // Its size, not its stride: the bytes up to that may be another's.
        try withUnsafeMutableBytes(of: &note) { try move($0) }
        try move(work.ids.pointer, images)
        try move(work.labels.pointer, images)
        try move(target, images * size)
        guard communicator.rank == other else { return (note.signature, 0) }
        model.moments.pointer.update(from: moments.pointer, count: moments.count)
        replay.begin(totals: record.totals)
        _ = try work.run(pass, stopping: note.stopping)
        return (note.signature, replay.signature.value)
    }

    /// Finds out which rank is wrong about a lane, and ends the run. Collective.
    private func blame(
        _ check: Check, _ pass: MicroBatch, _ record: MicroBatchRecord, _ checked: ForwardBackward, stopping: Bool
    ) throws {
        let rank = communicator.rank
        // The two results again, and then the judge's, or each of the two ranks' own second one.
        var own = (first: UInt64(0), second: UInt64(0))
        for other in [check.checker, check.judge ?? check.holder] where rank == check.holder || rank == other {
            let (theirs, again) = try repeatLane(check, by: other, pass, record, checked, stopping: stopping)
            if rank == check.holder { own.first = theirs }
            if rank == other { own.second = again }
        }
        let all = try communicator.allGather(own)
        let hosts = try communicator.allGather(communicator.hostName)
        let (held, checked) = (all[check.holder].first, all[check.checker].second)
        let culprit: Int?
        if let judge = check.judge {
            let third = all[judge].second
            culprit = third == held ? check.checker : third == checked ? check.holder : nil
        } else {
            // Who contradicts itself is wrong; a rank alone has only itself.
            culprit = all[check.holder].second != held ? check.holder : nil
        }
        func name(_ rank: Int) -> String { "rank \(rank) on \(hosts[rank])" }
        let advice =
            "nothing of this step was kept; go on by --resume without that host (steadfast replay tells which "
            + "checkpoints hold)"
        try communicator.agree {
            if let culprit {
                throw Failure(
                    .hostFault,
                    "audit: \(name(culprit)) computes wrongly: its result for lane \(check.lane) is not that of "
                        + (check.judge == nil ? "its own second try" : "two other ranks") + "; \(advice)")
            }
            throw Failure(
                .hostFault,
                "audit: \(name(check.holder)) and \(name(check.checker)) differ on lane \(check.lane), and nothing "
                    + "tells which is wrong; \(advice), or with three ranks or more")
        }
    }
}
