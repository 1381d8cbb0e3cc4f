import Datasets
import MessagePassing
import Networks

// The defaults of recipes. The optimisers, the drawn samples and the losses are those of the paper and of
// its authors' released code.

extension Recipe {
    /// The recipe of defaults. The optimiser is the architecture's; drawn samples and losses are the data set's;
    /// random, mean and adversarial training are off.
    ///
    /// - Parameters:
    ///   - dataset: a name or path, as `Dataset.locate` takes it.
    ///   - architecture: nil for the data set's: `cifar10` for cifar10, else `mnist`.
    ///   - activation: that of a plain or a robust network; CIFAR-10's optimiser goes by it too.
    ///   - variant: the source that counts where the paper and its authors' code differ.
    public static func defaults(
        dataset: String, architecture: Architecture? = nil, activation: NetworkActivation = .plain,
        variant: Variant = .released
    ) -> Recipe {
        let isCIFAR = dataset == "cifar10"
        let architecture = architecture ?? (isCIFAR ? .cifar10 : .mnist)
        var recipe = Recipe(dataset: dataset)
        recipe.variant = variant
        recipe.network = NetworkRecipe(architecture: architecture, activation: activation)
        if isCIFAR {
            recipe.mirroring = .batch
            if architecture != .custom { recipe.loss.alpha[2] = 1.0 / 9 }
        }
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

    /// Sets the defaults of the network that has been read.
    mutating func takeUpDefaults() {
        var defaults = Recipe.defaults(
            dataset: dataset, architecture: network.architecture, activation: network.activation, variant: variant)
        (defaults.dataDirectory, defaults.network.layers) = (dataDirectory, network.layers)
        self = defaults
    }

    /// The defaults of random training. The paper gives no amplitude: it is the released code's.
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

    /// The defaults of mean training. The noise class is the released code's alone.
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

    /// The defaults of adversarial training by a method: Madry's radii; PGD of 10 steps of a quarter of the radius;
    /// FGSM of 1.25 radii; TRADES with its authors' beta; 8 replays.
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

    /// The default attack on validation images: PGD of the strength that the network is trained for.
    var defaultValidationAttack: ValidationAttack {
        ValidationAttack(strength: (adversarialTraining ?? defaultAdversarialTraining(.pgd)).strength)
    }

    /// The default evaluation: the paper's tests, with the variant's noise.
    public var defaultEvaluation: EvaluationRecipe {
        EvaluationRecipe(
            attacks: ["clean", "fgs-lmax", "nonsense", variant == .paper ? "noise-gaussian" : "noise-sign"])
    }
}
