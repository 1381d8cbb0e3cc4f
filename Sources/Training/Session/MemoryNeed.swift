import DataFeed
import Datasets
import Essentials
import MessagePassing
import Networks
import Recipes
import Robustness

/// The memory that a rank's training takes, reckoned from the sizes before any of it is taken: at the least. A run that
/// cannot fit is refused in a sentence, where it would end in the middle of a step, by a signal or by the system's
/// choice of a victim.
struct MemoryNeed {
    /// The parts, in bytes. Not integers: what a recipe asks for may be beyond counting.
    private(set) var parts: [(name: String, bytes: Double)]
    private let ranksOfHost: Int

    /// All, in bytes.
    var bytes: Double { parts.reduce(0) { $0 + $1.bytes } }

    /// - Parameters:
    ///   - ranks: that train.
    ///   - ranksOfHost: of them, those on this rank's host.
    init(_ recipe: Recipe, _ plan: NetworkPlan, _ dataset: DatasetDescription, ranks: Int, ranksOfHost: Int) {
        func roundedUp(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }
        let batch = ForwardBackward.sizes(
            recipe, plan, lanes: roundedUp(recipe.lanes, ranks), laneCapacity: roundedUp(recipe.passBatch, recipe.lanes)
        )
        let layout = ParameterLayout(plan)
        let validation = TargetModel.sizes(plan, gradients: recipe.validationAttack != nil).bytes
        let moments = Double(recipe.optimizer.kind.momentCount * layout.count)
        let drawn = Double(recipe.meanTraining?.drawnSamples ?? 0)
        var kept = Double(dataset.trainCount) / Double(recipe.dataSharing == .lanes ? ranks : ranksOfHost)
        if recipe.dataSharing == .stream, let windows = recipe.windows(of: dataset) {
            // Three windows a host, and the validation images dealt to all ranks.
            let ring = ImageStream.bytes(windows, imageBytes: dataset.shape.count, rows: dataset.chunkRows)
            kept = Double(ring / max(1, dataset.shape.count)) / Double(ranksOfHost)
            kept += Double(recipe.validation) / Double(ranks)
        }
        self.ranksOfHost = ranksOfHost
        parts = [
            ("the batch", batch.bytes), ("the validation", recipe.validation > 0 ? validation : 0),
            // Weights, gradients, moments, and a checkpoint of all but the gradients.
            ("the network", 4 * (3 * Double(layout.count) + 2 * moments)),
            // A pixel is a byte. Who owns a sample, where it lies, and its place in the epoch are four each.
            ("the samples", kept * Double(plan.network.input.count) + 12 * (Double(dataset.trainCount) + drawn)),
            // The program, MPI and BLAS with their buffers.
            ("the program", Double(128 << 20)),
        ]
    }

    /// Refuses what does not fit on this rank's host. Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 69 with what is needed and there.
    func check(on communicator: Communicator) throws {
        try communicator.agree {
            let available = Double(HostMemory.available(sharedBy: ranksOfHost))
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
