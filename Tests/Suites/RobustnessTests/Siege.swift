import Kernels
import Networks
import Robustness
import TestSupport

/// A small network of random weights and some images, random or of blobs, labelled as the network sees them, to be
/// attacked in this process.
final class Siege {
    let target: TargetModel
    let count: Int
    let labels: Buffer<Int32>
    let pixels: Buffer<Float>
    private let indices: [Int32]

    var size: Int { target.plan.network.input.count }

    init(_ network: Network = SmallNetworks.plain, count: Int = 12, stream: Int = 3, blobs: Bool = false) throws {
        let model = Model(try NetworkPlan(network))
        model.randomize(stream)
        // Inputs are hundreds here: weights of the first layer that suit them.
        if let first = model.layout.entries.first(where: { $0.name == "conv1/weight" }) {
            for i in 0..<first.count { model.parameters.pointer[first.offset + i] /= 60 }
        }
        let size = network.input.count
        target = TargetModel(model, meanImage: [Float](repeating: 120, count: size), seed: 5)
        self.count = count
        indices = (0..<Int32(count)).map { 10 * $0 + 3 }
        pixels = Buffer(count * size)
        labels = Buffer(count)
        var random = Philox(seed: UInt64(stream), purpose: .test)
        for i in 0..<count * size { pixels.pointer[i] = 255 * random.uniform() - 120 }
        if blobs { drawBlobs() }
        let z = try target.outputs(Array(0..<count), of: pixels.pointer)
        for row in 0..<count {
            labels.pointer[row] = Int32(
                target.plan.network.loss.winner(z + row * target.plan.outputs, outputs: network.classes))
        }
    }

    /// A bright ellipse off the middle of each image, with a little of the noise.
    private func drawBlobs() {
        let shape = target.plan.network.input
        for i in 0..<count * size {
            let place = i % size / shape.channels
            let (y, x) = (place / shape.width - shape.height / 2 + 2, place % shape.width - shape.width / 2)
            let level: Float = 3 * y * y + x * x < 30 ? 200 : 40
            pixels.pointer[i] = level - 120 + 0.1 * pixels.pointer[i]
        }
    }

    func suite(_ attack: String, others: [(name: String, target: TargetModel)] = []) throws -> AttackSuite {
        try AttackCatalogue.attack(try AttackSpecification(attack), AttackContext(target, others: others))
    }

    /// The images that the first part of an attack makes of some rows, by row; the others as they were.
    func run(
        _ attack: String, strength: Double, rows: [Int]? = nil, part: Int = 0,
        others: [(name: String, target: TargetModel)] = []
    ) throws -> [[Float]] {
        let attack = try suite(attack, others: others).parts[part].attack
        let perturbed = Buffer(pixels.elements)
        try attack.begin(
            SampleGroup(count: count, indices: indices[...], labels: labels.pointer, pixels: pixels.pointer))
        try attack.perturb(rows ?? Array(0..<count), strength: strength, into: perturbed.pointer)
        return (0..<count).map { Array(perturbed.elements[$0 * size..<($0 + 1) * size]) }
    }

    /// The result of an attack on one sample that is alone in its group.
    func runAlone(_ attack: String, strength: Double, row: Int, part: Int = 0) throws -> [Float] {
        let attack = try suite(attack).parts[part].attack
        let (own, label) = (Buffer(image(row)), Buffer([labels.pointer[row]]))
        let perturbed = Buffer(own.elements)
        try attack.begin(
            SampleGroup(count: 1, indices: indices[row...row], labels: label.pointer, pixels: own.pointer))
        try attack.perturb([0], strength: strength, into: perturbed.pointer)
        return perturbed.elements
    }

    func image(_ row: Int) -> [Float] { Array(pixels.elements[row * size..<(row + 1) * size]) }

    /// The rows whose winning output is not their label.
    func broken(_ images: [[Float]]) throws -> [Int] {
        let all = Buffer(images.flatMap { $0 })
        let z = try target.outputs(Array(0..<count), of: all.pointer)
        return (0..<count).filter {
            target.plan.network.loss.winner(z + $0 * target.plan.outputs, outputs: target.plan.outputs)
                != Int(labels.pointer[$0])
        }
    }
}
