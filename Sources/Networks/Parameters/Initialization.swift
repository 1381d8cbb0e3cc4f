import Kernels

/// The initial weights of layers that state no deviation: N(0, deviation^2), biases 0.
public enum Initialization: String, Codable, Hashable, Sendable, CaseIterable {
    /// deviation^2 = 2 / inputs, which keeps the size of what goes through ReLUs (He et al. 2015, equation 10).
    case he
    /// deviation^2 = 2 / (inputs + outputs) (Glorot & Bengio 2010, equation 12).
    case xavier
    /// deviation = 0.01, that of the paper.
    case normal

    /// The standard deviation of a convolution's weights; inputs and outputs are counted over its kernel.
    public func deviation(_ convolution: Convolution) -> Double {
        let kernel = convolution.kernelHeight * convolution.kernelWidth
        return switch self {
        case .he: Network.heDeviation(convolution.patchCount)
        case .xavier: (2 / Double(convolution.patchCount + kernel * convolution.filters)).squareRoot()
        case .normal: 0.01
        }
    }
}
