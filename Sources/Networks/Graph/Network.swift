import Kernels

/// The source that a network or a recipe follows where the paper's text and the released code differ.
public enum Variant: String, Codable, Hashable, Sendable, CaseIterable {
    /// The paper's text.
    case paper
    /// The authors' released code; the paper's tables were made with it.
    case released
}

/// A network as a value: its input, its layers in order, its loss. It holds no parameters.
public struct Network: Codable, Hashable, Sendable {
    /// One input image.
    public var input: ImageShape
    /// The meaningful classes; the last layer may have outputs for nonsense behind them.
    public var classes: Int
    /// The layers, the last one fully connected (followed by an RBF in a robust network).
    public var layers: [Layer]
    /// The hybrid loss of a robust network; nil is the softmax cross-entropy of a plain one.
    public var hybridLoss: HybridLoss?
    /// Batch norm's epsilon: y = gamma (x - mean) / sqrt(variance + stabilizer) + beta.
    public var stabilizer: Double
    /// The factor on the image, in pixel units less the mean image, before any layer takes it: one number for all
    /// channels, or one for each; nil for 1.
    public var inputScale: [Float]?
    /// The initial weights of layers that state no deviation; nil for `normal`.
    public var initialization: Initialization?

    enum CodingKeys: String, CodingKey {
        case input, classes, layers
        case hybridLoss = "hybrid_loss"
        case stabilizer, initialization
        case inputScale = "input_scale"
    }

    /// Makes a network.
    public init(
        input: ImageShape, classes: Int, layers: [Layer], hybridLoss: HybridLoss? = nil, stabilizer: Double = 1e-4,
        inputScale: [Float]? = nil, initialization: Initialization? = nil
    ) {
        self.input = input
        self.classes = classes
        self.layers = layers
        self.hybridLoss = hybridLoss
        self.stabilizer = stabilizer
        self.inputScale = inputScale
        self.initialization = initialization
    }

    /// The function that training minimises.
    public var loss: Loss { hybridLoss.map { .hybrid($0) } ?? .softmaxCrossEntropy }

    /// The same network with `count` outputs for nonsense behind its classes.
    public func withNonsenseOutputs(_ count: Int) -> Network {
        var network = self
        if let last = layers.lastIndex(where: \.isFullyConnected),
            var settings = layers[last].kind as? FullyConnectedLayer
        {
            settings.channels = classes + count
            network.layers[last].kind = settings
        }
        return network
    }
}
