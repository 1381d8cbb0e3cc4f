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
        let nodes = plan.graph.nodes
        for node in nodes.dropLast(plan.network.hybridLoss == nil ? 0 : 1) {
            let first = node.inputs.first ?? -1
            if case .convolution = node.operation {
                products.append(node.name)
            } else {
                products.append(first < 0 ? nil : products[first])
            }
            let written = WrittenNode(
                node, inputs: node.inputs.map { $0 < 0 ? image : results[$0] },
                inputShapes: node.inputs.map { $0 < 0 ? shape : nodes[$0].shape }, product: products.last ?? nil,
                stabilizer: plan.network.stabilizer
            ) { name, shape in
                try requireTensor(CheckpointLayout.parameter(node.name, name), shape: shape)
            }
            results.append(try node.kind.write(written, to: &graph))
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

    /// The metadata of an exported network.
    var metadata: [(String, String)] {
        [
            ("dataset", header.dataset), ("dataset_digest", header.datasetDigest), ("classes", "\(header.classes)"),
            ("step", "\(header.step)"), ("variant", header.variant), ("network", header.network),
            ("training_digest", trainingDigest),
        ]
    }
}
