import Kernels
import Networks

/// A whole network as plain loops in double precision: layer by layer, all images of the batch at once, parameters by name
/// as tensors (weights OIHW).
public struct NaiveNetwork {
    /// The network.
    public let network: Network
    /// `conv1/weight`, `norm1/gamma`, ...
    public var parameters: [String: [Double]] = [:]
    /// `norm1/running_mean`, `norm1/running_variance`, ...
    public var moments: [String: [Double]] = [:]

    /// The network with no parameters yet.
    public init(_ network: Network) { self.network = network }

    /// The network with a model's parameters and running moments.
    public init(_ model: Model) {
        network = model.plan.network
        for entry in model.layout.entries {
            parameters[entry.name] = entry.tensor(from: model.parameters.pointer).map { Double($0) }
        }
        for moment in model.layout.moments {
            let values = model.moments.elements[moment.offset...].map { Double($0) }
            moments["\(moment.name)/running_mean"] = Array(values[..<moment.channels])
            moments["\(moment.name)/running_variance"] = Array(values[moment.channels..<2 * moment.channels])
        }
    }

    /// What a forward pass gives.
    public struct Result {
        /// The outputs before a robust network's last RBF, [images][outputs].
        public var outputs: [[Double]] = []
        /// The batch moments of each batch norm's input, bias included, by its name.
        public var moments: [String: (mean: [Double], variance: [Double])] = [:]
    }

    /// The forward pass on `images` images, [images, input shape].
    public func forward(_ input: [Double], images: Int, mode: NormalizationMode) -> Result {
        var result = Result()
        var (x, shape) = (input, network.input)
        var (convolutions, fullyConnected, name) = (0, 0, "")
        for (index, layer) in network.layers.enumerated() {
            switch layer {
            case .convolution(let settings):
                convolutions += 1
                name = "conv\(convolutions)"
                let geometry = Convolution(
                    input: shape, kernelHeight: settings.size, kernelWidth: settings.size, filters: settings.channels,
                    stride: settings.stride, padding: settings.padding)
                (x, shape) = convolve(x, geometry, name, images)
            case .fullyConnected(let settings):
                fullyConnected += 1
                name = "fc\(fullyConnected)"
                let geometry = Convolution(
                    input: shape, kernelHeight: shape.height, kernelWidth: shape.width, filters: settings.channels)
                (x, shape) = convolve(x, geometry, name, images)
            case .batchNormalization:
                let norm = name.hasPrefix("fc") ? "norm_\(name)" : "norm\(convolutions)"
                let batch = Naive.moments(x, channels: shape.channels)
                result.moments[norm] = batch
                x = Naive.normalize(
                    x, mean: mode == .batch ? batch.mean : moments["\(norm)/running_mean"] ?? [],
                    variance: mode == .batch ? batch.variance : moments["\(norm)/running_variance"] ?? [],
                    gamma: parameters["\(norm)/gamma"] ?? [], beta: parameters["\(norm)/beta"] ?? [],
                    stabilizer: network.stabilizer)
            case .activation(let function):
                if network.hybridLoss != nil && index == network.layers.count - 1 { break }
                x = x.map { Naive.activation(function, $0) }
            case .pooling(let settings):
                let geometry = Pooling(
                    input: shape, kind: settings.kind, size: settings.size, stride: settings.stride,
                    padding: settings.padding)
                let count = shape.height * shape.width * shape.channels
                x = (0..<images).flatMap { Naive.pool(Array(x[$0 * count..<($0 + 1) * count]), geometry) }
                shape = geometry.output
            }
        }
        result.outputs = (0..<images).map { Array(x[$0 * shape.count..<($0 + 1) * shape.count]) }
        return result
    }

    /// The mean loss over the images.
    public func loss(_ input: [Double], labels: [Int], mode: NormalizationMode) -> Double {
        let outputs = forward(input, images: labels.count, mode: mode).outputs
        return zip(outputs, labels).reduce(0) { $0 + Naive.loss(network.loss, $1.0, label: $1.1) }
            / Double(labels.count)
    }

    private func convolve(_ x: [Double], _ g: Convolution, _ name: String, _ images: Int) -> ([Double], ImageShape) {
        let (weight, bias) = (parameters["\(name)/weight"] ?? [], parameters["\(name)/bias"] ?? [])
        let channels = g.input.channels
        var hwio: [Double] = []
        for y in 0..<g.kernelHeight {
            for x in 0..<g.kernelWidth {
                for c in 0..<channels {
                    for o in 0..<g.filters {
                        hwio.append(
                            weight[
                                o * channels * g.kernelHeight * g.kernelWidth + c * g.kernelHeight
                                    * g.kernelWidth + y * g.kernelWidth + x])
                    }
                }
            }
        }
        let u = Naive.convolution(x, hwio, g, images: images)
        let (rows, columns) = Naive.convolutionOutput(g)
        return (
            u.indices.map { u[$0] + bias[$0 % g.filters] },
            ImageShape(height: rows, width: columns, channels: g.filters)
        )
    }
}
