import Checkpoints
import Essentials
import Kernels
import Networks

extension Checkpoint {
    /// The network in evaluation mode as an ONNX model, from images to judgements.
    ///
    /// Input `pixels`: float32 [images, channels, height, width] in 0...255; the mean image is subtracted inside. Outputs:
    /// `logits` [images, outputs], those of a robust network being -z^2, so that softmax(logits) = y / sum(y); and
    /// `confidence` [images, outputs], the softmax of a plain network and y = exp(-z^2) of a robust one. Outputs behind the
    /// classes stand for nonsense.
    ///
    /// - Throws: `Failure` 65 where the checkpoint holds no network that fits together.
    public func onnx() throws -> [UInt8] {
        let plan = try NetworkPlan(try network())
        let shape = plan.network.input
        var graph = ONNXGraph()
        let mean = try requireTensor(CheckpointLayout.meanImage, shape: [shape.channels, shape.height, shape.width])
        let meanImage = graph.tensor("mean_image", shape: [1, shape.channels, shape.height, shape.width], mean)
        var x = graph.node("Sub", ["pixels", meanImage], name: "centred")
        for block in plan.blocks {
            x = try add(block, stabilizer: plan.network.stabilizer, behind: x, to: &graph)
        }
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

    private func add(
        _ block: NetworkPlan.Block, stabilizer: Double, behind input: String, to graph: inout ONNXGraph
    ) throws -> String {
        let g = block.convolution
        func parameter(_ group: String, _ name: String, _ shape: [Int]) throws -> String {
            graph.tensor(
                "\(group).\(name)", shape: shape,
                try requireTensor(CheckpointLayout.parameter(group, name), shape: shape))
        }
        let weight = try parameter(
            block.name, "weight", [g.filters, g.input.channels, g.kernelHeight, g.kernelWidth])
        let bias = try parameter(block.name, "bias", [g.filters])
        var x = graph.node(
            "Conv", [input, weight, bias], name: block.name,
            [
                ("kernel_shape", .integers([g.kernelHeight, g.kernelWidth])),
                ("strides", .integers([g.stride, g.stride])),
                ("pads", .integers([g.padding, g.padding, g.padding, g.padding])),
            ])
        if let norm = block.normalization {
            let parameters = try ["gamma", "beta", "running_mean", "running_variance"].map {
                try parameter(norm, $0, [g.filters])
            }
            x = graph.node(
                "BatchNormalization", [x] + parameters, name: norm, [("epsilon", .real(Float(stabilizer)))])
        }
        x = block.activation.add(behind: x, name: "\(block.name)_act", to: &graph)
        for layer in block.tail {
            switch layer {
            case .activation(let activation, _):
                x = activation.add(behind: x, name: "\(block.name)_act", to: &graph)
            case .pooling(let pooling):
                let isMax = pooling.kind == .max
                // By default an average does not count cells outside the image.
                x = graph.node(
                    isMax ? "MaxPool" : "AveragePool", [x], name: "\(block.name)_pool",
                    [
                        ("kernel_shape", .integers([pooling.size, pooling.size])),
                        ("strides", .integers([pooling.stride, pooling.stride])),
                        ("pads", .integers([0, 0, pooling.padding, pooling.padding])),
                    ])
            }
        }
        return x
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
