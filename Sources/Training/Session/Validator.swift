import Datasets
import Essentials
import MessagePassing
import Networks
import Recipes
import Robustness

/// Errors on the validation images, as shares.
struct ValidationErrors: Equatable {
    /// The error without an attack.
    let clean: Double
    /// The error under the recipe's attack, where it names one.
    let attacked: Double?

    /// The error that decides which network is best.
    var deciding: Double { attacked ?? clean }
}

/// Counts the errors of the current parameters on this rank's share of the validation split.
struct Validator {
    private let images: ImageSet
    /// The images of the whole split.
    private let count: Int
    private let clean: AttackSuite
    private let attack: (suite: AttackSuite, strength: Double)?
    private let groups: SampleGroups
    private let judge: GroupAttack
    /// Reasons why the attack may find less than there is, a sentence each.
    let warnings: [String]

    /// - Throws: `Failure` 64 where the recipe's attack cannot be made, or makes no images with a label.
    init(_ model: Model, images: ImageSet, of count: Int, meanImage: [Float], recipe: Recipe) throws {
        self.images = images
        self.count = count
        let target = TargetModel(
            model, meanImage: meanImage, seed: recipe.seed, gradients: recipe.validationAttack != nil)
        clean = AttackSuite(CleanSamples(target))
        var warnings: [String] = []
        attack = try recipe.validationAttack.map { settings in
            let parts = try AttackSpecification.list(settings.attack).flatMap { specification in
                let suite = try AttackCatalogue.attack(specification, AttackContext(target))
                guard !suite.isNonsense, !suite.needsWholeGroups else {
                    throw Failure(
                        .usage,
                        "validation_attack.attack is '\(specification.verbatim)': name attacks on single images, as in "
                            + "pgd:steps=20")
                }
                warnings += suite.warnings([settings.strength]).map {
                    "validation_attack.attack, '\(specification.verbatim)': \($0)"
                }
                return suite.parts.map { (name: "\(specification.verbatim) \($0.name)", attack: $0.attack) }
            }
            return (AttackSuite(parts, sparesTheBroken: true), settings.strength)
        }
        self.warnings = warnings
        groups = SampleGroups(images, for: target)
        judge = GroupAttack(target)
    }

    /// The errors on the whole split. Collective: every rank of the communicator calls this.
    func errors(by communicator: Communicator) throws -> ValidationErrors {
        let own = try Progress.during(.validating) { try communicator.agree { try countErrors() } }
        let clean = try communicator.allReduce(Int64(own.clean), .sum)
        let attacked = try communicator.allReduce(Int64(own.attacked ?? 0), .sum)
        return ValidationErrors(
            clean: Double(clean) / Double(count), attacked: own.attacked.map { _ in Double(attacked) / Double(count) })
    }

    /// The seconds that the whole split takes, reckoned from its first group of images. Collective: every rank of the
    /// communicator calls this.
    func time(by communicator: Communicator) throws -> Double {
        let start = ContinuousClock.now
        let first = min(images.count, TargetModel.groupSize)
        let own = try communicator.agree { () throws -> Double in
            _ = try countErrors(of: 0..<first)
            return first == 0 ? 0 : seconds(since: start) * Double(images.count) / Double(first)
        }
        return try communicator.allReduce(own, .max)
    }

    /// The images whose winning output is not their label, and those on which any attack succeeds. Local.
    func countErrors() throws -> (clean: Int, attacked: Int?) { try countErrors(of: 0..<images.count) }

    private func countErrors(of range: Range<Int>) throws -> (clean: Int, attacked: Int?) {
        var (errors, attacked) = (0, 0)
        try groups.forEach(in: range) { _, group in
            Progress.beat()
            try judge.run(clean, on: group, strengths: [0]) { errors += $0.isBroken ? 1 : 0 }
            guard let attack else { return }
            try judge.run(attack.suite, on: group, strengths: [attack.strength], sparesTheBroken: true) {
                attacked += $0.isBroken ? 1 : 0
            }
        }
        return (errors, attack.map { _ in attacked })
    }
}
