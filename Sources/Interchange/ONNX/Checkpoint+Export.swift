import Checkpoints
import Essentials
import Kernels
import Networks

extension Checkpoint {
    /// The network in evaluation mode as an ONNX model, from images to judgements.
    ///
    /// Input `pixels`: float32 [images, channels, height, width] in 0...255; the mean image is subtracted inside.
    /// Outputs: `logits` [images, outputs], those of a robust network being -z^2, so that softmax(logits) = y / sum(y);
    /// and `confidence` [images, outputs], the softmax of a plain network and y = exp(-z^2) of a robust one. Outputs
    /// behind the classes stand for nonsense.
    ///
    /// - Throws: `Failure` 65 where the checkpoint holds no network that fits together.
    public func onnx() throws -> [UInt8] {
        let plan = try NetworkPlan(try network())
        let shape = plan.network.input
        var graph = ONNXGraph()
        let mean = try requireTensor(CheckpointLayout.meanImage, shape: [shape.channels, shape.height, shape.width])
        let meanImage = graph.tensor("mean_image", shape: [1, shape.channels, shape.height, shape.width], mean)
        let image = graph.node("Sub", ["pixels", meanImage], name: "centred")
        // The RBF of a robust network belongs to its outputs.
        var results: [String] = []
        // The convolution that each layer follows, after which its node is called.
        var products: [String?] = []
        for node in plan.graph.nodes.dropLast(plan.network.hybridLoss == nil ? 0 : 1) {
            let inputs = node.inputs.map { $0 < 0 ? image : results[$0] }
            let first = node.inputs.first ?? -1
            if case .convolution = node.operation {
                products.append(node.name)
            } else {
                products.append(first < 0 ? nil : products[first])
            }
            results.append(
                try add(node, of: plan, behind: products.last ?? nil, inputs: inputs, to: &graph))
        }
        var x = results.last ?? image
        x = graph.node("Flatten", [x], name: plan.network.hybridLoss == nil ? "logits" : "z", [("axis", .integer(1))])
        if plan.network.hybridLoss == nil {
            _ = graph.node("Softmax", [x], name: "confidence", [("axis", .integer(1))])
        } else {
            let square = graph.node("Mul", [x, x], name: "z_squared")
            let logits = graph.node("Neg", [square], name: "logits")
            _ = graph.node("Exp", [logits], name: "confidence")
        }
        return graph.model(
            name: header.dataset, inputs: [("pixels", [nil, shape.channels, shape.height, shape.width])],
            outputs: [("logits", [nil, plan.outputs]), ("confidence", [nil, plan.outputs])],
            version: header.productVersion, metadata: metadata)
    }

    /// What an exported network says of itself.
    var metadata: [(String, String)] {
        [
            ("dataset", header.dataset), ("dataset_digest", header.datasetDigest), ("classes", "\(header.classes)"),
            ("step", "\(header.step)"), ("variant", header.variant), ("network", header.network),
            ("training_digest", trainingDigest),
        ]
    }

