import Kernels
import Networks
import Recipes

/// Stochastic gradient descent with momentum: v = momentum v + g + weight_decay w; w -= learning_rate v, with weight decay
/// on weights and biases, none on batch norm, and a factor on the learning rate of each parameter.
public final class Optimizer {
    /// The momentum buffers v, laid out as the model's parameters.
    public let momenta: Buffer<Float>

    private let model: Model
    private let momentum: Float
    private let weightDecay: Float
    private let clipping: Double?
    /// The factor of each of the layout's entries.
    private let factors: [Float]

    /// Makes an optimiser whose momenta are 0.
    ///
    /// - Parameters:
    ///   - model: the replica that `step` updates.
    ///   - momentum: in [0, 1).
    ///   - weightDecay: at least 0.
    ///   - factors: the factor on the learning rate of each of the layout's entries.
    ///   - clipping: the largest L2 norm that the whole gradient may have, or nil.
    public init(_ model: Model, momentum: Double, weightDecay: Double, factors: [Double], clipping: Double?) {
        precondition(factors.count == model.layout.entries.count, "\(factors.count) learning-rate factors")
        self.model = model
        self.momentum = Float(momentum)
        self.weightDecay = Float(weightDecay)
        self.clipping = clipping
        self.factors = factors.map { Float($0) }
        momenta = Buffer(model.layout.count)
    }

    /// Updates the parameters; local, and equal on all ranks for equal gradients.
    ///
    /// - Parameters:
    ///   - gradients: the gradient of each of the layout's entries.
    ///   - learningRate: of the step.
    /// - Returns: the gradient's L2 norm before clipping; not finite where a gradient or a parameter is not (an update may overflow
    ///   though the gradient did not): the state is of no use then.
    public func step(_ gradients: [UnsafeMutablePointer<Float>], learningRate: Double) -> Double {
        let scale = clipping.map { factor(gradients, clipping: $0) } ?? 1
        var (gradientSquares, squares) = (0.0, 0.0)
        for (index, entry) in model.layout.entries.enumerated() {
            let decays = entry.kind == .weight || entry.kind == .bias
            let sums = momentumStep(
                model.parameters.pointer + entry.offset, momenta.pointer + entry.offset,
                gradients[index], count: entry.count, momentum: momentum, scale: scale,
                decay: decays ? weightDecay : 0, rate: Float(learningRate) * factors[index])
            gradientSquares += sums.gradient
            squares += sums.parameters
        }
        return squares.isFinite ? gradientSquares.squareRoot() : squares
    }

    /// The factor that leaves the gradient no longer than `clipping`.
    private func factor(_ gradients: [UnsafeMutablePointer<Float>], clipping: Double) -> Float {
        let norm = zip(model.layout.entries, gradients).reduce(0) { $0 + sumOfSquares($1.1, count: $1.0.count) }
            .squareRoot()
        return norm > clipping ? Float(clipping / norm) : 1
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
