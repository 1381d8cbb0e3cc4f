import Kernels
import Networks

/// A whole network as plain loops in double precision: layer by layer, all images of the batch at once, parameters by
/// name as tensors (weights OIHW).
public struct NaiveNetwork {
    /// The network.
    public let network: Network
    /// `conv1/weight`, `norm1/gamma`, ...
    public var parameters: [String: [Double]] = [:]
    /// `norm1/running_mean`, `norm1/running_variance`, ...
    public var moments: [String: [Double]] = [:]

    private let plan: NetworkPlan

    /// The network with a model's parameters and running moments.
    public init(_ model: Model) {
        plan = model.plan
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

    /// The results of a forward pass.
    public struct Result {
        /// The outputs before a robust network's last RBF, [images][outputs].
        public var outputs: [[Double]] = []
        /// The batch moments of each batch norm's input, bias included, by its name.
        public var moments: [String: (mean: [Double], variance: [Double])] = [:]
    }

    /// The forward pass on `images` images, [images, input shape], layer by layer.
    public func forward(_ input: [Double], images: Int, mode: NormalizationMode) -> Result {
        var result = Result()
        var values: [[Double]] = []
        func shape(_ node: Int) -> ImageShape { node < 0 ? network.input : plan.graph.nodes[node].shape }
        for (index, node) in plan.graph.nodes.enumerated() {
            let inputs = node.inputs.map { $0 < 0 ? input : values[$0] }
            let x = inputs[0]
            let from = shape(node.inputs[0])
            func eachImage(_ body: (Int, [Double]) -> [Double]) -> [Double] {
                (0..<images).flatMap { body($0, Array(x[$0 * from.count..<($0 + 1) * from.count])) }
            }
            switch node.operation {
            case .convolution(let geometry, _, _): values.append(convolve(x, geometry, node.name, images))
            case .normalization:
                let batch = Naive.moments(x, channels: from.channels)
                result.moments[node.name] = batch
                values.append(
                    Naive.normalize(
                        x, mean: mode == .batch ? batch.mean : moments["\(node.name)/running_mean"] ?? [],
                        variance: mode == .batch ? batch.variance : moments["\(node.name)/running_variance"] ?? [],
                        gamma: parameters["\(node.name)/gamma"] ?? [], beta: parameters["\(node.name)/beta"] ?? [],
                        stabilizer: network.stabilizer))
            case .affine(let scale, let shift):
                values.append(
                    x.indices.map { i in
                        let channel = i % from.channels
                        return Double(scale[scale.count == 1 ? 0 : channel]) * x[i]
                            + Double(shift[shift.count == 1 ? 0 : channel])
                    })
            case .activation(let function):
                // The RBF of a robust network belongs to its loss.
                let isLast = network.hybridLoss != nil && index == plan.graph.nodes.count - 1
                values.append(isLast ? x : x.map { Naive.activation(function, $0) })
            case .pooling(let geometry): values.append(eachImage { Naive.pool($1, geometry) })
            case .dropout: values.append(x)
            case .globalAverage:
                values.append(
                    eachImage { _, image in
                        (0..<from.channels).map { c in
                            (0..<from.area).reduce(0) { $0 + image[$1 * from.channels + c] } / Double(from.area)
                        }
                    })
            case .arithmetic(let operation):
                values.append(
                    (0..<images).flatMap { image in
                        let operands = inputs.map { all in
                            let count = all.count / images
                            return Array(all[image * count..<(image + 1) * count])
                        }
                        return Naive.combine(operation, operands, node.shape)
                    })
            case .concatenation:
                let channels = node.inputs.map { shape($0).channels }
                values.append(
                    (0..<images * from.area).flatMap { position in
                        inputs.indices.flatMap { k in
                            inputs[k][position * channels[k]..<(position + 1) * channels[k]]
                        }
                    })
            case .rearrangement:
                values.append(
                    eachImage { _, image in
                        // In the order of channels, rows, columns, both ways.
                        var result = [Double](repeating: 0, count: image.count)
                        for i in image.indices {
                            result[Naive.place(i, node.shape)] = image[Naive.place(i, from)]
                        }
                        return result
                    })
            case .padding(let sides, _):
                values.append(
                    eachImage { _, image in
                        (0..<node.shape.count).map { i in
                            let (y, c) = (i / node.shape.channels / node.shape.width - sides.top, i % from.channels)
                            let x = i / node.shape.channels % node.shape.width - sides.left
                            let isInside = (0..<from.height).contains(y) && (0..<from.width).contains(x)
                            return isInside ? image[(y * from.width + x) * from.channels + c] : 0
                        }
                    })
            }
        }
        let outputs = plan.outputs
        result.outputs = (0..<images).map { Array((values.last ?? [])[$0 * outputs..<($0 + 1) * outputs]) }
        return result
    }

    /// The mean loss over the images.
    public func loss(_ input: [Double], labels: [Int], mode: NormalizationMode) -> Double {
        let outputs = forward(input, images: labels.count, mode: mode).outputs
        return zip(outputs, labels).reduce(0) { $0 + Naive.loss(network.loss, $1.0, label: $1.1) }
            / Double(labels.count)
    }

    private func convolve(_ x: [Double], _ g: Convolution, _ name: String, _ images: Int) -> [Double] {
        let (weight, bias) = (parameters["\(name)/weight"] ?? [], parameters["\(name)/bias"])
        let channels = g.input.channels / g.groups
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
        return u.indices.map { u[$0] + (bias?[$0 % g.filters] ?? 0) }
    }
}

extension Naive {
    /// Where element `i` of an image in the order of channels, rows, columns stands in memory.
    static func place(_ i: Int, _ shape: ImageShape) -> Int {
        i % shape.area * shape.channels + i / shape.area
    }
}
