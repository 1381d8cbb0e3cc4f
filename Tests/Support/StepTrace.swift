import Foundation
import Kernels
import Networks

/// Two training steps and an evaluation as PyTorch recorded them in double precision; schema, streams and rules of
/// comparison are those of `Tests/Peers/step_trace.py`.
package struct StepTrace: Decodable {
    package struct Tensor: Decodable {
        package let shape: [Int]
        package let offset: Float
        package let scale: Float
        /// Images only: the side of the squares that share a number.
        package let block: Int?
        /// Images only: whole numbers, the same in all steps; their mean image is subtracted.
        package let whole: Bool?
    }
    package struct Parameter: Decodable {
        package let name: String
        package let rateFactor: Float
        package let weightDecay: Float
        package let tensor: Tensor

        enum CodingKeys: String, CodingKey {
            case name
            case rateFactor = "rate_factor"
            case weightDecay = "weight_decay"
        }

        package init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            name = try values.decode(String.self, forKey: .name)
            rateFactor = try values.decodeIfPresent(Float.self, forKey: .rateFactor) ?? 1
            weightDecay = try values.decodeIfPresent(Float.self, forKey: .weightDecay) ?? 0
            tensor = try Tensor(from: decoder)
        }
    }
    package struct Record: Decodable {
        package let shape: [Int]
        let l2: Double
        package let magnitude: Double
        package let stride: Int
        package let samples: [Double]
        package let projections: [Double]
    }
    package struct Pass: Decodable {
        package let labels: [Int]
        package let loss: Double
        package let values: [[Double]]
        package let outputs: [[Double]]
        package let errors: Int
        package let imageGradient: Record
        package let gradients: [String: Record]?
        package let velocities: [String: Record]?
        package let firstMoments, secondMoments: [String: Record]?
        package let parameters: [String: Record]?
        package let moments: [String: Record]?

        enum CodingKeys: String, CodingKey {
            case labels, loss, values, outputs, errors, gradients, velocities, parameters, moments
            case imageGradient = "image_gradient"
            case firstMoments = "first_moments"
            case secondMoments = "second_moments"
        }
    }
    package struct Optimizer: Decodable {
        package let kind: String
        package let beta1, beta2, epsilon: Double?
    }

    package let stream: String
    package let dataset: String
    package let activation: String
    package let loss: String
    package let alpha: [Double]?
    package let power: Double
    package let tolerance: Double
    package let stabilizer: Double
    package let momentRate: Float
    package let momentum: Float
    package let learningRate: Float
    /// Of a residual network.
    package let depth: Int?
    /// PyTorch's own optimiser, in place of momentum.
    package let optimizer: Optimizer?
    package let batch: Int
    package let outputs: Int
    package let layers: [String]
    package let parameters: [Parameter]
    package let moments: [Parameter]
    package let images: Tensor
    package let steps: [Pass]
    package let evaluation: Pass

    enum CodingKeys: String, CodingKey {
        case stream, dataset, activation, loss, stabilizer, momentum, depth, optimizer, batch, outputs, layers,
            parameters, moments, images
        case steps, evaluation
        case alpha = "loss_weights"
        case power = "loss_power"
        case tolerance = "loss_tolerance"
        case momentRate = "moment_rate"
        case learningRate = "learning_rate"
    }

    /// The folder of the recorded traces.
    package static let folder = URL(fileURLWithPath: packageFolder).appendingPathComponent("Tests/Peers/traces")

    /// The recorded cases.
    package static let cases = [
        "mnist-plain", "mnist-mrelu", "mnist-rbf", "cifar10-plain", "cifar10-mrelu", "cifar10-rbf", "cifar10-rbf-exact",
        "cifar10-resnet20",
    ]

    package static func load(_ name: String) throws -> StepTrace {
        let data = try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
        // Some of the numbers are denormal.
        return try Denormals.kept { try JSONDecoder().decode(StepTrace.self, from: data) }
    }

    /// The numbers of a stream, in [-1, 1).
    package func numbers(_ name: String, _ count: Int) -> [Float] {
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(stream)/\(name)".utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return (0..<count).map { _ in
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            z ^= z >> 31
            return Float(z >> 40) * 0x1p-23 - 1
        }
    }

    /// The elements of a tensor that goes in.
    package func elements(_ name: String, _ tensor: Tensor) -> [Float] {
        numbers(name, tensor.shape.reduce(1, *)).map { f in
            let product = tensor.scale * f
            return tensor.offset + product
        }
    }

    /// The images of a step, NCHW.
    package func images(step: Int) -> [Float] {
        let (block, shape) = (images.block ?? 1, images.shape)
        let (rows, columns) = (shape[2] / block, shape[3] / block)
        let small = Tensor(
            shape: [shape[0], shape[1], rows, columns], offset: images.offset, scale: images.scale, block: 1,
            whole: nil)
        let isWhole = images.whole == true
        let numbers = elements("step\(isWhole ? 1 : step)/images", small).map { isWhole ? $0.rounded(.down) : $0 }
        return (0..<shape.reduce(1, *)).map { i in
            let (plane, y, x) = (i / (shape[2] * shape[3]), i / shape[3] % shape[2], i % shape[3])
            return numbers[(plane * rows + y / block) * columns + x / block]
        }
    }

    /// The plain network that the case's is made of.
    package var plainNetwork: Network {
        let input = ImageShape(height: images.shape[2], width: images.shape[3], channels: images.shape[1])
        if let depth { return .resNet(depth: depth, input: input, classes: 10) }
        return dataset == "mnist"
            ? .plainMNIST(.released, input: input, classes: 10) : .plainCIFAR10(.released, input: input, classes: 10)
    }

    /// The case's network, built as a recipe would.
    package var network: Network {
        var network = plainNetwork.withNonsenseOutputs(outputs - 10)
        if let alpha, let function = Activation(rawValue: activation) {
            let loss = HybridLoss(alpha: alpha, p: power, tolerance: loss == "hybrid" ? tolerance : nil)
            network = network.robust(function, loss: loss)
        }
        network.stabilizer = stabilizer
        return network
    }
}

