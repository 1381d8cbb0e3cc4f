import Datasets
import Lanes
import Networks

// The table of keys, in the order in which recipes are written. A key of a section belongs to the type of that section.

/// The largest count of anything: sums and products of a few stay exact.
private let largestCount = 1_000_000_000
private let largestEpoch = 1_000_000
/// The most samples of a batch, and drawn ones of an epoch.
private let largestBatch = 16_777_216
private let momentumInterval = RecipeInterval.from(0, below: 1)

extension Recipe {
    static let meanImageKey = "mean_image"

    /// The keys that choose the defaults of all others.
    static let choosingKeys: [RecipeKey<Recipe>] = [
        RecipeKey(
            "dataset", \.dataset, .text.orDefault,
            implies: { recipe, _ in recipe = .defaults(dataset: recipe.dataset) },
            "The data set: a known name (`steadfast data list`), or the path of a file or folder."),
        RecipeKey(
            "data_directory", \.dataDirectory, .optional(.text), effect: .operational,
            "The directory in which data is looked for first; null: `$STEADFAST_DATA`, then `~/.cache/steadfast`."),
        RecipeKey(
            "variant", \.variant, .choice,
            "The source that counts where the paper's text and its authors' released code differ."),
        .section(
            "network", \.network, NetworkRecipe.keys, implies: { $0.takeUpDefaults() }, "The network."),
    ]

