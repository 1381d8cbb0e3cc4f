import Essentials
import Kernels
import Networks

/// The network that an imported graph becomes, with its numbers.
///
/// Affine maps of the image go into the mean image and the first layer's weight, others into the layer before them; all
/// else is a layer of its own.
struct ImportedNetwork {
    /// A range of the model's inputs: x = (pixel / 255 - mean) / deviation, one of each or one a channel.
    struct Normalization {
        /// The largest pixel's value in the model's units: 1, or 255 for a model that takes pixels as they are.
        var range = 1.0
        var mean: [Double] = [0]
        var deviation: [Double] = [1]
    }

    /// A layer's parameters, as tensors: a weight OIHW with a bias, or gamma, beta and the running moments.
    enum Parameters {
        case product(weight: [Float], bias: [Float])
        case normalization(ImportedGraph.Normalization)
    }

    private(set) var layers: [Layer] = []
    /// The parameters of the layers that have any, in order.
    private(set) var parameters: [Parameters] = []
    /// HWC, in 0...255.
    private(set) var meanImage: [Float] = []
    private(set) var stabilizer = 1e-4

    private let graph: ImportedGraph
    private var refusals: [String] = []
    /// Factors of the input that the first product takes, one a channel or one an element (CHW).
    private var factors: [Double] = []
    private var hasNormalization = false
    /// True where the last layer is a convolution or a fully connected one.
    private var isBehindProduct = false

    /// Makes the layers.
    ///
    /// - Throws: `Failure` 65 in a sentence's end, naming each node that no layer can be made of.
    init(_ graph: ImportedGraph, normalization: Normalization) throws {
        self.graph = graph
        let order = try chain()
        let first = setInput(order, normalization)
        for index in order[first...] {
            do { try add(graph.steps[index]) } catch let refusal as ONNXInterpreter.Refusal {
                refusals.append("\(graph.steps[index].title): \(refusal.reason)")
            }
        }
        if graph.isRobust { layers.append(.activation(.rbf)) }
        guard refusals.isEmpty else { throw Failure(.data, refusals.joined(separator: "; ")) }
    }

    /// The steps from the image to the output, each of which takes the one before.
    private func chain() throws -> [Int] {
        var order = [graph.output]
        var branches: [String] = []
        var needed = [Bool](repeating: false, count: graph.steps.count)
        needed[graph.output] = true
        for index in graph.steps.indices.reversed() where needed[index] {
            for input in graph.steps[index].inputs { needed[input] = true }
        }
        var takers = [Int](repeating: 0, count: graph.steps.count)
        for (index, step) in graph.steps.enumerated() where needed[index] {
            for input in step.inputs { takers[input] += 1 }
            if step.inputs.count > 1 { branches.append("\(step.title): a network of branches is not taken") }
        }
        guard branches.isEmpty, takers.allSatisfy({ $0 <= 1 }) else {
            throw Failure(
                .data, branches.isEmpty ? "a network of branches is not taken" : branches.joined(separator: "; "))
        }
        while let input = graph.steps[order[order.count - 1]].inputs.first { order.append(input) }
        return order.reversed()
    }

    // MARK: The input

    /// Sets the mean image and the factors from the affine maps at the start; returns the place of the first layer.
    ///
    /// The model takes x = range (pixel / 255 - mean) / deviation, its maps make scale x + shift of it: factor (pixel - m).
    private mutating func setInput(_ order: [Int], _ normalization: Normalization) -> Int {
        let shape = graph.steps[0].shape
        var scale = [Double](repeating: 1, count: shape.count)
        var shift = [Double](repeating: 0, count: shape.count)
        var first = 1
        while first < order.count, case .affine(let a, let b) = graph.steps[order[first]].operation {
            for i in 0..<shape.count {
                let (factor, term) = (Double(a[i * a.count / shape.count]), Double(b[i * b.count / shape.count]))
                (scale[i], shift[i]) = (factor * scale[i], factor * shift[i] + term)
            }
            first += 1
        }
        let (mean, deviation) = (normalization.mean, normalization.deviation)
        var means = [Float](repeating: 0, count: shape.count)
        factors = scale
        for i in 0..<shape.count {
            let channel = i / shape.area
            let (m, s) = (mean[channel % mean.count], deviation[channel % deviation.count])
            factors[i] = scale[i] * normalization.range / (255 * s)
            let pixel = factors[i] == 0 ? 0 : 255 * m - shift[i] / factors[i]
            // HWC from CHW.
            means[(i % shape.area) * shape.channels + channel] = Float(pixel)
        }
        meanImage = means
        return first
    }

    /// Multiplies the weight of the first product, [outputs, channels, height, width], by the image's factors.
    private mutating func scaled(_ weight: [Float], outputs: Int, isDense: Bool) throws -> [Float] {
        guard !factors.isEmpty, factors.contains(where: { $0 != 1 }) else { return weight }
        let shape = graph.steps[0].shape
        let inputs = weight.count / outputs
        if !isDense {
            guard factors.indices.allSatisfy({ factors[$0] == factors[$0 / shape.area * shape.area] }) else {
                throw ONNXInterpreter.Refusal("the image's factors before it differ within a channel")
            }
        }
        return weight.indices.map { index in
            let place = index % inputs
            let factor = isDense ? factors[place] : factors[place / (inputs / shape.channels) * shape.area]
            return Float(Double(weight[index]) * factor)
        }
    }

    // MARK: Layers

