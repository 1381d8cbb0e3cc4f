import DataFeed
import Datasets
import Essentials
import Lanes
import MessagePassing
import Networks
import Recipes
import Robustness

/// The memory that a rank's training takes, reckoned from the sizes before any of it is taken: at the least. A run that
/// cannot fit is refused in a sentence, where it would end in the middle of a step, by a signal or by the system's
/// choice of a victim.
struct MemoryNeed {
    /// The parts.
    private(set) var parts: [(name: String, size: MemorySize)]
    private let ranksOfHost: Int

    /// All: what is a rank's own, and what the ranks of a host share.
    var size: MemorySize { parts.reduce(MemorySize()) { $0 + $1.size } }

    /// That of a rank with the most lanes.
    ///
    /// - Parameters:
    ///   - ranks: that train.
    ///   - ranksOfHost: of them, those on this rank's host.
    init(_ recipe: Recipe, _ plan: NetworkPlan, _ dataset: DatasetDescription, ranks: Int, ranksOfHost: Int) {
        let assignment = LaneAssignment(lanes: recipe.lanes, ranks: ranks)
        let counts = assignment.counts
        let rank = counts.indices.max { counts[$0] < counts[$1] } ?? 0
        let (lanes, laneCapacity) = (counts[rank], (recipe.passBatch + recipe.lanes - 1) / recipe.lanes)
        let batch = ForwardBackward.memory(recipe, plan, lanes: lanes, laneCapacity: laneCapacity)
        let audit = recipe.audit > 0 ? Auditor.memory(recipe, plan, lanes: lanes, laneCapacity: laneCapacity) : 0
        let gradients = GradientReduction.memory(
            plan, batch: recipe.passBatch, assignment, rank: rank, ranksOfHost: ranksOfHost, mode: recipe.reduction)
        let layout = ParameterLayout(plan)
        let validation = TargetModel.sizes(plan, gradients: recipe.validationAttack != nil).bytes
        let moments = Double(recipe.optimizer.kind.momentCount * layout.count)
        self.ranksOfHost = ranksOfHost
        parts = [
            ("the batch", MemorySize(own: batch)), ("the audit", MemorySize(own: audit)),
            ("the gradients", gradients), ("the validation", MemorySize(own: recipe.validation > 0 ? validation : 0)),
            // Weights, moments, and a checkpoint of both.
            ("the network", MemorySize(own: 8 * (Double(layout.count) + moments))),
            ("the samples", Self.samples(recipe, dataset, ranks: ranks)),
            // The program, MPI and BLAS with their buffers.
            ("the program", MemorySize(own: Double(128 << 20))),
        ]
    }

    /// The memory of the data: a byte a pixel.
    private static func samples(_ recipe: Recipe, _ dataset: DatasetDescription, ranks: Int) -> MemorySize {
        let pixels = Double(dataset.shape.count)
        let drawn = recipe.meanTraining?.drawnSamples ?? 0
        // Who owns a sample, where it lies, and its place in the epoch are four bytes each.
        var size = MemorySize(own: 12 * (Double(dataset.trainCount) + Double(drawn)))
        let (training, validation) = (Double(dataset.trainCount - recipe.validation), Double(recipe.validation))
        size.own += validation / Double(ranks) * pixels
        if recipe.dataSharing == .lanes {
            size.own += training / Double(ranks) * pixels
        } else if recipe.dataSharing == .stream, let windows = recipe.windows(of: dataset) {
            size.shared += Double(
                ImageStream.bytes(windows, imageBytes: dataset.shape.count, rows: dataset.chunkRows))
        } else {
            size.shared += training * pixels
        }
        return size
    }

    /// Refuses what does not fit on this rank's host. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 69 with what is needed and there.
    func check(on communicator: Communicator) throws {
        try communicator.agree {
            let available = Double(HostMemory.available(sharedBy: ranksOfHost))
            let parts = parts.map { (name: $0.name, bytes: $0.size.part(ofRanks: ranksOfHost)) }
            let bytes = parts.reduce(0) { $0 + $1.bytes }
            guard bytes > available else { return }
            let largest = parts.max { $0.bytes < $1.bytes }?.name ?? ""
            throw Failure(
                .unavailable,
                "each rank needs at least \(Self.text(bytes)) of memory, most of it for \(largest), and "
                    + "\(communicator.hostName) has \(Self.text(available)) for each of its \(ranksOfHost): start "
                    + "fewer ranks on a host, or lower batch, lanes, mean_training.samples or the network's channels")
        }
    }

    private static func text(_ bytes: Double) -> String {
        bytes < 1e12 ? "\(Int((bytes / 1e6).rounded(.up))) MB" : "\(Int((bytes / 1e12).rounded(.up))) TB"
    }
}