    /// Appends a layer; returns the name of its result.
    private func add(
        _ node: NetworkGraph.Node, of plan: NetworkPlan, behind product: String?, inputs: [String],
        to graph: inout ONNXGraph
    ) throws -> String {
        func parameter(_ name: String, _ shape: [Int]) throws -> String {
            graph.tensor(
                "\(node.name).\(name)", shape: shape,
                try requireTensor(CheckpointLayout.parameter(node.name, name), shape: shape))
        }
        switch node.operation {
        case .convolution(let g, let hasBias, _):
            let weight = try parameter("weight", [g.filters, g.input.channels, g.kernelHeight, g.kernelWidth])
            let bias = hasBias ? [try parameter("bias", [g.filters])] : []
            return graph.node(
                "Conv", inputs + [weight] + bias, name: node.name,
                [
                    ("kernel_shape", .integers([g.kernelHeight, g.kernelWidth])),
                    ("strides", .integers([g.stride, g.stride])),
                    ("pads", .integers([g.padding, g.padding, g.padding, g.padding])),
                ])
        case .normalization:
            let parameters = try ["gamma", "beta", "running_mean", "running_variance"].map {
                try parameter($0, [node.shape.channels])
            }
            return graph.node(
                "BatchNormalization", inputs + parameters, name: node.name,
                [("epsilon", .real(Float(plan.network.stabilizer)))])
        case .affine(let scale, let shift):
            let scaled = graph.node(
                "Mul", inputs + [graph.channels("\(node.name)_scale", scale)], name: "\(node.name)_scaled")
            return graph.node("Add", [scaled, graph.channels("\(node.name)_shift", shift)], name: node.name)
        case .activation(let function):
            return function.add(
                behind: inputs[0], name: product.map { "\($0)_act" } ?? node.name, to: &graph)
        case .pooling(let pooling):
            // By default an average does not count cells outside the image.
            return graph.node(
                pooling.kind == .max ? "MaxPool" : "AveragePool", inputs,
                name: product.map { "\($0)_pool" } ?? node.name,
                [
                    ("kernel_shape", .integers([pooling.size, pooling.size])),
                    ("strides", .integers([pooling.stride, pooling.stride])),
                    ("pads", .integers([0, 0, pooling.padding, pooling.padding])),
                ])
        case .padding(let sides, _):
            let pads = [0, 0, sides.top, sides.left, 0, 0, sides.bottom, sides.right]
            return graph.node(
                "Pad", inputs + [graph.tensor("\(node.name)_sides", integers: pads)], name: node.name)
        // It changes nothing outside of training.
        case .dropout: return inputs[0]
        case .globalAverage: return graph.node("GlobalAveragePool", inputs, name: node.name)
        case .sum:
            return inputs.dropFirst().enumerated().reduce(inputs[0]) { sum, input in
                graph.node(
                    "Add", [sum, input.element],
                    name: input.offset + 2 == inputs.count ? node.name : "\(node.name)_\(input.offset + 1)")
            }
        case .concatenation: return graph.node("Concat", inputs, name: node.name, [("axis", .integer(1))])
        }
    }
}

extension ONNXGraph {
    /// Appends a number for each channel, or one for all; returns its name.
    fileprivate mutating func channels(_ name: String, _ values: [Float]) -> String {
        tensor(name, shape: [1, values.count, 1, 1], values)
    }
}

extension Activation {
    /// Appends the function; returns the name of its result.
    fileprivate func add(behind input: String, name: String, to graph: inout ONNXGraph) -> String {
        let constants = operations.map { operation in
            operation.constants.map {
                graph.tensor("\(name)_\($0.name)", shape: operation.constantShape, [$0.value])
            }
        }
        var x = input
        for (index, operation) in operations.enumerated() {
            let title = index == operations.count - 1 ? name : "\(name)_\(operation.suffix)"
            x = operation.add(behind: x, of: input, constants[index], name: title, to: &graph)
        }
        return x
    }
}

extension ElementaryOperation {
    /// The end of the name of a node that is not the function's last.
    fileprivate var suffix: String {
        switch self {
        case .relu: "relu"
        case .tanh: "tanh"
        case .leakyReLU: "leaky_relu"
        case .clip: "clip"
        case .hardSigmoid: "hard_sigmoid"
        case .timesInput: "product"
        case .sigmoid: "sigmoid"
        case .absolute: "size"
        case .negated: "exponent"
        case .square: "square"
        case .exponential: "exponential"
        case .oneMinus: "rest"
        }
    }

    /// The constants that the node takes, and the ends of their names.
    fileprivate var constants: [(name: String, value: Float)] {
        switch self {
        case .oneMinus: [("one", 1)]
        case .clip(let low, let high): [("low", low), ("high", high)]
        default: []
        }
    }

    /// The shape of its constants: Clip takes scalars.
    fileprivate var constantShape: [Int] {
        if case .clip = self { [] } else { [1] }
    }

    /// Appends the node; returns the name of its result.
    fileprivate func add(
        behind x: String, of input: String, _ constants: [String], name: String, to graph: inout ONNXGraph
    ) -> String {
        switch self {
        case .relu: graph.node("Relu", [x], name: name)
        case .sigmoid: graph.node("Sigmoid", [x], name: name)
        case .absolute: graph.node("Abs", [x], name: name)
        case .negated: graph.node("Neg", [x], name: name)
        case .square: graph.node("Mul", [x, x], name: name)
        case .exponential: graph.node("Exp", [x], name: name)
        case .oneMinus: graph.node("Sub", constants + [x], name: name)
        case .tanh: graph.node("Tanh", [x], name: name)
        case .leakyReLU(let slope): graph.node("LeakyRelu", [x], name: name, [("alpha", .real(slope))])
        case .clip: graph.node("Clip", [x] + constants, name: name)
        case .hardSigmoid(let slope, let offset):
            graph.node("HardSigmoid", [x], name: name, [("alpha", .real(slope)), ("beta", .real(offset))])
        case .timesInput: graph.node("Mul", [input, x], name: name)
        }
    }
}