    private mutating func add(_ step: ImportedGraph.Step) throws {
        let input = graph.steps[step.inputs[0]].shape
        let isFolded: Bool
        switch step.operation {
        case .convolution, .dense: isFolded = true
        case .affine: isFolded = isBehindProduct
        default: isFolded = false
        }
        defer { isBehindProduct = isFolded }
        switch step.operation {
        case .image: break
        case .convolution(let convolution): try add(convolution, input)
        case .dense(let dense):
            let weight = try scaled(dense.weight, outputs: dense.bias.count, isDense: true)
            factors = []
            layers.append(.fullyConnected(.init(channels: dense.bias.count)))
            parameters.append(.product(weight: weight, bias: dense.bias))
        case .normalization(let normalization): try add(normalization)
        case .affine(let scale, let shift): try fold(scale, shift, step.shape)
        case .activation(let function):
            guard !layers.isEmpty else { throw ONNXInterpreter.Refusal("an activation before the first layer") }
            layers.append(.activation(function))
        case .pool(let pool): try add(pool, input, step.shape)
        case .globalAverage:
            let pool = ImportedGraph.Pool(
                kind: .average, height: input.height, width: input.width, strides: (input.height, input.width),
                padding: .init(), countsPadding: false)
            try add(pool, input, step.shape)
        case .sum, .concatenation: throw ONNXInterpreter.Refusal("a network of branches is not taken")
        }
    }

    private mutating func add(_ convolution: ImportedGraph.Convolution, _ input: ImageShape) throws {
        let padding = convolution.padding
        let isDense = padding == .init() && (convolution.height, convolution.width) == (input.height, input.width)
        guard convolution.groups == 1 else { throw ONNXInterpreter.Refusal("it has \(convolution.groups) groups") }
        guard convolution.dilations == (1, 1) else { throw ONNXInterpreter.Refusal("its dilations are not 1") }
        let weight = try scaled(convolution.weight, outputs: convolution.filters, isDense: false)
        factors = []
        if isDense {
            layers.append(.fullyConnected(.init(channels: convolution.filters)))
        } else {
            guard convolution.height == convolution.width else {
                throw ONNXInterpreter.Refusal("its kernel is \(convolution.height)x\(convolution.width)")
            }
            guard convolution.strides.0 == convolution.strides.1 else {
                throw ONNXInterpreter.Refusal("its strides are \(convolution.strides)")
            }
            guard Set([padding.top, padding.left, padding.bottom, padding.right]).count == 1 else {
                throw ONNXInterpreter.Refusal("its padding differs from side to side")
            }
            layers.append(
                .convolution(
                    .init(
                        channels: convolution.filters, size: Extent(convolution.height, convolution.width),
                        padding: Sides(
                            top: padding.top, left: padding.left, bottom: padding.bottom, right: padding.right),
                        stride: convolution.strides.0)))
        }
        parameters.append(.product(weight: weight, bias: convolution.bias))
    }

    private mutating func add(_ normalization: ImportedGraph.Normalization) throws {
        var normalization = normalization
        guard isBehindProduct else {
            throw ONNXInterpreter.Refusal("it does not follow a convolution directly")
        }
        // One epsilon for the whole network: another one goes into the variance.
        if !hasNormalization { stabilizer = normalization.stabilizer }
        hasNormalization = true
        if normalization.stabilizer != stabilizer {
            let difference = normalization.stabilizer - stabilizer
            normalization.variance = normalization.variance.map { Float(Double($0) + difference) }
            guard normalization.variance.allSatisfy({ Double($0) + stabilizer > 0 }) else {
                throw ONNXInterpreter.Refusal("its epsilon is smaller than that of the first one")
            }
        }
        layers.append(.batchNormalization)
        parameters.append(.normalization(normalization))
    }

    private mutating func add(_ pool: ImportedGraph.Pool, _ input: ImageShape, _ output: ImageShape) throws {
        let padding = max(pool.padding.bottom, pool.padding.right)
        guard !layers.isEmpty else { throw ONNXInterpreter.Refusal("a pool before the first layer") }
        guard pool.height == pool.width, pool.strides.0 == pool.strides.1, pool.height < 16 else {
            throw ONNXInterpreter.Refusal("its window is \(pool.height)x\(pool.width), its strides \(pool.strides)")
        }
        guard pool.padding.top == 0, pool.padding.left == 0, !pool.countsPadding else {
            throw ONNXInterpreter.Refusal("it has padding at the top or left, or counts it")
        }
        guard padding < pool.height, pool.height <= min(input.height, input.width) + padding,
            (input.height + padding - pool.height) / pool.strides.0 + 1 == output.height,
            (input.width + padding - pool.width) / pool.strides.1 + 1 == output.width
        else { throw ONNXInterpreter.Refusal("its padding leaves windows outside the image") }
        layers.append(
            .pooling(.init(pool.kind, size: pool.height, stride: pool.strides.0, padding: padding)))
    }

    /// Puts an affine map into the product before it.
    private mutating func fold(_ scale: [Float], _ shift: [Float], _ shape: ImageShape) throws {
        guard isBehindProduct, case .product(var weight, var bias) = parameters.last else {
            throw ONNXInterpreter.Refusal("a constant factor or term that follows no convolution or matrix product")
        }
        let channels = bias.count
        guard [1, channels].contains(scale.count), [1, channels].contains(shift.count) else {
            throw ONNXInterpreter.Refusal("its constant differs from place to place")
        }
        let inputs = weight.count / channels
        for channel in 0..<channels {
            let (factor, term) = (Double(scale[channel % scale.count]), Double(shift[channel % shift.count]))
            bias[channel] = Float(factor * Double(bias[channel]) + term)
            if factor != 1 {
                for i in channel * inputs..<(channel + 1) * inputs { weight[i] = Float(factor * Double(weight[i])) }
            }
        }
        parameters[parameters.count - 1] = .product(weight: weight, bias: bias)
    }
}
