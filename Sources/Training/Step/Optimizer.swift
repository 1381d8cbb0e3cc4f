import Checkpoints
import Essentials
import HDF5Files
import Kernels
import MessagePassing
import Networks
import Recipes

/// The rule by which the parameters follow their gradient, and what it remembers of them: stochastic gradient descent
/// with momentum, Nesterov's form of it, Adam or AdamW (see `OptimizerRecipe`). Weight decay acts on weights and
/// biases, not on batch norm; each parameter has a factor on the learning rate.
public final class Optimizer {
    /// The rule's state, each buffer laid out as the model's parameters: the momentum v; of Adam the first and
    /// the second moment.
    public let moments: [Buffer<Float>]
    /// The updates so far, which Adam's moments are corrected by.
    public private(set) var updates = 0

    private let model: Model
    private let rule: OptimizerRecipe
    private let momentum: Float
    private let weightDecay: Double
    private let clipping: Double?
    /// The factor of each of the layout's entries.
    private let factors: [Float]

    /// Makes an optimiser whose moments are 0.
    ///
    /// - Parameters:
    ///   - model: the replica that `step` updates.
    ///   - rule: the rule with its own settings.
    ///   - momentum: in [0, 1), of `sgd` and `nesterov`.
    ///   - weightDecay: at least 0.
    ///   - factors: the factor on the learning rate of each of the layout's entries.
    ///   - clipping: the largest L2 norm that the whole gradient may have, or nil.
    public init(
        _ model: Model, _ rule: OptimizerRecipe = OptimizerRecipe(), momentum: Double, weightDecay: Double,
        factors: [Double], clipping: Double?
    ) {
        precondition(factors.count == model.layout.entries.count, "\(factors.count) learning-rate factors")
        self.model = model
        self.rule = rule
        self.momentum = Float(momentum)
        self.weightDecay = weightDecay
        self.clipping = clipping
        self.factors = factors.map { Float($0) }
        moments = (0..<rule.kind.momentCount).map { _ in Buffer(model.layout.count) }
    }

    /// Updates the parameters; local, and equal on all ranks for equal gradients.
    ///
    /// - Parameters:
    ///   - gradients: the gradient of each of the layout's entries.
    ///   - learningRate: of the step.
    /// - Returns: the gradient's L2 norm before clipping; not finite where a gradient or a parameter is not (an update
    ///   may overflow though the gradient did not): the state is of no use then.
    public func step(_ gradients: [UnsafeMutablePointer<Float>], learningRate: Double) -> Double {
        let scale = clipping.map { factor(gradients, clipping: $0) } ?? 1
        updates += 1
        var (gradientSquares, squares) = (0.0, 0.0)
        for index in gradients.indices {
            let sums = update(index, gradients[index], scale: scale, learningRate: learningRate)
            gradientSquares += sums.gradient
            squares += sums.parameters
        }
        return squares.isFinite ? gradientSquares.squareRoot() : squares
    }

    /// One entry's step.
    private func update(
        _ index: Int, _ gradient: UnsafeMutablePointer<Float>, scale: Float, learningRate: Double
    ) -> (gradient: Double, parameters: Double) {
        let entry = model.layout.entries[index]
        let (w, first) = (model.parameters.pointer + entry.offset, moments[0].pointer + entry.offset)
        let decay = entry.kind == .weight || entry.kind == .bias ? weightDecay : 0
        switch rule.kind {
        case .sgd, .nesterov:
            return momentumStep(
                w, first, gradient, count: entry.count, momentum: momentum, scale: scale, decay: Float(decay),
                rate: Float(learningRate) * factors[index], isNesterov: rule.kind == .nesterov)
        case .adam, .adamw:
            let rate = learningRate * Double(factors[index])
            let isDecoupled = rule.kind == .adamw
            return adamStep(
                w, first, moments[1].pointer + entry.offset, gradient, count: entry.count,
                AdamStep(
                    step: updates, beta1: rule.beta1, beta2: rule.beta2, epsilon: rule.epsilon, scale: scale,
                    decay: isDecoupled ? 0 : decay, shrinkage: isDecoupled ? 1 - rate * decay : 1,
                    learningRate: rate))
        }
    }

    /// The factor that leaves the gradient no longer than `clipping`.
    private func factor(_ gradients: [UnsafeMutablePointer<Float>], clipping: Double) -> Float {
        let norm = zip(model.layout.entries, gradients).reduce(0) { $0 + sumOfSquares($1.1, count: $1.0.count) }
            .squareRoot()
        return norm > clipping ? Float(clipping / norm) : 1
    }
}

extension OptimizerRecipe.Kind {
    /// The buffers that the rule remembers.
    var momentCount: Int { isAdaptive ? 2 : 1 }

    /// The paths of what the rule remembers of a parameter, in a checkpoint.
    func paths(of parameter: String) -> [String] {
        isAdaptive
            ? [CheckpointLayout.firstMoment(parameter), CheckpointLayout.secondMoment(parameter)]
            : [CheckpointLayout.momentum(parameter)]
    }
}

// MARK: - Checkpoints

extension Optimizer {
    /// The paths of what the rule remembers of a parameter, in a checkpoint.
    func paths(of parameter: String) -> [String] { rule.kind.paths(of: parameter) }

    /// Stores the moments; of Adam the updates too, an attribute of each parameter's group.
    func store(in checkpoint: inout Checkpoint) {
        for entry in model.layout.entries {
            for (path, buffer) in zip(paths(of: entry.name), moments) {
                checkpoint.tensors[path] = Tensor(shape: entry.shape, entry.tensor(from: buffer.pointer))
            }
            if rule.kind.isAdaptive {
                checkpoint.groupAttributes[CheckpointLayout.momentum(entry.name)] = [
                    CheckpointLayout.updates: Double(updates)
                ]
            }
        }
    }

    /// Takes up what `store` stored.
    ///
    /// - Throws: `Failure` 65 naming the file and the object, where it is of another network or another rule.
    func restore(from checkpoint: Checkpoint) throws {
        for entry in model.layout.entries {
            for (path, buffer) in zip(paths(of: entry.name), moments) {
                entry.write(try checkpoint.requireTensor(path, shape: entry.shape), to: buffer.pointer)
            }
        }
        guard rule.kind.isAdaptive, let first = model.layout.entries.first else { return }
        let group = CheckpointLayout.momentum(first.name)
        let number = try checkpoint.requireAttribute(CheckpointLayout.updates, of: group)
        guard let updates = Int(exactly: number), updates >= 0 else {
            throw Failure(
                .data,
                "\(checkpoint.source): the attribute '\(CheckpointLayout.updates)' of /\(group) is \(number), no count "
                    + "of updates")
        }
        self.updates = updates
    }

    /// Gives all ranks rank 0's moments. Collective.
    func broadcast(by communicator: Communicator) throws {
        for buffer in moments { try communicator.broadcast(buffer) }
        updates = try communicator.broadcast(updates)
    }
}

extension Recipe {
    /// The factor on the learning rate of each of a layout's entries.
    func rateFactors(_ layout: ParameterLayout) -> [Double] {
        layout.entries.map { entry in
            layerRate(String(entry.name.prefix { $0 != "/" }), entry.kind.rawValue)
        }
    }
}