    static let keys: [RecipeKey<Recipe>] =
        choosingKeys + [
            RecipeKey(
                "initialization", \.initialization,
                range: .optional(.words(Initialization.allCases.map(\.rawValue))),
                "The initial weights of layers that state no `deviation`, in a plain network of the recipe's own: "
                    + "N(0, 2 / inputs), N(0, 2 / (inputs + outputs)) or N(0, 0.01^2); null: other networks state "
                    + "theirs.",
                read: { section, key, recipe in
                    guard let value = try section.value(key, RecipeValue<Initialization>.choice.orDefault) else {
                        return nil
                    }
                    guard recipe.initialization != nil else {
                        throw section.fault(
                            key,
                            "is \(value.rawValue), but the weights of this network have deviations of their own: it is "
                                + "for network.architecture custom and network.activation plain")
                    }
                    return value
                }, write: { $0.map { .word($0.rawValue) } ?? .null }),
            RecipeKey(
                "initial_weights", \.initialWeights, .optional(.text),
                implies: { recipe, _ in if recipe.initialWeights != nil { recipe.meanImage = .initial } },
                "The checkpoint whose weights and running moments a run starts from, or a run's directory for its "
                    + "latest one; null: weights are drawn."),
            RecipeKey(
                "fresh_layers", \.freshLayers, .list(.name, orEmpty: true).orDefault,
                check: { recipe, _ in
                    recipe.freshLayers.isEmpty || recipe.initialWeights != nil
                        ? nil : "is for runs that start from initial_weights"
                }, "The layers whose weights are drawn all the same, as the last one for other classes."),
            RecipeKey(
                "input_scale", \.inputScale, .oneOrList(.real(.above(0, upTo: 1e6))), before: .number(1.0),
                "The factor on the pixels after the mean image is taken off: a number, or a list of one for each "
                    + "channel; 1 for the paper's architectures, 1/255 for others."),
            .section(
                "loss", \.loss, LossRecipe.keys,
                "The hybrid loss of a robust network (equation 7); a plain network has softmax and cross-entropy."),
            RecipeKey(
                "epochs", \.epochs, .integer(1...largestEpoch),
                mayGrow: { $0.schedule.kind == .cosine ? "the rates of a cosine schedule follow from it" : nil },
                "Passes over the training set; a run that goes on may have more of them, unless the schedule is cosine."
            ),
            RecipeKey(
                "max_steps", \.maxSteps, .optional(.integer(1...largestCount)), effect: .operational, agreed: true,
                "The step after which the run ends, where the epochs do not end it before."),
            RecipeKey(
                "batch", \.batch, .integer(1...largestBatch),
                "The global batch: images of one step, on all ranks together."),
            RecipeKey(
                "accumulation", \.accumulation, .integer(1...largestBatch),
                check: { recipe, _ in
                    recipe.batch % recipe.accumulation == 0
                        ? nil : "is \(recipe.accumulation), which does not divide the batch of \(recipe.batch)"
                }, "The micro-batches that a step is made of; divides `batch`."),
            RecipeKey(
                "lanes", \.lanes, .integer(1...1_000_000),
                check: { recipe, _ in
                    let most = recipe.batch / recipe.accumulation
                    return recipe.lanes <= most
                        ? nil : "is \(recipe.lanes); allowed: a whole number, 1 to \(most) (batch / accumulation)"
                },
                "The fixed slices of every batch, at most one for each image of a micro-batch; the most ranks."
            ),
            RecipeKey("seed", \.seed, .seed, compared: false, "The seed of all random numbers."),
            RecipeKey(
                "reduction", \.reduction, .choice,
                "The reduction of sums over ranks; `exact`: the same bits for every number of ranks."),
            RecipeKey(
                "learning_rate", \.learningRate, .real(.above(0, upTo: 1000)),
                "The learning rate, before `reference_batch`, `schedule` and `layer_rates`."),
            RecipeKey(
                "reference_batch", \.scaling.referenceBatch, .optional(.integer(1...largestBatch)),
                "The batch that the learning rate is meant for: it is multiplied by batch / reference_batch."),
            .section(
                "schedule", \.schedule, Schedule.keys, shorthand: "kind",
                "The schedule of the learning rate; a word alone is its `kind`."),
            .section(
                "optimizer", \.optimizer, OptimizerRecipe.keys, shorthand: "kind",
                "The rule by which parameters follow their gradient; a word alone is its `kind`."),
            RecipeKey(
                "momentum", \.self, range: .optional(.real(momentumInterval)),
                "The momentum of v = momentum v + gradient + weight_decay w; null with `adam` and `adamw`, which have "
                    + "`optimizer.beta1`.",
                read: { section, key, recipe in
                    let kind = recipe.optimizer.kind
                    guard let value = try section.value(key, RecipeValue<Double>.real(momentumInterval).orDefault)
                    else { return nil }
                    guard !kind.isAdaptive else {
                        throw section.fault(key, "is \(value), but \(kind.rawValue) has optimizer.beta1: leave it out")
                    }
                    var changed = recipe
                    changed.momentum = value
                    return changed
                },
                write: { $0.optimizer.kind.isAdaptive ? .null : .number($0.momentum) }),
            RecipeKey("weight_decay", \.weightDecay, .fraction, "The weight decay, on convolution weights and biases."),
            RecipeKey(
                "layer_rates", \.layerRates, range: .rates(rateInterval),
                "Factors of the learning rate: of `all`, a kind of parameter (`weight`, `bias`, `gamma`, `beta`), a "
                    + "layer (`fc2`) or a layer's parameter (`fc2/weight`); the most specific one counts.",
                read: { try readRates($0, $1, $2) }, write: { writeRates($0) }),
            RecipeKey(
                "gradient_clipping", \.gradientClipping, .optional(.real(.above(0, upTo: 1e9))),
                "The largest L2 norm of the whole gradient."),
            RecipeKey(
                meanImageKey, \.meanImage, .choice,
                check: { recipe, _ in
                    recipe.meanImage != .initial || recipe.initialWeights != nil
                        ? nil : "is initial, that of the network in initial_weights, which is not set"
                },
                "The image that is subtracted from every image: the mean of the training images, none, or that of the "
                    + "network in `initial_weights`, the default there."),
            RecipeKey(
                "mirroring", \.mirroring, .choice,
                "Left-right mirroring with probability 1/2, anew each epoch: a coin for each image or each batch."),
            RecipeKey(
                "shift", \.shift, .integer(0...255),
                "The most pixels by which images move down and right, anew each epoch; less than an image's side."),
            RecipeKey(
                "shift_fill", \.shiftFill, .choice,
                "The border that a shifted image leaves: the mean image, or black as where images are padded and "
                    + "cropped."
            ),
            RecipeKey(
                "cutout", \.cutout, .integer(0...255),
                "The side of a square of each image that is the mean image, its middle anywhere, anew each epoch; 0 "
                    + "for none; less than an image's side."
            ),
            RecipeKey(
                "precise_moments", \.preciseMoments, .integer(0...largestCount),
                "The batches over which batch norm's moments are averaged at each epoch's end, in place of running "
                    + "ones; 0 for never."),
            .toggle(
                "random_training", \.randomTraining, RandomTraining.keys, defaults: { $0.defaultRandomTraining },
                "Random training: noise on a part of the samples."),
            .toggle(
                "mean_training", \.meanTraining, MeanTraining.keys, defaults: { $0.defaultMeanTraining },
                "Mean training: drawn samples around the mean image, and of noise, as classes of nonsense."),
            .toggle(
                "adversarial_training", \.adversarialTraining, AdversarialTraining.keys,
                defaults: { $0.defaultAdversarialTraining() }, "Adversarial training."),
            RecipeKey(
                "cutmix", \.cutMix, .fraction,
                check: { recipe, _ in
                    let isAttacked = recipe.cutMix > 0 && recipe.adversarialTraining != nil
                    return recipe.softLabels(recipe.cutMix)
                        ?? (isAttacked
                            ? "is \(recipe.cutMix), but adversarial training attacks images of one label; leave one of "
                                + "them out" : nil)
                },
                "The probability with which a box of an image, and as much of its label, is another image's of its "
                    + "lane's part of the batch."),
            RecipeKey(
                "label_smoothing", \.labelSmoothing, .real(.from(0, below: 1)),
                check: { recipe, _ in recipe.softLabels(recipe.labelSmoothing) },
                "The share of a label that all outputs of a plain network share alike."),
            RecipeKey(
                "validation", \.validation, .integer(0...largestCount),
                "Training images that are held out for validation."),
            RecipeKey(
                "validation_split", \.validationSplit, .choice,
                "How the seed draws them: among all images alike, or the same share of each class."),
            .toggle(
                "validation_attack", \.validationAttack, ValidationAttack.keys,
                defaults: { $0.defaultValidationAttack }, check: { $0.needsValidation($0.validationAttack, $1) },
                "The attack on the validation images; the error under it decides which network is best."),
            RecipeKey(
                "early_stopping", \.earlyStopping, .optional(.integer(1...largestEpoch)),
                check: { $0.needsValidation($0.earlyStopping, $1) },
                "The epochs without a better network on the validation images after which the run ends; null for never."
            ),
            RecipeKey(
                "balance", \.balance, .offOrOn, effect: .operational, agreed: true,
                "Lanes are assigned to ranks by measured speed, anew at each epoch's end."),
            RecipeKey(
                "data_sharing", \.dataSharing, .choice, effect: .operational, agreed: true,
                "The copies of the training images: `lanes`, each rank its own; `node`, one a host in shared memory; "
                    + "`stream`, the windows that are due, of a converted set."
            ),
            RecipeKey(
                "stream_window", \.streamWindow, .optional(.integer(1...largestCount)),
                check: { recipe, _ in
                    recipe.streamWindow.map { $0 >= 2 * recipe.batch } ?? true
                        ? nil : "is \(recipe.streamWindow ?? 0); allowed: at least two batches, \(2 * recipe.batch)"
                },
                "The training images of a window: chunks are permuted in an epoch, and samples within a window of "
                    + "chunks; null: one window holds all."),
            RecipeKey(
                "overlap", \.overlap, .choice, effect: .operational, agreed: true,
                "Overlap of gradient reduction with the backward pass; `auto`: where ranks are on several hosts."),
            RecipeKey(
                "stall_timeout", \.stallTimeout, .real(.closed(0, 1e6)), effect: .operational,
                "Seconds without any progress after which the job is ended and the rank at fault named; 0 for never."),
            RecipeKey(
                "audit", \.audit, .fraction, effect: .operational, agreed: true,
                "The share of the lanes that a second rank computes too, and compares bit for bit."),
            .section(
                "checkpoint", \.checkpoint, CheckpointRecipe.keys, effect: .operational, "Checkpoints of the run."),
            .toggle(
                "evaluation", \.evaluation, EvaluationRecipe.keys, effect: .operational,
                defaults: { $0.defaultEvaluation }, "The evaluation that is planned for the network."),
        ]

