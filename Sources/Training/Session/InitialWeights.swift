import Checkpoints
import Essentials
import Kernels
import MessagePassing
import Networks
import Recipes

/// The network that a run starts from, by its recipe's `initial_weights`: a checkpoint of one's own or an imported one.
struct InitialWeights {
    /// The SHA-256 of its content, which each checkpoint of the run keeps.
    let digest: String
    /// The mean image that it was trained with, HWC in 0...255.
    let meanImage: [Float]
    /// The network; nil where the run goes on from a checkpoint of its own.
    private let source: Checkpoint?

    /// Reads what a run starts from, or, of one that goes on, what its checkpoint keeps of it. Local, for rank 0.
    ///
    /// - Parameters:
    ///   - recipe: the run's.
    ///   - resumed: the checkpoint from which the run goes on; nil for its first step.
    /// - Returns: nil for a recipe without initial weights.
    /// - Throws: `Failure` 66, 74 or 65 where there is no such checkpoint or it cannot be used.
    init?(_ recipe: Recipe, resumed: () throws -> Checkpoint?) throws {
        guard let path = recipe.initialWeights else { return nil }
        let resumed = try resumed()
        let source = try resumed ?? Checkpoint.load(try RunDirectory.checkpointFile(path))
        let network = try source.network()
        meanImage = try source.meanImage(network.input)
        digest = resumed == nil ? source.contentDigest : source.header.initialWeightsDigest ?? ""
        self.source = resumed == nil ? source : nil
    }

    /// The mean image for all ranks; empty without initial weights. Collective: `weights` is rank 0's.
    static func shareMeanImage(_ weights: InitialWeights?, by communicator: Communicator) throws -> [Float] {
        try communicator.broadcast(weights?.meanImage ?? [])
    }

    /// Writes the network's parameters and running moments into a replica that has its initial weights, but for the
    /// layers that start anew. Local; a run that goes on is left as it is.
    ///
    /// - Throws: `Failure` 64 in one sentence where a layer that starts anew is none of the network's; 65 where a
    ///   parameter is missing or has another shape, or the networks scale their images differently or have batch norms
    ///   of another epsilon.
    func write(to model: Model, _ recipe: Recipe) throws {
        try recipe.checkFreshLayers(model.layout)
        guard let source else { return }
        let scales = [try source.network().inputScale ?? [1], model.plan.network.inputScale ?? [1]]
        guard scales[0] == scales[1] else {
            throw Failure(
                .data,
                "\(source.source) takes pixels times \(scales[0].map { "\($0)" }.joined(separator: ", ")), the "
                    + "recipe's network times \(scales[1].map { "\($0)" }.joined(separator: ", ")): set input_scale")
        }
        // Its gammas and running variances stand beside one epsilon.
        let epsilons = [try source.network().stabilizer, model.plan.network.stabilizer]
        let keepsNorms = model.layout.moments.contains { !recipe.freshLayers.contains($0.name) }
        guard !keepsNorms || epsilons[0] == epsilons[1] else {
            throw Failure(
                .data,
                "\(source.source) has \(epsilons[0]) as batch norm's epsilon, the recipe's network \(epsilons[1]): "
                    + "set network.stabilizer")
        }
        do {
            try source.restore(model, but: recipe.freshLayers)
        } catch let failure as Failure {
            throw Failure(
                .data,
                "initial_weights: \(failure.message); describe the same network, or name layers that start anew in "
                    + "fresh_layers")
        }
    }
}

extension Recipe {
    /// Refuses names of fresh layers that no layer with parameters has.
    fileprivate func checkFreshLayers(_ layout: ParameterLayout) throws {
        let names = Set(layout.entries.map { String($0.name.prefix { $0 != "/" }) })
        guard let name = freshLayers.first(where: { !names.contains($0) }) else { return }
        let known = names.sorted()
        throw Failure(
            .usage,
            "fresh_layers names '\(shortened(name))', which is no layer with parameters; "
                + (nearestName(to: name, among: known).map { "did you mean '\($0)'?" }
                    ?? "known: \(known.joined(separator: ", "))"))
    }
}
