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
    ///   - architecture: nil for the data set's.
    ///   - activation: that of a plain or a robust network; CIFAR-10's optimiser goes by it too.
    ///   - variant: the source that counts where the paper and its authors' code differ.
    public static func defaults(
        dataset: String, architecture: Architecture? = nil, activation: NetworkActivation = .plain,
        variant: Variant = .released
    ) -> Recipe {
        let defaults = DatasetDefaults.of(dataset)
        let own = Architecture(rawValue: defaults.architecture) ?? .mnist
        let architecture = architecture ?? own
        var recipe = Recipe(dataset: dataset)
        recipe.variant = variant
        recipe.network = NetworkRecipe(architecture: architecture, activation: activation)
        recipe.mirroring = defaults.mirroring
        recipe.inputScale = [architecture.isOfThePaper ? 1 : 1 / 255.0]
        if architecture == .custom, activation == .plain { recipe.initialization = .he }
        if architecture != .custom { recipe.loss.alpha[2] = defaults.thirdLossWeight }
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
        (defaults.dataDirectory, defaults.network) = (dataDirectory, network)
        self = defaults
    }

    /// The defaults of random training. The paper gives no amplitude: it is the released code's.
    var defaultRandomTraining: RandomTraining {
        let released = DatasetDefaults.of(dataset).randomTraining
        guard variant == .paper else { return released }
        return RandomTraining(
            distribution: .uniform, amplitude: released.amplitude, probability: 0.5, scope: .image, redraw: true)
    }

    /// The defaults of mean training. The noise class is the released code's alone.
    var defaultMeanTraining: MeanTraining {
        let defaults = DatasetDefaults.of(dataset)
        return MeanTraining(
            samples: defaults.drawnSamples, scale: defaults.meanScale,
            noiseSamples: variant == .paper ? 0 : defaults.drawnSamples, noiseDeviation: defaults.noiseDeviation)
    }

    /// The defaults of adversarial training by a method: Madry's radii; PGD of 10 steps that reach 2.5 radii;
    /// FGSM of 1.25 radii; TRADES with its authors' beta; 8 replays.
    func defaultAdversarialTraining(_ method: AdversarialTraining.Method = .fgs) -> AdversarialTraining {
        let defaults = DatasetDefaults.of(dataset)
        let radius = defaults.adversarialStrength
        switch method {
        case .fgs: return AdversarialTraining(method: .fgs, strength: defaults.diagnosisStrength, share: 0.5)
        case .fgsm: return AdversarialTraining(method: .fgsm, strength: radius, stepSize: 1.25)
        case .pgd, .trades:
            var training = AdversarialTraining(method: method, strength: radius, steps: 10)
            training.takeUpStepSize()
            if method == .trades { training.beta = defaults.tradesBeta }
            return training
        case .free: return AdversarialTraining(method: .free, strength: radius, steps: 8)
        }
    }

    /// The recipe with its numbers of drawn samples for so many training images, the validation split's left out.
    public func settled(trainingImages: Int) -> Recipe {
        var recipe = self
        recipe.meanTraining = meanTraining?.settled(trainingImages: trainingImages)
        return recipe
    }

    /// Sentences on settings that are allowed and yet seldom meant.
    public var warnings: [String] {
        guard let training = adversarialTraining, training.method == .pgd || training.method == .trades else {
            return []
        }
        let reach = (0..<training.steps).reduce(0) {
            $0 + training.stepSize * training.stepDecay.share($1, of: training.steps)
        }
        let name = "adversarial_training: \(training.steps) steps of \(training.stepSize) of the strength"
        if reach < 1 { return ["\(name) do not reach the strength: raise steps or step_size"] }
        return training.stepSize > 2 ? ["\(name) leap over the whole ball: lower step_size"] : []
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
