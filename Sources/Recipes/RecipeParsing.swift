import Datasets
import Essentials
import Kernels
import Lanes
import MessagePassing
import Networks

extension Recipe {
    /// Reads a recipe: built-in defaults, which depend on the data set, the architecture, the activation and the variant;
    /// over them the text; over that the overrides, in order.
    ///
    /// - Parameters:
    ///   - yaml: at most 1 MiB, without aliases.
    ///   - overrides: `key=value`, the key dotted, the value YAML: `schedule.kind=step`, `random_training={amplitude: 0.3}`.
    ///   - source: what sentences call the text, a path.
    /// - Throws: `Failure` 64 in one sentence: no YAML, an unknown key (with the nearest one), a value of the wrong type or
    ///   out of range (with what is allowed). It names the source or the override.
    public static func parse(yaml: String, overrides: [String] = [], source: String = "recipe") throws -> Recipe {
        try resolve(try RecipeNode(yaml: yaml, origin: source), overrides: overrides, source: source)
    }

    static func resolve(_ file: RecipeNode, overrides: [String], source: String) throws -> Recipe {
        guard file.isNull || file.entries != nil else {
            throw Failure(.usage, "\(source): a recipe is a mapping of keys to values")
        }
        let layers = try [file.isNull ? .mapping([]) : file] + overrides.map(override)
        let schema = complete.node
        for layer in layers { try layer.checkKeys(against: schema) }
        let said = merge(layers)
        let defaults = try selectDefaults(said, source: source)
        // The file's layer rates replace the built-in ones, so that they can be left out; an override adds to them.
        var base = layers[0].named("schedule", as: "kind")
        if base["layer_rates"] == nil { base = base.overlaid(by: .mapping([("layer_rates", defaults.layerRatesNode)])) }
        return try read(
            RecipeSection(node: merge([base] + layers.dropFirst()), path: "", source: source), defaults: defaults)
    }

    private static func merge(_ layers: [RecipeNode]) -> RecipeNode {
        layers.dropFirst().reduce(layers[0]) { $0.overlaid(by: $1.named("schedule", as: "kind")) }
    }

    /// `a.b=c` as the mapping a: {b: c}.
    private static func override(_ text: String) throws -> RecipeNode {
        let origin = "--set \(shortened(text))"
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let keys = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, keys.count <= 8, !keys.contains("") else {
            throw Failure(.usage, "\(origin): write it as key=value, as in --set checkpoint.keep=5")
        }
        let value = try RecipeNode(yaml: String(parts[1]), origin: origin)
        return keys.reversed().reduce(value) { RecipeNode(content: .mapping([($1, $0)]), origin: origin) }
    }

    private static func selectDefaults(_ said: RecipeNode, source: String) throws -> Recipe {
        let root = RecipeSection(node: said, path: "", source: source)
        guard let dataset = try root.text("dataset") else {
            throw Failure(.usage, "\(source): no data set; add 'dataset: mnist', cifar10, glyphs or another one")
        }
        let network = try root.section("network")
        let implied = defaults(dataset: dataset).network.architecture
        return defaults(
            dataset: dataset,
            architecture: try network.choice("architecture", among: Architecture.allCases, default: implied),
            activation: try network.choice("activation", among: NetworkActivation.allCases, default: .plain),
            variant: try root.choice("variant", among: Variant.allCases, default: .released))
    }

