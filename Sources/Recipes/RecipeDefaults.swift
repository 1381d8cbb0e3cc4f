import Datasets
import MessagePassing
import Networks

// What a recipe is where it says nothing. The optimisers, the drawn samples and the losses are those of the paper and of
// its authors' released code.

extension Recipe {
    /// The recipe that says no more than this. The optimiser is the architecture's, what is drawn and lost is the data
    /// set's; random, mean and adversarial training are off.
    ///
    /// - Parameters:
    ///   - dataset: a name or path, as `Dataset.locate` takes it.
    ///   - architecture: nil for the data set's: `cifar10` for cifar10, else `mnist`.
    ///   - activation: whether the network is plain or robust; CIFAR-10's optimiser goes by it too.
    ///   - variant: whose word counts where the paper and its authors' code differ.
    public static func defaults(
        dataset: String, architecture: Architecture? = nil, activation: NetworkActivation = .plain,
        variant: Variant = .released
    ) -> Recipe {
        let isCIFAR = dataset == "cifar10"
        let architecture = architecture ?? (isCIFAR ? .cifar10 : .mnist)
        var recipe = Recipe(
            dataset: dataset, variant: variant,
            network: NetworkRecipe(architecture: architecture, activation: activation),
            loss: LossRecipe(alpha: [1, 1, isCIFAR && architecture != .custom ? 1.0 / 9 : 0]), epochs: 20, batch: 100,
            accumulation: 1, lanes: 8, seed: 1, reduction: .exact, learningRate: 0.001, scaling: LearningRateScaling(),
            schedule: Schedule(.constant), momentum: 0.9, weightDecay: 5e-4, layerRates: [:],
            meanImage: .training, mirroring: isCIFAR ? .batch : .off, shift: 0, preciseMoments: 0, validation: 0,
            balance: .off, dataSharing: .lanes, overlap: .auto, stallTimeout: 300, audit: 0,
            checkpoint: CheckpointRecipe())
        guard architecture == .cifar10 else { return recipe }
        recipe.learningRate = 0.05
        recipe.weightDecay = 1e-4
        if activation == .plain {
            recipe.epochs = 45
            recipe.schedule = Schedule(.step, epochs: [30, 40])
            recipe.layerRates = ["weight": 0.1, "bias": 2, "fc2/weight": 0.01, "fc2/bias": 0.2]
        } else {
            recipe.epochs = 90
            recipe.batch = 50
            recipe.schedule = Schedule(.step, epochs: [60, 80])
            recipe.layerRates = ["all": 0.1]
        }
        return recipe
    }

    /// What `random_training: true` means. The paper gives no amplitude: it is the released code's.
    var defaultRandomTraining: RandomTraining {
        let isCIFAR = dataset == "cifar10"
        let amplitude = isCIFAR ? 0.15 : 0.5
        switch variant {
        case .paper:
            return RandomTraining(
                distribution: .uniform, amplitude: amplitude, probability: 0.5, scope: .image, redraw: true)
        case .released:
            return RandomTraining(
                distribution: .sign, amplitude: amplitude, probability: 0.5, scope: isCIFAR ? .batch : .image,
                redraw: isCIFAR)
        }
    }

    /// What `mean_training: true` means. The noise class is the released code's alone.
    var defaultMeanTraining: MeanTraining {
        var training =
            dataset == "cifar10"
            ? MeanTraining(samples: 2500, scale: 64, noiseSamples: 2500, noiseDeviation: 96)
            : MeanTraining(samples: 6000, scale: 255, noiseSamples: 6000, noiseDeviation: 127.5)
        // A tenth of the training images, as in MNIST.
        if dataset == "glyphs" { (training.samples, training.noiseSamples) = (1200, 1200) }
        if variant == .paper { training.noiseSamples = 0 }
        return training
    }

    /// What `adversarial_training: true` means, and what is left unsaid of a method: Madry's radii; PGD of 10 steps of a
    /// quarter of the radius; FGSM of 1.25 radii; TRADES with its authors' beta; 8 replays.
    func defaultAdversarialTraining(_ method: AdversarialTraining.Method = .fgs) -> AdversarialTraining {
        let isCIFAR = dataset == "cifar10"
        let radius = isCIFAR ? 8.0 / 255 : 0.3
        switch method {
        case .fgs: return AdversarialTraining(method: .fgs, strength: isCIFAR ? 0.03 : 0.1, share: 0.5)
        case .fgsm: return AdversarialTraining(method: .fgsm, strength: radius, stepSize: 1.25)
        case .pgd: return AdversarialTraining(method: .pgd, strength: radius, steps: 10, stepSize: 0.25)
        case .trades:
            return AdversarialTraining(
                method: .trades, strength: radius, steps: 10, stepSize: 0.25, beta: isCIFAR ? 6 : 1)
        case .free: return AdversarialTraining(method: .free, strength: radius, steps: 8)
        }
    }

    /// What `validation_attack: true` means: PGD of the strength that the network is trained for.
    var defaultValidationAttack: ValidationAttack {
        ValidationAttack(strength: (adversarialTraining ?? defaultAdversarialTraining(.pgd)).strength)
    }

    /// What `evaluation: true` means: the paper's tests, with the variant's noise.
    public var defaultEvaluation: EvaluationRecipe {
        EvaluationRecipe(
            attacks: ["clean", "fgs-lmax", "nonsense", variant == .paper ? "noise-gaussian" : "noise-sign"])
    }

    /// A recipe with every section on: its keys are all the keys there are, the open ones of `layer_rates` apart.
    static var complete: Recipe {
        var recipe = defaults(dataset: "mnist")
        recipe.randomTraining = recipe.defaultRandomTraining
        recipe.meanTraining = recipe.defaultMeanTraining
        recipe.adversarialTraining = recipe.defaultAdversarialTraining()
        recipe.validationAttack = recipe.defaultValidationAttack
        recipe.evaluation = recipe.defaultEvaluation
        return recipe
    }
}
