import Essentials
import Kernels
import Networks

/// The network that an imported graph becomes, with its numbers.
///
/// Affine maps of the image go into the mean image and the factors on the pixels, those behind a product into its
/// weight and bias; all else is a layer of its own. Layers keep the names of their nodes where files can hold them.
struct ImportedNetwork {
    /// A range of the model's inputs: x = (pixel / 255 - mean) / deviation, one of each or one a channel.
    struct Normalization {
        /// The largest pixel's value in the model's units: 1, or 255 for a model that takes pixels as they are.
        var range = 1.0
        var mean: [Double] = [0]
        var deviation: [Double] = [1]
        /// The affine maps at the start that belong to the image; further ones are layers.
        var maps = Int.max
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
    /// The factor on the pixels, or one for each channel; nil for 1.
    private(set) var inputScale: [Float]?
    /// Batch norm's epsilon; nil without batch norm.
    private(set) var stabilizer: Double?

    private let graph: ImportedGraph
    /// How many steps take each step's result; 0 for one that the output does not need.
    private var takers: [Int] = []
    private var refusals: [String] = []
    /// Factors of the image, one an element (CHW), until they are in a layer.
    private var factors: [Double] = []
    /// The name of the layer that gives a step's result, and the place of its parameters where it is a product.
    private var results: [Int: (name: String, product: Int?)] = [:]
    private var names: Set<String> = []
    private var last = -1

    /// Makes the layers.
    ///
    /// - Throws: `Failure` 65 in a sentence's end, naming each node that no layer can be made of.
    init(_ graph: ImportedGraph, normalization: Normalization) throws {
        self.graph = graph
        takers = [Int](repeating: 0, count: graph.steps.count)
        takers[graph.output] = 1
        for index in graph.steps.indices.reversed() where takers[index] > 0 {
            for input in graph.steps[index].inputs { takers[input] += 1 }
        }
        guard takers[0] > 0 else { throw Failure(.data, "its output does not depend on the image") }
        let start = setInput(normalization)
        for index in start.dropFirst() { results[index] = (Self.image, nil) }
        results[start[0]] = (Self.image, nil)
        scaleImage(start[start.count - 1])
        for index in graph.steps.indices where takers[index] > 0 && results[index] == nil {
            do { try add(index) } catch let refusal as ONNXInterpreter.Refusal {
                if !refusal.reason.isEmpty { refusals.append("\(graph.steps[index].title): \(refusal.reason)") }
            }
        }
        if graph.isRobust { layers.append(.activation(.rbf)) }
        guard refusals.isEmpty else { throw Failure(.data, refusals.joined(separator: "; ")) }
    }

    /// The name of the image as an input.
    private static let image = "image"

    // MARK: The input