extension StepTrace {
    /// Writes the weights and moments that the case starts from into a replica of its network.
    package func start(_ model: Model) {
        for parameter in parameters {
            guard let entry = model.layout.entries.first(where: { $0.name == parameter.name }) else {
                preconditionFailure("the network has no \(parameter.name)")
            }
            entry.write(elements(parameter.name, parameter.tensor), to: model.parameters.pointer)
        }
        for moment in moments {
            let values = elements(moment.name, moment.tensor)
            for layout in model.layout.moments where moment.name.hasPrefix(layout.name + "/") {
                let offset = layout.offset + (moment.name.hasSuffix("running_mean") ? 0 : layout.channels)
                (model.moments.pointer + offset).update(from: values, count: layout.channels)
            }
        }
    }

    /// The worst deviation of a tensor from its record, as a multiple of the tolerance by the rules.
    package func deviation(_ actual: [Float], from record: Record, _ name: String, tolerance: Double) -> Double {
        guard actual.count == record.shape.reduce(1, *), actual.allSatisfy(\.isFinite) else { return .infinity }
        var worst = 0.0
        for (i, sample) in record.samples.enumerated() {
            worst = max(worst, abs(Double(actual[i * record.stride]) - sample) / max(abs(sample), record.magnitude))
        }
        let size = record.magnitude * Double(actual.count).squareRoot()
        let l2 = actual.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        worst = max(worst, abs(l2 - record.l2) / size)
        for (index, projection) in record.projections.enumerated() {
            let numbers = numbers("projection\(index + 1)/\(name)", actual.count)
            let product = zip(actual, numbers).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            worst = max(worst, abs(product - projection) / size)
        }
        return worst / tolerance
    }
}