    /// Why a setting of soft labels is refused.
    private func softLabels(_ value: Double) -> String? {
        value == 0 || network.activation == .plain
            ? nil
            : "is \(value), but the hybrid loss of a robust network takes no soft labels; leave it out, or set "
                + "network.activation to plain"
    }

    private func needsValidation(_ setting: Any?, _ recipe: Recipe) -> String? {
        setting == nil || validation > 0
            ? nil : "needs a validation split: set validation, as in 'validation: 5000'"
    }
}

extension NetworkRecipe {
    fileprivate static let keys: [RecipeKey<NetworkRecipe>] = [
        RecipeKey(
            "architecture", \.architecture, .choice,
            "The layers: those of the paper for MNIST or CIFAR-10, an architecture of the field, or the recipe's own "
                + "(`custom`)."),
        RecipeKey(
            "activation", \.activation, .choice,
            "A plain network, or a robust one with a symmetric activation function."),
        size(
            "depth", \.depth, 8...1_202, [.resnet: 20, .wideResNet: 28],
            "The layers of a residual network on its longest path: 6 n + 2 of a `resnet` (20), 6 n + 4 of a "
                + "`wide-resnet` (28)."
        ) { network in
            let rest = network.architecture == .resnet ? 2 : 4
            return network.depth.map { ($0 - rest) % 6 == 0 } ?? true
                ? nil : "is \(network.depth ?? 0); allowed: 6 n + \(rest), as in \(18 + rest)"
        },
        size(
            "width", \.width, 1...4_096, [.resnet: 16],
            "The channels of a `resnet`'s first stage (16); each later stage has twice those of the one before."),
        size(
            "widen", \.widen, 1...256, [.wideResNet: 10],
            "The factor on the 16, 32 and 64 channels of a `wide-resnet` (10)."),
        RecipeKey(
            "pre_activation", \.preActivation, .flag,
            check: { network, _ in
                network.preActivation && network.architecture != .resnet
                    ? "is true, but belongs to the architecture resnet" : nil
            }, "Batch norm and activation stand before each convolution of a `resnet`, and sums are left as they are."),
        RecipeKey(
            "stabilizer", \.stabilizer, .optional(.real(.above(0, upTo: 1e6))),
            "Batch norm's epsilon, which is added to the variance; null: 1e-4."),
        RecipeKey(
            "layers", \.layers, range: .optional(.layers),
            "The plain network's layers, where the architecture is `custom`.",
            read: { section, _, network in try Recipe.readLayers(section, network.architecture) },
            write: { $0.map { .list($0.map(Recipe.node)) } ?? .null }),
    ]