    /// Sets the mean image and the factors from the affine maps at the start; returns the image's step and those of the
    /// maps.
    ///
    /// The model takes x = range (pixel / 255 - mean) / deviation, its maps make scale x + shift of it: factor (pixel -
    /// m).
    private mutating func setInput(_ normalization: Normalization) -> [Int] {
        let shape = graph.steps[0].shape
        var scale = [Double](repeating: 1, count: shape.count)
        var shift = [Double](repeating: 0, count: shape.count)
        var start = [0]
        while start.count <= normalization.maps, takers[start[start.count - 1]] == 1,
            let next = graph.steps.indices.first(where: {
                takers[$0] > 0 && graph.steps[$0].inputs == [start[start.count - 1]]
            }), case .affine(let a, let b) = graph.steps[next].operation
        {
            var (scales, shifts) = (scale, shift)
            for i in 0..<shape.count {
                let (factor, term) = (Double(a[i * a.count / shape.count]), Double(b[i * b.count / shape.count]))
                (scales[i], shifts[i]) = (factor * scale[i], factor * shift[i] + term)
            }
            // Where a pixel does not count, no mean image makes a term of it.
            guard zip(scales, shifts).allSatisfy({ $0 != 0 || $1 == 0 }) else { break }
            (scale, shift) = (scales, shifts)
            start.append(next)
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
        return start
    }

    /// Sets the factor on the pixels. Weights stay the model's, so that it trains further at the rates that it is used
    /// to. Factors that a recipe does not allow go into the only product that takes them, or become a layer.
    private mutating func scaleImage(_ step: Int) {
        guard factors.contains(where: { $0 != 1 }) else {
            factors = []
            return
        }
        let shape = graph.steps[0].shape
        let channels = (0..<shape.channels).map { factors[$0 * shape.area] }
        let isByChannel = factors.indices.allSatisfy { factors[$0] == channels[$0 / shape.area] }
        if isByChannel, channels.allSatisfy({ $0 > 0 && $0 <= 1e6 }) {
            inputScale = (Set(channels).count == 1 ? [channels[0]] : channels).map { Float($0) }
            factors = []
            return
        }
        let next = graph.steps.indices.first { takers[$0] > 0 && graph.steps[$0].inputs.contains(step) }
        if takers[step] == 1, let next {
            switch graph.steps[next].operation {
            case .convolution, .dense: return
            default: break
            }
        }
        guard isByChannel else {
            refusals.append("\(graph.steps[step].title): the image's factors differ within a channel")
            return
        }
        factors = []
        append(.affine(scale: channels.map { Float($0) }), step, inputs: [Self.image], name: nil)
    }

    /// Multiplies the weight of the first product, [outputs, channels, height, width], by the image's factors.
    private mutating func scaled(
        _ weight: [Float], outputs: Int, groups: Int = 1, isDense: Bool
    ) throws -> [Float] {
        guard !factors.isEmpty else { return weight }
        let shape = graph.steps[0].shape
        let inputs = weight.count / outputs
        if !isDense {
            guard factors.indices.allSatisfy({ factors[$0] == factors[$0 / shape.area * shape.area] }) else {
                throw ONNXInterpreter.Refusal("the image's factors before it differ within a channel")
            }
        }
        let result = weight.indices.map { index in
            let place = index % inputs
            var channel = 0
            if !isDense {
                let groupChannels = shape.channels / groups
                channel = index / inputs / (outputs / groups) * groupChannels + place / (inputs / groupChannels)
            }
            let factor = isDense ? factors[place] : factors[channel * shape.area]
            return Float(Double(weight[index]) * factor)
        }
        factors = []
        return result
    }

    // MARK: Layers

    /// Appends a layer behind other layers; `product` is the place of its parameters where it is a product.
    private mutating func append(
        _ layer: Layer, _ step: Int, inputs: [String], name: String?, product: Int? = nil
    ) {
        var layer = layer
        let isLegal = name.map { name in
            (1...100).contains(name.utf8.count) && name != Self.image && !names.contains(name)
                && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) }
        }
        var unique = isLegal == true ? name ?? "" : "layer\(layers.count + 1)"
        while !names.insert(unique).inserted { unique += "_" }
        layer.name = unique
        let isChained =
            inputs.count == 1 && (inputs[0] == layers.last?.name || layers.isEmpty && inputs[0] == Self.image)
        layer.inputs = isChained ? [] : inputs
        layers.append(layer)
        results[step] = (unique, product)
        last = step
    }

    private mutating func add(_ index: Int) throws {
        let step = graph.steps[index]
        let inputs = try step.inputs.map { input in
            // The step behind one that was refused is not to blame.
            guard let result = results[input] else { throw ONNXInterpreter.Refusal("") }
            return result.name
        }
        let input = graph.steps[step.inputs[0]].shape
        func append(_ layer: Layer, product: Int? = nil) {
            self.append(layer, index, inputs: inputs, name: step.name, product: product)
        }
        switch step.operation {
        case .image: break
        case .convolution(let convolution):
            let layer = try layer(convolution, input)
            let weight = try scaled(
                convolution.weight, outputs: convolution.filters, groups: convolution.groups, isDense: false)
            append(layer, product: convolution.hasBias ? parameters.count : nil)
            parameters.append(.product(weight: weight, bias: convolution.bias))
        case .dense(let dense):
            let weight = try scaled(dense.weight, outputs: dense.bias.count, isDense: true)
            append(.fullyConnected(.init(channels: dense.bias.count)), product: parameters.count)
            parameters.append(.product(weight: weight, bias: dense.bias))
        case .normalization(let normalization):
            let parameters = try self.parameters(normalization)
            append(.batchNormalization)
            self.parameters.append(parameters)
        case .affine(let scale, let shift):
            let channels = step.shape.channels
            guard [1, channels].contains(scale.count), [1, channels].contains(shift.count) else {
                throw ONNXInterpreter.Refusal("its constant differs from place to place")
            }
            if takers[step.inputs[0]] == 1, let product = results[step.inputs[0]]?.product {
                fold(scale, shift, into: product)
                results[index] = results[step.inputs[0]]
            } else if takers[step.inputs[0]] == 1, layers.last?.name == inputs[0],
                let before = layers.last?.kind as? AffineLayer
            {
                layers[layers.count - 1].kind = before.followed(by: AffineLayer(scale: scale, shift: shift))
                results[index] = results[step.inputs[0]]
            } else {
                append(.affine(scale: scale, shift: shift))
            }
        case .activation(let function): append(.activation(function))
        case .pool(let pool): append(try layer(pool, input, step.shape))
        case .globalAverage: append(.globalAveragePooling)
        case .arithmetic(let operation):
            // A sum of sums, first to last, is one; so are products and quotients.
            if takers[step.inputs[0]] == 1, case .arithmetic(operation) = graph.steps[step.inputs[0]].operation,
                layers.last?.name == inputs[0], let terms = layers.popLast()
            {
                let all = terms.inputs + inputs.dropFirst()
                self.append(.arithmetic(operation, all), index, inputs: all, name: step.name)
            } else {
                append(.arithmetic(operation, inputs))
            }
        case .concatenation: append(.concatenate(inputs))
        case .reshape:
            append(
                .reshape(
                    .init(channels: step.shape.channels, height: step.shape.height, width: step.shape.width)))
        }
    }

