import Datasets
import Essentials
import MessagePassing
import Networks

extension Recipe {
    /// The recipe as YAML: every value, always in this order. `parse(yaml:)` of it gives an equal recipe.
    public var yaml: String { node.yaml() }

    /// The SHA-256, in hexadecimal, of all values that change the result.
    public var digest: String {
        let digest = Essentials.Digest()
        digest.update(decisive.yaml())
        return digest.finish().hexadecimal
    }

    /// The dotted keys, in the order of `yaml`, whose values differ from another recipe's and would change the result of
    /// its run; `data_directory`, `max_steps`, `balance`, `data_sharing`, `overlap`, `stall_timeout`, `audit`, `checkpoint` and
    /// `evaluation` never do.
    public func changesResult(comparedTo old: Recipe) -> [String] {
        decisive.differences(from: old.decisive)
    }

    private var decisive: RecipeNode {
        let free = [
            "data_directory", "max_steps", "balance", "data_sharing", "overlap", "stall_timeout", "audit", "checkpoint",
            "evaluation",
        ]
        return .mapping((node.entries ?? []).filter { !free.contains($0.key) })
    }

    /// What does not change the result, and yet has to be the same on all ranks: by it they know what comes next.
    package var teamwork: [(name: String, value: String)] {
        [
            ("max_steps", maxSteps.map(String.init) ?? "none"), ("balance", balance.rawValue),
            ("data_sharing", dataSharing.rawValue), ("overlap", overlap.rawValue), ("audit", "\(audit)"),
            ("checkpoint.every_steps", checkpoint.everySteps.map(String.init) ?? "none"),
        ]
    }

    var node: RecipeNode {
        func optional<Value>(_ value: Value?, _ node: (Value) -> RecipeNode) -> RecipeNode { value.map(node) ?? .null }
        func number(_ value: Int?) -> RecipeNode { value.map { .number($0) } ?? .null }
        return .mapping([
            ("dataset", .text(dataset)), ("data_directory", optional(dataDirectory, RecipeNode.text)),
            ("variant", .word(variant.rawValue)),
            (
                "network",
                .mapping([
                    ("architecture", .word(network.architecture.rawValue)),
                    ("activation", .word(network.activation.rawValue)),
                    ("layers", optional(network.layers) { .list($0.map(Recipe.node)) }),
                ])
            ),
            ("loss", .mapping([("alpha", .list(loss.alpha.map { .number($0) })), ("p", .number(loss.p))])),
            ("epochs", .number(epochs)), ("max_steps", number(maxSteps)), ("batch", .number(batch)),
            ("accumulation", .number(accumulation)), ("lanes", .number(lanes)), ("seed", .number(seed)),
            ("reduction", .word(reduction.rawValue)), ("learning_rate", .number(learningRate)),
            ("reference_batch", number(scaling.referenceBatch)),
            (
                "schedule",
                .mapping([
                    ("kind", .word(schedule.kind.rawValue)), ("epochs", .list(schedule.epochs.map { .number($0) })),
                    ("factor", .number(schedule.factor)), ("warmup_epochs", .number(schedule.warmupEpochs)),
                    ("floor", .number(schedule.floor)),
                ])
            ),
            ("momentum", .number(momentum)), ("weight_decay", .number(weightDecay)), ("layer_rates", layerRatesNode),
            ("gradient_clipping", optional(gradientClipping) { .number($0) }),
            ("mean_image", .word(meanImage.rawValue)), ("mirroring", .word(mirroring.rawValue)),
            ("shift", .number(shift)), ("precise_moments", .number(preciseMoments)),
            ("random_training", optional(randomTraining, Recipe.node)),
            ("mean_training", optional(meanTraining, Recipe.node)),
            ("adversarial_training", optional(adversarialTraining, Recipe.node)), ("validation", .number(validation)),
            ("validation_attack", optional(validationAttack, Recipe.node)), ("early_stopping", number(earlyStopping)),
            ("balance", .word(balance.rawValue)), ("data_sharing", .word(dataSharing.rawValue)),
            ("overlap", .word(overlap.rawValue)),
            ("stall_timeout", .number(stallTimeout)), ("audit", .number(audit)),
            (
                "checkpoint",
                .mapping([
                    ("every_steps", number(checkpoint.everySteps)), ("keep", .number(checkpoint.keep)),
                ])
            ),
            ("evaluation", optional(evaluation, Recipe.node)),
        ])
    }

    var layerRatesNode: RecipeNode {
        .mapping(layerRates.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
    }

    private static func node(of training: RandomTraining) -> RecipeNode {
        .mapping([
            ("distribution", .word(training.distribution.rawValue)), ("amplitude", .number(training.amplitude)),
            ("spread", .number(training.spread)), ("probability", .number(training.probability)),
            ("scope", .word(training.scope.rawValue)),
            ("redraw", .word(training.redraw ? "true" : "false")),
        ])
    }

    private static func node(of training: MeanTraining) -> RecipeNode {
        .mapping([
            ("samples", .number(training.samples)), ("scale", .number(training.scale)),
            ("noise_samples", .number(training.noiseSamples)), ("noise_deviation", .number(training.noiseDeviation)),
            ("noise_spread", .number(training.noiseSpread)),
            ("noise_mean_spread", .number(training.noiseMeanSpread)),
            ("redraw", .word(training.redraw ? "true" : "false")),
        ])
    }

    private static func node(of training: AdversarialTraining) -> RecipeNode {
        .mapping([
            ("method", .word(training.method.rawValue)), ("strength", .number(training.strength)),
            ("spread", .number(training.spread)), ("share", .number(training.share)),
            ("nonsense_strength", .number(training.nonsenseStrength)),
            ("nonsense_share", .number(training.nonsenseShare)),
            ("steps", .number(training.steps)), ("step_size", .number(training.stepSize)),
            ("step_decay", .word(training.stepDecay.rawValue)), ("beta", .number(training.beta)),
            ("batch_norm", .word(training.batchNorm.rawValue)), ("ramp_epochs", .number(training.rampEpochs)),
        ])
    }

    private static func node(of validation: ValidationAttack) -> RecipeNode {
        .mapping([("attack", .text(validation.attack)), ("strength", .number(validation.strength))])
    }

    private static func node(of evaluation: EvaluationRecipe) -> RecipeNode {
        .mapping([
            ("attacks", .list(evaluation.attacks.map { .text($0) })),
            ("strengths", evaluation.strengths.map { .list($0.map { .number($0) }) } ?? .null),
            ("samples", evaluation.samples.map { .number($0) } ?? .null),
        ])
    }
}

extension RecipeNode {
    /// The dotted keys whose values differ; a section that only one of the two has counts as one key.
    fileprivate func differences(from other: RecipeNode, prefix: String = "") -> [String] {
        let mine = entries ?? []
        let gone = (other.entries ?? []).map(\.key).filter { self[$0] == nil }
        let changed = mine.flatMap { key, value -> [String] in
            guard let old = other[key] else { return [prefix + key] }
            if value.entries != nil, old.entries != nil {
                return value.differences(from: old, prefix: "\(prefix)\(key).")
            }
            return value.flow == old.flow ? [] : [prefix + key]
        }
        return changed + gone.map { prefix + $0 }
    }
}