    private static func read(_ root: RecipeSection, defaults: Recipe) throws -> Recipe {
        var recipe = defaults
        recipe.dataDirectory = try root.text("data_directory")
        recipe.network.layers = try readLayers(try root.section("network"), defaults.network.architecture)
        recipe.loss = try readLoss(try root.section("loss"), defaults.loss)
        try recipe.readSteps(root)
        try recipe.readOptimiser(root)
        try recipe.readSamples(root)
        recipe.validation = try root.integer("validation", 0...largestCount, default: 0)
        let attacked = recipe
        recipe.validationAttack = try root.toggle("validation_attack").map { section in
            let base = attacked.defaultValidationAttack
            return ValidationAttack(
                attack: try section.text("attack") ?? base.attack,
                strength: try section.real("strength", .closed(0, 1), default: base.strength))
        }
        recipe.earlyStopping = try root.optionalInteger("early_stopping", 1...largestEpoch)
        for (key, isSaid) in [
            ("validation_attack", recipe.validationAttack != nil), ("early_stopping", recipe.earlyStopping != nil),
        ] where isSaid && recipe.validation == 0 {
            throw root.fault(key, "needs a validation split: set validation, as in 'validation: 5000'")
        }
        recipe.balance = try root.choice("balance", among: Switch.allCases, default: recipe.balance)
        recipe.dataSharing = try root.choice("data_sharing", among: DataSharing.allCases, default: recipe.dataSharing)
        recipe.overlap = try root.choice("overlap", among: Overlap.allCases, default: recipe.overlap)
        recipe.stallTimeout = try root.real("stall_timeout", .closed(0, 1e6), default: recipe.stallTimeout)
        recipe.audit = try root.real("audit", .closed(0, 1), default: recipe.audit)
        let checkpoint = try root.section("checkpoint")
        recipe.checkpoint = CheckpointRecipe(
            everySteps: try checkpoint.optionalInteger("every_steps", 1...largestCount),
            keep: try checkpoint.integer("keep", 1...1_000_000, default: 3))
        recipe.evaluation = try root.toggle("evaluation").map { section in
            EvaluationRecipe(
                attacks: try section.texts("attacks", default: recipe.defaultEvaluation.attacks),
                strengths: try section.reals("strengths", .closed(0, 1)),
                samples: try section.optionalInteger("samples", 1...largestCount))
        }
        return recipe
    }

    /// The largest count of anything: sums and products of a few stay exact.
    private static let largestCount = 1_000_000_000
    private static let largestEpoch = 1_000_000
    /// The most samples of a batch, and drawn ones of an epoch.
    private static let largestBatch = 16_777_216

    private static func readLoss(_ section: RecipeSection, _ defaults: LossRecipe) throws -> LossRecipe {
        let alpha = try section.reals("alpha", .closed(0, 1e6), count: 3) ?? defaults.alpha
        guard alpha.contains(where: { $0 > 0 }) else {
            throw section.fault("alpha", "is zero throughout: no loss is left")
        }
        return LossRecipe(alpha: alpha, p: try section.real("p", .above(1, upTo: 100), default: defaults.p))
    }

    private mutating func readSteps(_ root: RecipeSection) throws {
        epochs = try root.integer("epochs", 1...Self.largestEpoch, default: epochs)
        maxSteps = try root.optionalInteger("max_steps", 1...Self.largestCount)
        batch = try root.integer("batch", 1...Self.largestBatch, default: batch)
        accumulation = try root.integer("accumulation", 1...batch, default: accumulation)
        guard batch % accumulation == 0 else {
            throw root.fault("accumulation", "is \(accumulation), which does not divide the batch of \(batch)")
        }
        lanes = try root.integer("lanes", 1...1_000_000, default: lanes)
        guard lanes <= batch / accumulation else {
            throw root.fault(
                "lanes", "is \(lanes); allowed: a whole number, 1 to \(batch / accumulation) (batch / accumulation)")
        }
        seed = try root.seed("seed", default: seed)
        reduction = try root.choice("reduction", among: ReductionMode.allCases, default: reduction)
    }

    private mutating func readOptimiser(_ root: RecipeSection) throws {
        learningRate = try root.real("learning_rate", .above(0, upTo: 1000), default: learningRate)
        scaling.referenceBatch = try root.optionalInteger("reference_batch", 1...Self.largestBatch)
        let section = try root.section("schedule")
        schedule = Schedule(
            try section.choice("kind", among: Schedule.Kind.allCases, default: schedule.kind),
            epochs: try section.integers("epochs", 1...Self.largestEpoch, default: schedule.epochs),
            factor: try section.real("factor", .above(0, upTo: 1), default: schedule.factor),
            warmupEpochs: try section.real(
                "warmup_epochs", .closed(0, Double(Self.largestEpoch)), default: schedule.warmupEpochs),
            floor: try section.real("floor", .closed(0, 1), default: schedule.floor))
        let ascending = zip(schedule.epochs, schedule.epochs.dropFirst()).allSatisfy { $0 < $1 }
        guard ascending, schedule.kind != .step || !schedule.epochs.isEmpty else {
            throw section.fault(
                "epochs", "is \(schedule.epochs); a step schedule needs ascending epochs, as in [60, 80]")
        }
        momentum = try root.real("momentum", .from(0, below: 1), default: momentum)
        weightDecay = try root.real("weight_decay", .closed(0, 1), default: weightDecay)
        gradientClipping = try root.optionalReal("gradient_clipping", .above(0, upTo: 1e9))
        let rates = try root.section("layer_rates")
        let keys = rates.node?.entries?.map(\.key) ?? []
        layerRates = [:]
        let names = try layerRateNames()
        for key in keys {
            guard names.contains(key) else { throw rates.fault(key, Self.unknownRate(key, among: names)) }
            layerRates[key] = try rates.real(key, .closed(0, 1e6), default: 1)
        }
    }