    private func layer(_ convolution: ImportedGraph.Convolution, _ input: ImageShape) throws -> Layer {
        let padding = convolution.padding
        if padding == .init(), convolution.groups == 1,
            (convolution.height, convolution.width) == (input.height, input.width)
        {
            return .fullyConnected(.init(channels: convolution.filters))
        }
        guard convolution.strides.0 == convolution.strides.1 else {
            throw ONNXInterpreter.Refusal("its strides are \(convolution.strides)")
        }
        return .convolution(
            .init(
                channels: convolution.filters, size: Extent(convolution.height, convolution.width),
                padding: Sides(top: padding.top, left: padding.left, bottom: padding.bottom, right: padding.right),
                stride: convolution.strides.0, dilation: convolution.dilations, groups: convolution.groups,
                bias: convolution.hasBias))
    }

    private mutating func parameters(_ normalization: ImportedGraph.Normalization) throws -> Parameters {
        var normalization = normalization
        // One epsilon for the whole network: another one goes into the variance.
        let stabilizer = self.stabilizer ?? normalization.stabilizer
        self.stabilizer = stabilizer
        if normalization.stabilizer != stabilizer {
            let difference = normalization.stabilizer - stabilizer
            normalization.variance = normalization.variance.map { Float(Double($0) + difference) }
            guard normalization.variance.allSatisfy({ Double($0) + stabilizer > 0 }) else {
                throw ONNXInterpreter.Refusal("its epsilon is smaller than that of the first one")
            }
        }
        return .normalization(normalization)
    }

    private func layer(_ pool: ImportedGraph.Pool, _ input: ImageShape, _ output: ImageShape) throws -> Layer {
        let (before, padding) = (pool.padding.top, max(pool.padding.bottom, pool.padding.right))
        guard pool.height == pool.width, pool.strides.0 == pool.strides.1, pool.height < 16 else {
            throw ONNXInterpreter.Refusal("its window is \(pool.height)x\(pool.width), its strides \(pool.strides)")
        }
        guard pool.padding.left == before else {
            throw ONNXInterpreter.Refusal("its padding is \(before) at the top and \(pool.padding.left) at the left")
        }
        guard max(before, padding) < pool.height, pool.height <= min(input.height, input.width) + before + padding,
            (input.height + before + padding - pool.height) / pool.strides.0 + 1 == output.height,
            (input.width + before + padding - pool.width) / pool.strides.1 + 1 == output.width
        else { throw ONNXInterpreter.Refusal("its padding leaves windows outside the image") }
        return .pooling(
            .init(pool.kind, size: pool.height, stride: pool.strides.0, padding: padding, paddingBefore: before))
    }

    /// Puts an affine map into the product before it.
    private mutating func fold(_ scale: [Float], _ shift: [Float], into product: Int) {
        guard case .product(var weight, var bias) = parameters[product] else { return }
        let channels = bias.count
        let inputs = weight.count / channels
        for channel in 0..<channels {
            let (factor, term) = (Double(scale[channel % scale.count]), Double(shift[channel % shift.count]))
            bias[channel] = Float(factor * Double(bias[channel]) + term)
            if factor != 1 {
                for i in channel * inputs..<(channel + 1) * inputs { weight[i] = Float(factor * Double(weight[i])) }
            }
        }
        parameters[product] = .product(weight: weight, bias: bias)
    }
}

extension AffineLayer {
    /// This map and another one behind it as one.
    func followed(by next: AffineLayer) -> AffineLayer {
        func combined(_ channel: Int) -> (scale: Float, shift: Float) {
            let (a, b) = (scale[channel % scale.count], shift[channel % shift.count])
            let (c, d) = (next.scale[channel % next.scale.count], next.shift[channel % next.shift.count])
            return (c * a, c * b + d)
        }
        let channels = [scale.count, shift.count, next.scale.count, next.shift.count].max() ?? 1
        let maps = (0..<channels).map(combined)
        return AffineLayer(scale: maps.map(\.scale), shift: maps.map(\.shift))
    }
}
