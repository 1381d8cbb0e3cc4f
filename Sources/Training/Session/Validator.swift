import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks
import Recipes
import Robustness

/// Errors on the validation images, as shares.
struct ValidationErrors: Equatable {
    /// As they are.
    let clean: Double
    /// Under the recipe's attack, where it names one.
    let attacked: Double?
}

/// Counts the errors of the current parameters on this rank's share of the validation split.
struct Validator {
    private let images: ImageSet
    private let meanImage: [Float]
    private let classifier: Classifier
    private let attack: ValidationAssault?

    /// - Throws: `Failure` 64 where the recipe's attack cannot be made, or makes no images with a label.
    init(_ model: Model, images: ImageSet, meanImage: [Float], recipe: Recipe) throws {
        self.images = images
        self.meanImage = meanImage
        classifier = Classifier(model)
        attack = try recipe.validationAttack.map {
            try ValidationAssault($0, Victim(model, meanImage: meanImage, seed: recipe.seed))
        }
    }

    /// The images whose winning output is not their label, and those on which the attack succeeds. Local.
    func countErrors() throws -> (clean: Int, attacked: Int?) {
        let plan = classifier.plan
        var (errors, attacked) = (0, 0)
        for start in stride(from: 0, to: images.count, by: classifier.groupSize) {
            Progress.beat()
            let group = start..<min(start + classifier.groupSize, images.count)
            let outputs = try classifier.outputs(images: group.count) { load(group, into: $0) }
            for slot in group {
                let winner = plan.network.loss.winner(outputs + (slot - start) * plan.outputs, outputs: plan.outputs)
                errors += winner == Int(images.labels[slot]) ? 0 : 1
            }
            if let attack { attacked += try attack.countErrors(images, group, load: load) }
        }
        return (errors, attack.map { _ in attacked })
    }

    private func load(_ group: Range<Int>, into pixels: UnsafeMutablePointer<Float>) {
        meanImage.withUnsafeBufferPointer { mean in
            guard let mean = mean.baseAddress else { return }
            for slot in group {
                images.fill(slot, minus: mean, into: pixels + (slot - group.lowerBound) * images.shape.count)
            }
        }
    }
}

/// The attack on the validation images, with the network as it is.
private struct ValidationAssault {
    private let strength: Double
    private let victim: Victim
    private let suite: AttackSuite
    private let pixels: Buffer<Float>
    private let perturbed: Buffer<Float>
    private let labels: Buffer<Int32>

    init(_ settings: ValidationAttack, _ victim: Victim) throws {
        let specification = try AttackSpecification(settings.attack)
        suite = try AttackCatalogue.attack(specification, AttackContext(victim))
        guard !suite.isNonsense, !suite.needsWholeGroups else {
            throw Failure(
                .usage,
                "validation_attack.attack is '\(settings.attack)': name an attack on single images, as in pgd:steps=20")
        }
        strength = settings.strength
        self.victim = victim
        let count = Victim.groupSize * victim.plan.network.input.count
        (pixels, perturbed, labels) = (Buffer(count), Buffer(count), Buffer(Victim.groupSize))
    }

    /// The images of the group on which any part of the attack succeeds.
    func countErrors(
        _ images: ImageSet, _ group: Range<Int>, load: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) throws -> Int {
        load(group, pixels.pointer)
        for slot in group { labels.pointer[slot - group.lowerBound] = Int32(images.labels[slot]) }
        let samples = SampleGroup(
            count: group.count, indices: images.indices[group], labels: labels.pointer, pixels: pixels.pointer)
        let outputs = victim.plan.outputs
        var left = Array(0..<group.count)
        for part in suite.parts where !left.isEmpty {
            try part.attack.begin(samples)
            try part.attack.perturb(left, strength: strength, into: perturbed.pointer)
            let z = try victim.outputs(left, of: perturbed.pointer)
            left = left.enumerated().filter { place, row in
                victim.plan.network.loss.winner(z + place * outputs, outputs: outputs) == Int(labels.pointer[row])
            }.map(\.element)
        }
        return group.count - left.count
    }
}
