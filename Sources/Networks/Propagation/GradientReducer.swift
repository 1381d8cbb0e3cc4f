/// The sums over all lanes of the global batch that a propagation needs, and the destination of its gradients.
public protocol GradientReducer: AnyObject {
    /// Sums over all lanes: `partials` holds `count` values for each local lane, `total` takes `count` values.
    func sum(_ partials: UnsafePointer<Double>, count: Int, into total: UnsafeMutablePointer<Double>) throws
    /// Where to write the weight gradient of a lane (`lane` counts the local lanes); nil where the reducer forms it
    /// otherwise.
    func weightGradient(block: Int, lane: Int) -> UnsafeMutablePointer<Float>?
    /// The weight gradient of the lane is written.
    func finishedLane(block: Int, lane: Int) throws
    /// All lanes of the block are done; the sums hold the gradients of bias, gamma and beta.
    func finishedBlock(_ block: Int, gradients: ChannelGradients) throws
    /// Called between an image and the next, for communication under way.
    func progress() throws
}

extension GradientReducer {
    /// Nothing is under way.
    public func progress() {}
}

/// The gradients of a block's parameters for each channel; `gamma` and `beta` mean nothing without batch norm.
public struct ChannelGradients {
    /// With batch norm on batch moments it is 0: a bias before batch norm changes nothing.
    public let bias: UnsafePointer<Float>
    /// The sum of dz x', see `NormalizationMoments.gradient`.
    public let gamma: UnsafePointer<Float>
    /// The sum of dz.
    public let beta: UnsafePointer<Float>
}