    private mutating func readSamples(_ root: RecipeSection) throws {
        meanImage = try root.choice("mean_image", among: MeanImage.allCases, default: meanImage)
        mirroring = try root.choice("mirroring", among: Mirroring.allCases, default: mirroring)
        shift = try root.integer("shift", 0...255, default: shift)
        preciseMoments = try root.integer("precise_moments", 0...Self.largestCount, default: preciseMoments)
        randomTraining = try root.toggle("random_training").map { section in
            let base = defaultRandomTraining
            return RandomTraining(
                distribution: try section.choice("distribution", among: [.sign, .uniform], default: base.distribution),
                amplitude: try section.real("amplitude", .closed(0, 1), default: base.amplitude),
                spread: try section.real("spread", .closed(0, 1), default: base.spread),
                probability: try section.real("probability", .closed(0, 1), default: base.probability),
                scope: try section.choice("scope", among: [.image, .batch], default: base.scope),
                redraw: try section.flag("redraw", default: base.redraw))
        }
        meanTraining = try root.toggle("mean_training").map { section in
            let base = defaultMeanTraining
            return MeanTraining(
                samples: try section.integer("samples", 1...Self.largestBatch, default: base.samples),
                scale: try section.real("scale", .closed(0, 255), default: base.scale),
                noiseSamples: try section.integer("noise_samples", 0...Self.largestBatch, default: base.noiseSamples),
                noiseDeviation: try section.real("noise_deviation", .closed(0, 255), default: base.noiseDeviation),
                noiseSpread: try section.real("noise_spread", .closed(0, 1), default: base.noiseSpread),
                noiseMeanSpread: try section.real("noise_mean_spread", .closed(0, 1), default: base.noiseMeanSpread),
                redraw: try section.flag("redraw", default: base.redraw))
        }
        adversarialTraining = try root.toggle("adversarial_training").map(readAdversarialTraining)
    }

    private func readAdversarialTraining(_ section: RecipeSection) throws -> AdversarialTraining {
        let method = try section.choice("method", among: AdversarialTraining.Method.allCases, default: .fgs)
        let base = defaultAdversarialTraining(method)
        let strength = try section.real("strength", .closed(0, 1), default: base.strength)
        let share = try section.real("share", .closed(0, 1), default: base.share)
        let training = AdversarialTraining(
            method: method, strength: strength,
            spread: try section.real("spread", .closed(0, 1), default: base.spread),
            share: share,
            nonsenseStrength: try section.real("nonsense_strength", .closed(0, 1), default: strength),
            nonsenseShare: try section.real("nonsense_share", .closed(0, 1), default: share),
            steps: try section.integer("steps", 1...1000, default: base.steps),
            stepSize: try section.real("step_size", .above(0, upTo: 100), default: base.stepSize),
            stepDecay: try section.choice("step_decay", among: StepDecay.allCases, default: base.stepDecay),
            beta: try section.real("beta", .closed(0, 1e6), default: base.beta),
            batchNorm: try section.choice(
                "batch_norm", among: AdversarialTraining.Moments.allCases, default: base.batchNorm),
            rampEpochs: try section.real("ramp_epochs", .closed(0, Double(Self.largestEpoch)), default: base.rampEpochs)
        )
        if training.steps != 1, method == .fgs || method == .fgsm {
            throw section.fault("steps", "is \(training.steps), but \(method.rawValue) takes one step; use pgd")
        }
        for (key, share) in [("share", training.share), ("nonsense_share", training.nonsenseShare)]
        where share != 1 && (method == .trades || method == .free) {
            throw section.fault(key, "is \(share), but \(method.rawValue) attacks every image; leave it out")
        }
        if method == .free, accumulation > 1 {
            throw section.fault("method", "is free, which replays whole batches: set accumulation to 1")
        }
        return training
    }
}

extension RecipeNode {
    /// With the word of a section written as one, `schedule: cosine`, in the section's full form.
    fileprivate func named(_ section: String, as key: String) -> RecipeNode {
        guard var entries, let index = entries.firstIndex(where: { $0.key == section }) else { return self }
        let value = entries[index].value
        guard value.text != nil, !value.isNull else { return self }
        entries[index].value = RecipeNode(content: .mapping([(key, value)]), origin: value.origin)
        return RecipeNode(content: .mapping(entries), origin: origin)
    }
}