    /// A size that some architectures have, with their defaults; null for the others.
    private static func size(
        _ name: String, _ path: WritableKeyPath<NetworkRecipe, Int?> & Sendable, _ range: ClosedRange<Int>,
        _ defaults: [Architecture: Int], _ documentation: String,
        check: @escaping @Sendable (NetworkRecipe) -> String? = { _ in nil }
    ) -> RecipeKey<NetworkRecipe> {
        RecipeKey(
            name, path, range: .optional(.integer(range)), documentation,
            read: { section, key, network in
                let value = try section.value(key, RecipeValue.optional(.integer(range))) ?? nil
                guard let fallback = defaults[network.architecture] else {
                    let owners = defaults.keys.map(\.rawValue).sorted().joined(separator: " and ")
                    guard value == nil else {
                        throw section.fault(key, "is \(value ?? 0), but belongs to the architecture \(owners)")
                    }
                    return .some(nil)
                }
                return value ?? fallback
            }, write: { $0.map { .number($0) } ?? .null }, check: { network, _ in check(network) })
    }
}

extension LossRecipe {
    fileprivate static let keys: [RecipeKey<LossRecipe>] = [
        RecipeKey(
            "alpha", \.alpha, .list(.real(.closed(0, 1e6)), count: 3).orDefault,
            check: { loss, _ in
                loss.alpha.contains { $0 > 0 } ? nil : "is zero throughout: no loss is left"
            }, "The weights of the loss's three terms."),
        RecipeKey("p", \.p, .real(.above(1, upTo: 100)), "The order of the third term."),
    ]
}

extension Schedule {
    fileprivate static let keys: [RecipeKey<Schedule>] = [
        RecipeKey("kind", \.kind, .choice, "The shape."),
        RecipeKey(
            "epochs", \.epochs, .list(.integer(1...largestEpoch), orEmpty: true).orDefault,
            check: { schedule, _ in
                let ascending = zip(schedule.epochs, schedule.epochs.dropFirst()).allSatisfy { $0 < $1 }
                return ascending && (schedule.kind != .step || !schedule.epochs.isEmpty)
                    ? nil : "is \(schedule.epochs); a step schedule needs ascending epochs, as in [60, 80]"
            }, "The milestones of `step`: epochs, counted from 0, from whose start on the rate is lower."),
        RecipeKey("factor", \.factor, .real(.above(0, upTo: 1)), "The factor of each milestone of `step`."),
        RecipeKey(
            "warmup_epochs", \.warmupEpochs, .real(.closed(0, Double(largestEpoch))),
            "The epochs over which the rate rises linearly from 0."),
        RecipeKey("floor", \.floor, .fraction, "The fraction of the rate at which `cosine` ends."),
    ]
}

