import Foundation
import HDF5Files
import Kernels
import Networks
import TestSupport

/// Two training steps and an evaluation as PyTorch recorded them in double precision; schema, streams and rules of
/// comparison are those of `Tests/Peers/step_trace.py`.
struct StepTrace: Decodable {
    struct Tensor: Decodable {
        let shape: [Int]
        let offset: Float
        let scale: Float
        /// Images only: the side of the squares that share a number.
        let block: Int?
    }
    struct Parameter: Decodable {
        let name: String
        let rateFactor: Float
        let weightDecay: Float
        let tensor: Tensor

        enum CodingKeys: String, CodingKey {
            case name
            case rateFactor = "rate_factor"
            case weightDecay = "weight_decay"
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            name = try values.decode(String.self, forKey: .name)
            rateFactor = try values.decodeIfPresent(Float.self, forKey: .rateFactor) ?? 1
            weightDecay = try values.decodeIfPresent(Float.self, forKey: .weightDecay) ?? 0
            tensor = try Tensor(from: decoder)
        }
    }
    struct Record: Decodable {
        let shape: [Int]
        let l2: Double
        let magnitude: Double
        let stride: Int
        let samples: [Double]
        let projections: [Double]
    }
    struct Pass: Decodable {
        let labels: [Int]
        let loss: Double
        let values: [[Double]]
        let outputs: [[Double]]
        let errors: Int
        let imageGradient: Record
        let gradients: [String: Record]?
        let velocities: [String: Record]?
        let parameters: [String: Record]?
        let moments: [String: Record]?

        enum CodingKeys: String, CodingKey {
            case labels, loss, values, outputs, errors, gradients, velocities, parameters, moments
            case imageGradient = "image_gradient"
        }
    }

    let stream: String
    let dataset: String
    let activation: String
    let loss: String
    let alpha: [Double]?
    let power: Double
    let tolerance: Double
    let stabilizer: Double
    let momentRate: Float
    let momentum: Float
    let learningRate: Float
    let batch: Int
    let outputs: Int
    let layers: [String]
    let parameters: [Parameter]
    let moments: [Parameter]
    let images: Tensor
    let steps: [Pass]
    let evaluation: Pass

    enum CodingKeys: String, CodingKey {
        case stream, dataset, activation, loss, stabilizer, momentum, batch, outputs, layers, parameters, moments,
            images
        case steps, evaluation
        case alpha = "loss_weights"
        case power = "loss_power"
        case tolerance = "loss_tolerance"
        case momentRate = "moment_rate"
        case learningRate = "learning_rate"
    }

    /// The folder of the recorded traces.
    static let folder = URL(fileURLWithPath: packageFolder).appendingPathComponent("Tests/Peers/traces")

    /// The recorded cases.
    static let cases = [
        "mnist-plain", "mnist-mrelu", "mnist-rbf", "cifar10-plain", "cifar10-mrelu", "cifar10-rbf", "cifar10-rbf-exact",
    ]

    static func load(_ name: String) throws -> StepTrace {
        let data = try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
        // Some of the numbers are denormal.
        return try Denormals.kept { try JSONDecoder().decode(StepTrace.self, from: data) }
    }

    /// The numbers of a stream, in [-1, 1).
    func numbers(_ name: String, _ count: Int) -> [Float] {
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
    func elements(_ name: String, _ tensor: Tensor) -> [Float] {
        numbers(name, tensor.shape.reduce(1, *)).map { f in
            let product = tensor.scale * f
            return tensor.offset + product
        }
    }

    /// The images of a step, NCHW.
    func images(step: Int) -> [Float] {
        let (block, shape) = (images.block ?? 1, images.shape)
        let (rows, columns) = (shape[2] / block, shape[3] / block)
        let small = Tensor(
            shape: [shape[0], shape[1], rows, columns], offset: images.offset, scale: images.scale, block: 1)
        let numbers = elements("step\(step)/images", small)
        return (0..<shape.reduce(1, *)).map { i in
            let (plane, y, x) = (i / (shape[2] * shape[3]), i / shape[3] % shape[2], i % shape[3])
            return numbers[(plane * rows + y / block) * columns + x / block]
        }
    }

    /// The case's network, built as a recipe would.
    var network: Network {
        let nonsense = outputs - 10
        let plain =
            dataset == "mnist"
            ? Network.plainMNIST(.released, input: ImageShape(height: 28, width: 28, channels: 1), classes: 10)
            : Network.plainCIFAR10(.released, input: ImageShape(height: 32, width: 32, channels: 3), classes: 10)
        var network = plain.withNonsenseOutputs(nonsense)
        if let alpha, let function = Activation(rawValue: activation) {
            let loss = HybridLoss(alpha: alpha, p: power, tolerance: loss == "hybrid" ? tolerance : nil)
            network = network.robust(function, loss: loss)
        }
        network.stabilizer = stabilizer
        return network
    }
}