extension OptimizerRecipe {
    fileprivate static let keys: [RecipeKey<OptimizerRecipe>] = [
        RecipeKey(
            "kind", \.kind, .choice,
            "Stochastic gradient descent with momentum, plain or Nesterov's; Adam; Adam with decoupled weight decay."),
        adaptive(
            "beta1", \.beta1, .from(0, below: 1), "The share of the first moment that a step of Adam keeps (0.9)."),
        adaptive(
            "beta2", \.beta2, .from(0, below: 1), "The share of the second moment that a step of Adam keeps (0.999)."),
        adaptive("epsilon", \.epsilon, .above(0, upTo: 1), "Added to the root of Adam's second moment (1e-8)."),
    ]

    /// A setting of Adam's; null for the others.
    private static func adaptive(
        _ name: String, _ path: WritableKeyPath<OptimizerRecipe, Double> & Sendable, _ interval: RecipeInterval,
        _ documentation: String
    ) -> RecipeKey<OptimizerRecipe> {
        RecipeKey(
            name, \.self, range: .optional(.real(interval)), documentation,
            read: { section, key, optimizer in
                guard let value = try section.value(key, RecipeValue<Double>.real(interval).orDefault) else {
                    return nil
                }
                guard optimizer.kind.isAdaptive else {
                    throw section.fault(key, "is \(value), but belongs to the kinds adam and adamw")
                }
                var changed = optimizer
                changed[keyPath: path] = value
                return changed
            }, write: { $0.kind.isAdaptive ? .number($0[keyPath: path]) : .null })
    }
}

extension RandomTraining {
    fileprivate static let keys: [RecipeKey<RandomTraining>] = [
        RecipeKey(
            "distribution", \.distribution, .choice(among: [.sign, .uniform]),
            "The noise of a pixel: plus or minus the amplitude, or uniform between."),
        RecipeKey("amplitude", \.amplitude, .fraction, "The amplitude, as a fraction of the pixel range."),
        RecipeKey(
            "spread", \.spread, .fraction,
            "The spread of amplitudes: that of an image is uniform in [(1 - spread) amplitude, amplitude]."),
        RecipeKey("probability", \.probability, .fraction, "The probability of noise."),
        RecipeKey("scope", \.scope, .choice(among: [.image, .batch]), "A coin for each image, or for each batch."),
        RecipeKey("redraw", \.redraw, .flag, "Noise is drawn anew each epoch."),
    ]
}

extension MeanTraining {
    fileprivate static let keys: [RecipeKey<MeanTraining>] = [
        RecipeKey(
            "samples", \.samples, .optional(.integer(1...largestBatch)),
            "Mean samples of an epoch; null: a tenth of the training images, validation left out."),
        RecipeKey(
            "scale", \.scale, .real(.closed(0, 255)),
            "The largest deviation of mean samples from the mean image, in 0..255."),
        RecipeKey(
            "noise_samples", \.noiseSamples, .optional(.integer(0...largestBatch)),
            "Noise samples of an epoch; 0: no noise class; null: a tenth of the training images."
        ),
        RecipeKey(
            "noise_deviation", \.noiseDeviation, .real(.closed(0, 255)),
            "The largest deviation of noise samples, in 0..255."),
        RecipeKey(
            "noise_spread", \.noiseSpread, .fraction,
            "The spread of deviations: that of a noise sample is uniform in [(1 - spread) deviation, deviation]."),
        RecipeKey(
            "noise_mean_spread", \.noiseMeanSpread, .fraction,
            "The spread of means: that of a noise sample is uniform in 127.5 (1 +- spread)."),
        RecipeKey("redraw", \.redraw, .flag, "Samples are drawn anew each epoch."),
    ]
}

extension AdversarialTraining {
    fileprivate static let keys: [RecipeKey<AdversarialTraining>] = [
        RecipeKey(
            "method", \.method, .choice,
            implies: { training, recipe in training = recipe.defaultAdversarialTraining(training.method) },
            check: { training, recipe in
                training.method == .free && recipe.accumulation > 1
                    ? "is free, which replays whole batches: set accumulation to 1" : nil
            }, "The making of the images: FGS-lmax, FGSM, PGD, TRADES, or free replays."),
        RecipeKey(
            "strength", \.strength, .fraction,
            implies: { training, _ in training.nonsenseStrength = training.strength },
            "The strength, as a fraction of the pixel range; of all methods but `fgs` 0.3, cifar10 8/255."),
        RecipeKey(
            "spread", \.spread, .fraction,
            "The spread of strengths: that of an image is uniform in [(1 - spread) strength, strength]."),
        RecipeKey(
            "share", \.share, .fraction, implies: { training, _ in training.nonsenseShare = training.share },
            check: { training, _ in training.attacksEvery(training.share) },
            "The share of each batch that is replaced; 1 in `trades` and `free`."),
        RecipeKey(
            "nonsense_strength", \.nonsenseStrength, .fraction,
            "The strength on mean training's samples; default: `strength`."),
        RecipeKey(
            "nonsense_share", \.nonsenseShare, .fraction,
            check: { training, _ in training.attacksEvery(training.nonsenseShare) },
            "The share of mean training's samples; default: `share`."),
        RecipeKey(
            "steps", \.steps, .integer(1...1000), implies: { training, _ in training.takeUpStepSize() },
            check: { training, _ in
                training.steps != 1 && (training.method == .fgs || training.method == .fgsm)
                    ? "is \(training.steps), but \(training.method.rawValue) takes one step; use pgd" : nil
            }, "Steps of `pgd` and `trades` (10), replays of `free` (8)."),
        RecipeKey(
            "step_size", \.stepSize, .real(.above(0, upTo: 100)),
            "The first step as a fraction of the strength; `fgsm` 1.25, `pgd` and `trades` 2.5 / steps."),
        RecipeKey("step_decay", \.stepDecay, .choice, "The sizes of the steps after the first."),
        RecipeKey("beta", \.beta, .real(.closed(0, 1e6)), "The weight of the divergence in `trades`."),
        RecipeKey(
            "batch_norm", \.batchNorm, .choice, "The moments that batch norm uses while the images are made."),
        RecipeKey(
            "ramp_epochs", \.rampEpochs, .real(.closed(0, Double(largestEpoch))),
            "The epochs over which the strength grows linearly from 0."),
    ]

    private func attacksEvery(_ share: Double) -> String? {
        share != 1 && (method == .trades || method == .free)
            ? "is \(share), but \(method.rawValue) attacks every image; leave it out" : nil
    }
}

extension ValidationAttack {
    fileprivate static let keys: [RecipeKey<ValidationAttack>] = [
        RecipeKey(
            "attack", \.attack, .text.orDefault,
            "Attacks, separated by commas, as `steadfast evaluate --attacks` takes them; the worst case counts."),
        RecipeKey(
            "strength", \.strength, .fraction,
            "The strength, as a fraction of the pixel range; default: that of adversarial training."),
    ]
}

extension CheckpointRecipe {
    fileprivate static let keys: [RecipeKey<CheckpointRecipe>] = [
        RecipeKey(
            "every_steps", \.everySteps, .optional(.integer(1...largestCount)), effect: .operational, agreed: true,
            "The steps between checkpoints; null: one at each epoch's end."),
        RecipeKey(
            "keep", \.keep, .integer(1...1_000_000), effect: .operational,
            "The checkpoints that are kept, beside the best one."),
    ]
}

extension EvaluationRecipe {
    fileprivate static let keys: [RecipeKey<EvaluationRecipe>] = [
        RecipeKey(
            "attacks", \.attacks, .list(.name), effect: .operational,
            "Attacks, as `steadfast evaluate --attacks` takes them."),
        RecipeKey(
            "strengths", \.strengths, .optional(.list(.fraction)), effect: .operational,
            "Strengths, as fractions of the pixel range; null: the data set's."),
        RecipeKey(
            "samples", \.samples, .optional(.integer(1...largestCount)), effect: .operational,
            "The first test images; null: all."),
    ]
}
