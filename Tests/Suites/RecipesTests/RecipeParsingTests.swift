import Datasets
import Essentials
import Foundation
import Kernels
import MessagePassing
import Networks
import Recipes
import Testing
import Training

@Suite("What a recipe says, and what it leaves to the defaults")
struct RecipeParsingTests {
    @Test("A data set alone is a recipe")
    func smallest() throws {
        let smallest = try recipe("dataset: fashion-mnist")
        #expect(smallest == Recipe.defaults(dataset: "fashion-mnist"))
        #expect(smallest.network == NetworkRecipe(architecture: .mnist))
        #expect(smallest.seed == 1 && smallest.accumulation == 1 && smallest.reduction == .exact)
        #expect(smallest.checkpoint == CheckpointRecipe(everySteps: nil, keep: 3) && smallest.validation == 0)
        #expect(smallest.maxSteps == nil && smallest.dataDirectory == nil && smallest.gradientClipping == nil)
    }

    @Test("Defaults follow the data set, the architecture and the activation, wherever these are said")
    func dependentDefaults() throws {
        let switched = try recipe("dataset: mnist\nrandom_training: true", "dataset=cifar10", "network.activation=rbf")
        #expect(switched.network.architecture == .cifar10 && switched.batch == 50)
        #expect(switched.layerRates == ["all": 0.1])
        #expect(switched.randomTraining?.amplitude == 0.15)
        let mixed = try recipe("dataset: mnist\nnetwork: {architecture: cifar10}")
        #expect(mixed.batch == 100 && mixed.epochs == 45 && mixed.mirroring == .off && mixed.loss.alpha[2] == 0)
    }

    static let full = """
        dataset: mnist
        data_directory: "/data/a b: #c"
        variant: paper
        network:
          architecture: custom
          activation: mrelu
          layers:
            - convolution: {channels: 4, size: 3, padding: 1, stride: 2}
            - batch_normalization
            - activation: relu
            - pooling: {kind: average, size: 2}
            - fully_connected: {channels: 10, deviation: 0.5}
        loss: {alpha: [1, 0.5, 1e-5], p: 3}
        epochs: 7
        max_steps: 11
        batch: 60
        accumulation: 3
        lanes: 5
        seed: 18446744073709551615
        reduction: fast
        learning_rate: 1e-7
        reference_batch: 30
        schedule: {kind: step, epochs: [2, 4], factor: 0.3, warmup_epochs: 1.5, floor: 0.1}
        optimizer: {kind: nesterov}
        momentum: 0
        weight_decay: 0
        layer_rates: {conv1: 2, norm1/gamma: 0}
        gradient_clipping: 5
        mirroring: image
        shift: 3
        precise_moments: 40
        overlap: on
        random_training: {distribution: sign, amplitude: 0.25, spread: 1, probability: 0.75, scope: batch, redraw: no}
        mean_training:
          {samples: 10, scale: 20, noise_samples: 30, noise_deviation: 40, noise_spread: 0.5,
           noise_mean_spread: 0.25, redraw: yes}
        adversarial_training: {strength: 0.2, spread: 0.5, share: 1, nonsense_strength: 0.4, nonsense_share: 0.75}
        validation: 500
        checkpoint: {every_steps: 12, keep: 4}
        evaluation: {attacks: [clean, "pgd:steps=20"], strengths: [0, 0.1], samples: 100}
        """

    @Test("Every key is read")
    func everyKey() throws {
        let full = try recipe(Self.full)
        #expect(full.dataDirectory == "/data/a b: #c" && full.variant == .paper)
        #expect(
            full.network.layers == [
                .convolution(.init(channels: 4, size: 3, padding: 1, stride: 2)), .batchNormalization,
                .activation(.relu), .pooling(.init(.average, size: 2, stride: 2)),
                .fullyConnected(.init(channels: 10, initialDeviation: 0.5)),
            ])
        #expect(full.loss == LossRecipe(alpha: [1, 0.5, 1e-5], p: 3))
        #expect(full.epochs == 7 && full.maxSteps == 11 && full.batch == 60 && full.accumulation == 3)
        #expect(full.lanes == 5 && full.seed == .max && full.reduction == .fast && full.learningRate == 1e-7)
        #expect(full.scaling.referenceBatch == 30 && Float(full.baseLearningRate) == 2e-7)
        #expect(full.schedule == Schedule(.step, epochs: [2, 4], factor: 0.3, warmupEpochs: 1.5, floor: 0.1))
        #expect(full.momentum == 0 && full.weightDecay == 0 && full.layerRates == ["conv1": 2, "norm1/gamma": 0])
        #expect(full.gradientClipping == 5 && full.mirroring == .image)
        #expect(
            full.randomTraining
                == RandomTraining(
                    distribution: .sign, amplitude: 0.25, spread: 1, probability: 0.75, scope: .batch, redraw: false))
        #expect(
            full.meanTraining
                == MeanTraining(
                    samples: 10, scale: 20, noiseSamples: 30, noiseDeviation: 40, noiseSpread: 0.5,
                    noiseMeanSpread: 0.25, redraw: true))
        #expect(full.shift == 3 && full.preciseMoments == 40 && full.overlap == .on)
        #expect(
            full.adversarialTraining
                == AdversarialTraining(
                    strength: 0.2, spread: 0.5, share: 1, nonsenseStrength: 0.4, nonsenseShare: 0.75))
        let implied = try recipe("dataset: mnist", "adversarial_training={strength: 0.2, share: 0.5}")
        #expect(implied.adversarialTraining == AdversarialTraining(strength: 0.2, share: 0.5))
        let fraction = try recipe("dataset: mnist", "adversarial_training={strength: 8/255, share: 1/2}")
        #expect(fraction.adversarialTraining == AdversarialTraining(strength: 8 / 255, share: 0.5))
        #expect(throws: (any Error).self) { try recipe("dataset: mnist", "learning_rate=1/0") }
        #expect(implied.adversarialTraining?.nonsenseStrength == 0.2)
        #expect(implied.adversarialTraining?.nonsenseShare == 0.5)
        #expect(full.validation == 500 && full.checkpoint == CheckpointRecipe(everySteps: 12, keep: 4))
        #expect(
            full.evaluation
                == EvaluationRecipe(attacks: ["clean", "pgd:steps=20"], strengths: [0, 0.1], samples: 100))
    }

    @Test("A rule has its own settings, null stands for those of the others, and a word alone is the rule")
    func optimizers() throws {
        #expect(try recipe("dataset: mnist").optimizer == OptimizerRecipe(.sgd))
        #expect(try recipe("dataset: mnist\noptimizer: nesterov\nmomentum: 0.8").momentum == 0.8)
        let adam = try recipe("dataset: mnist", "optimizer={kind: adamw, beta2: 0.95}")
        #expect(adam.optimizer == OptimizerRecipe(.adamw, beta2: 0.95) && adam.yaml.contains("\nmomentum: null\n"))
        #expect(try recipe(adam.yaml) == adam)
        #expect(
            refusal("dataset: mnist\noptimizer: adam\nmomentum: 0.9")
                == "r.yaml: momentum is 0.9, but adam has optimizer.beta1: leave it out")
        #expect(
            refusal("dataset: mnist\noptimizer: {beta2: 0.9}")
                == "r.yaml: optimizer.beta2 is 0.9, but belongs to the kinds adam and adamw")
    }

    private static let own = "dataset: a\nnetwork: {architecture: custom, layers: [{fully_connected: {channels: 3}}]}"

    @Test("Networks of one's own start from He's weights and pixels of unit range; the paper's from theirs")
    func starts() throws {
        let own = try recipe(Self.own)
        #expect(own.initialization == .he && own.inputScale == [1 / 255.0])
        let shape = ImageShape(height: 2, width: 2, channels: 2)
        let network = try own.network(input: shape, classes: 3)
        #expect(network.initialization == .he && network.inputScale == [Float(1 / 255.0)])
        let paper = try recipe("dataset: mnist")
        #expect(paper.initialization == nil && paper.inputScale == [1] && paper.yaml.contains("input_scale: 1.0\n"))
        #expect(try recipe("dataset: mnist\nnetwork: {architecture: lenet}").inputScale == [1 / 255.0])
        #expect(try recipe(Self.own, "network.activation=mrelu").initialization == nil)
        let channels = try recipe(Self.own, "input_scale=[1, 0.5]", "initialization=xavier")
        #expect(channels.inputScale == [1, 0.5] && channels.initialization == .xavier)
        #expect(try recipe(channels.yaml) == channels)
        #expect(throws: (any Error).self) {
            try recipe(Self.own, "input_scale=[1, 2, 3]").network(input: shape, classes: 3)
        }
        #expect(
            refusal("dataset: mnist\ninitialization: he")
                == "r.yaml: initialization is he, but the weights of this network have deviations of their own: it is "
                + "for network.architecture custom and network.activation plain")
        #expect(refusal(Self.own, "input_scale=0").contains("input_scale is 0; allowed: a number, above 0"))
    }

    @Test("A resolved recipe of before there was input_scale keeps its pixels, as a recipe and as the run's")
    func earlierValues() throws {
        let old = try recipe(Self.own).yaml.split(separator: "\n").filter {
            !$0.hasPrefix("input_scale") && !$0.hasPrefix("initialization")
        }.joined(separator: "\n")
        #expect(try recipe(old).inputScale == [1])
        #expect(try recipe(old, "input_scale=0.5").inputScale == [0.5])
        #expect(try Recipe.parse(yaml: Self.own, resuming: old).inputScale == [1])
        #expect(try Recipe.parse(yaml: old, resuming: old).resultDifferences(from: try recipe(old)).isEmpty)
    }

    @Test(
        "A resolved recipe has every key, reads back equal, and is written the same again",
        arguments: [full, "dataset: cifar10"])
    func roundTrip(text: String) throws {
        let first = try recipe(text)
        let second = try Recipe.parse(yaml: first.yaml)
        #expect(second == first && second.yaml == first.yaml && second.digest == first.digest)
        for key in ["data_directory", "network", "  layers", "reference_batch", "layer_rates", "evaluation", "  keep"] {
            #expect(first.yaml.contains("\n\(key):"), "\(key)")
        }
    }

    @Test(
        "Texts that look like something else are written in quotes", arguments: ["yes", "12", "a: b", "é\n\"\\", "~"])
    func quotes(name: String) throws {
        var first = try recipe("dataset: mnist")
        first.dataset = name
        #expect(try Recipe.parse(yaml: first.yaml).dataset == name)
    }

    @Test("true means the defaults, false and null mean off, a mapping overrides single values")
    func toggles() throws {
        let text =
            "dataset: mnist\nrandom_training: {amplitude: 0.3}\nmean_training: true\nadversarial_training: false\n"
        let found = try recipe(text + "evaluation:")
        #expect(
            found.randomTraining
                == RandomTraining(distribution: .sign, amplitude: 0.3, probability: 0.5, scope: .image, redraw: false))
        #expect(found.meanTraining?.samples == 6000)
        #expect(found.adversarialTraining == nil && found.evaluation == nil)
        #expect(try recipe("dataset: cifar10\nadversarial_training: on").adversarialTraining?.strength == 0.03)
        #expect(
            try recipe("dataset: mnist\nadversarial_training: true").adversarialTraining
                == .init(strength: 0.1, share: 0.5))
        let evaluation = try recipe("dataset: mnist\nevaluation: true").evaluation
        #expect(evaluation?.attacks == ["clean", "fgs-lmax", "nonsense", "noise-sign"])
    }

    @Test("A bare word is a schedule, and may be refined")
    func bareSchedule() throws {
        #expect(try recipe("dataset: mnist\nschedule: cosine").schedule == Schedule(.cosine))
        let refined = try recipe("dataset: mnist\nschedule: cosine", "schedule.warmup_epochs=2")
        #expect(refined.schedule == Schedule(.cosine, warmupEpochs: 2))
        #expect(try recipe("dataset: cifar10", "schedule=constant").schedule.kind == .constant)
    }

    @Test("mirroring: off and false are the same")
    func mirroringOff() throws {
        #expect(try recipe("dataset: cifar10\nmirroring: off").mirroring == .off)
        #expect(try recipe("dataset: cifar10", "mirroring=false").mirroring == .off)
        #expect(try recipe("dataset: cifar10").mirroring == .batch)
    }

    @Test("An override of any kind goes over the file, the last one wins")
    func overrides() throws {
        let base = "dataset: mnist\nrandom_training: {amplitude: 0.3, probability: 0.4}\nmean_training: true"
        let found = try recipe(
            base, "epochs=3", "epochs=4", "schedule.kind=step", "schedule.epochs=[1, 2]", "network.activation=rbf",
            "random_training={amplitude: 0.2}", "mean_training=false", "layer_rates.fc2=0.1", "layer_rates.fc1/bias=2",
            "checkpoint.keep=9", "max_steps=60", "adversarial_training.share=0.25", "data_directory=/a/b", "seed=7")
        #expect(found.epochs == 4 && found.schedule == Schedule(.step, epochs: [1, 2]))
        #expect(found.network.activation == .rbf && found.meanTraining == nil && found.checkpoint.keep == 9)
        #expect(found.randomTraining?.amplitude == 0.2 && found.randomTraining?.probability == 0.4)
        #expect(found.layerRates == ["fc2": 0.1, "fc1/bias": 2] && found.maxSteps == 60 && found.seed == 7)
        #expect(found.adversarialTraining == AdversarialTraining(strength: 0.1, share: 0.25))
        #expect(found.dataDirectory == "/a/b")
        #expect(try recipe(base + "\nmax_steps: 5", "max_steps=").maxSteps == nil)
        #expect(try recipe("", "dataset=mnist").dataset == "mnist")
    }

    @Test("The keys that overrides set are known by their dotted names, short forms spelt out")
    func keysOfOverrides() throws {
        let texts = ["seed=7", "schedule=cosine", "random_training={amplitude: 0.2, probability: 0.1}", "batch="]
        #expect(
            try Recipe.keys(setBy: texts) == [
                "seed", "schedule.kind", "random_training.amplitude", "random_training.probability", "batch",
            ])
        #expect(try Recipe.keys(setBy: []).isEmpty)
        #expect(throws: Failure(.usage, "--set seed: write it as key=value, as in --set checkpoint.keep=5")) {
            try Recipe.keys(setBy: ["seed"])
        }
    }

    @Test("The file's layer rates replace the built-in ones; an override adds to them or clears them")
    func layerRateLayers() throws {
        #expect(try recipe("dataset: cifar10\nlayer_rates: {fc2: 3}").layerRates == ["fc2": 3])
        #expect(try recipe("dataset: cifar10\nlayer_rates:").layerRates == [:])
        let robust = "dataset: cifar10\nnetwork: {activation: mrelu}"
        #expect(try recipe(robust, "layer_rates.fc2=3").layerRates == ["all": 0.1, "fc2": 3])
        let cleared = try recipe(robust, "layer_rates=null", "layer_rates.fc2=3")
        #expect(cleared.layerRates == ["fc2": 3])
        #expect(try Recipe.parse(yaml: cleared.yaml) == cleared)
    }

    @Test("The most specific layer rate wins")
    func layerRatePrecedence() throws {
        let rates = "layer_rates: {all: 2, weight: 3, fc2: 4, fc2/weight: 5, norm1: 6, gamma: 7}"
        let found = try recipe("dataset: mnist\nnetwork: {activation: rbf}\n" + rates)
        #expect(found.layerRate("fc2", "weight") == 5 && found.layerRate("fc2", "bias") == 4)
        #expect(found.layerRate("fc1", "weight") == 3 && found.layerRate("fc1", "bias") == 2)
        #expect(found.layerRate("norm1", "gamma") == 6 && found.layerRate("norm2", "gamma") == 7)
        #expect(try recipe("dataset: mnist").layerRate("fc1", "weight") == 1)
    }

    @Test("Only what changes the result counts as a change, in the digest too")
    func changes() throws {
        let old = try recipe(Self.full)
        let free = try recipe(
            Self.full, "data_directory=x", "max_steps=99", "checkpoint.keep=1", "checkpoint.every_steps=null",
            "evaluation=false", "balance=on", "data_sharing=node", "stall_timeout=5", "audit=0.5")
        #expect(free.balance && free.stallTimeout == 5 && free.audit == 0.5 && !old.balance)
        #expect(free.dataSharing == .node && old.dataSharing == .lanes)
        #expect(free.resultDifferences(from: old) == [] && free.digest == old.digest && free != old)
        let changed = try recipe(
            Self.full, "learning_rate=0.5", "schedule.floor=0", "reduction=exact", "validation=0", "lanes=4", "seed=3",
            "mean_training=false", "random_training.amplitude=0.9", "layer_rates.fc1=2", "layer_rates.conv1=1")
        #expect(
            changed.resultDifferences(from: old).map(\.key) == [
                "lanes", "seed", "reduction", "learning_rate", "schedule.floor", "layer_rates.conv1", "layer_rates.fc1",
                "random_training.amplitude", "mean_training", "validation",
            ])
        #expect(changed.digest != old.digest)
        let back = old.resultDifferences(from: changed)
        #expect(back.contains { $0.key == "layer_rates.fc1" && $0.value == nil && $0.other == "2.0" })
        #expect(back.first { $0.key == "lanes" }?.text == "lanes: 4 in the run, 5 asked for")
        let overlapped = try recipe(Self.full, "overlap=off", "seed=9")
        #expect(overlapped.comparedDifferences(from: old) == [] && old.overlap == .on)
    }

    @Test("The steps of an iterated attack reach 2.5 radii, whatever their number; what does not reach is warned of")
    func stepSizes() throws {
        func found(_ settings: String) throws -> Recipe {
            try recipe("dataset: mnist\nadversarial_training: {\(settings)}")
        }
        #expect(try found("method: pgd").adversarialTraining?.stepSize == 0.25)
        #expect(try found("method: trades, steps: 5").adversarialTraining?.stepSize == 0.5)
        #expect(try found("method: pgd, steps: 1").adversarialTraining?.stepSize == 2.5)
        #expect(try found("method: fgsm").adversarialTraining?.stepSize == 1.25)
        let own = try found("steps: 3, step_size: 0.3, method: pgd")
        #expect(own.adversarialTraining?.stepSize == 0.3 && own.warnings.first?.contains("do not reach") == true)
        #expect(try found("method: pgd, steps: 1").warnings.first?.contains("leap over") == true)
        #expect(try found("method: pgd").warnings.isEmpty)
    }

    @Test("Drawn samples are a tenth of the training images, at least one, where a data set has no number of its own")
    func drawnSamples() throws {
        let own = try recipe("dataset: fashion-mnist\nmean_training: true")
        #expect(own.meanTraining?.samples == nil && own.yaml.contains("  noise_samples: null\n"))
        #expect(own.settled(trainingImages: 600).meanTraining?.samples == 60)
        #expect(own.settled(trainingImages: 9).meanTraining?.noiseSamples == 1)
        let paper = try recipe("dataset: own\nvariant: paper\nmean_training: {samples: 7}")
        let settled = paper.settled(trainingImages: 600).meanTraining
        #expect(settled?.samples == 7 && settled?.noiseSamples == 0 && settled?.nonsenseClasses == 1)
        #expect(try recipe("dataset: glyphs\nmean_training: true").meanTraining?.samples == 1200)
    }

    @Test("A run that goes on gives its values to keys that change the result, and to no other")
    func resumed() throws {
        let run = try recipe(
            "dataset: own\nmean_training: {samples: 60}\nseed: 3\nlayer_rates: {fc1: 2}\nmax_steps: 9"
        ).yaml
        func found(_ yaml: String, _ overrides: String...) throws -> Recipe {
            try Recipe.parse(yaml: yaml, overrides: overrides, resuming: run)
        }
        let again = try found("dataset: own\nmean_training: true")
        #expect(again.meanTraining?.samples == 60 && again.seed == 3 && again.layerRates == ["fc1": 2])
        #expect(again.maxSteps == nil)
        #expect(try found("dataset: own\nseed: 4").seed == 4)
        #expect(try found("dataset: own\nmean_training: false").meanTraining == nil)
        #expect(try found("dataset: own\nlayer_rates: {fc2: 1}").layerRates == ["fc2": 1])
        #expect(try found("dataset: own", "layer_rates.fc2=1").layerRates == ["fc1": 2, "fc2": 1])
    }

    @Test(
        "Another recipe, to a report: each key of a section that only one has; the seed and operational keys are none")
    func comparison() throws {
        let base = try recipe("dataset: mnist\nrandom_training: true")
        let other = try recipe(
            "dataset: mnist\nseed: 2\noverlap: off\nadversarial_training: {method: pgd, strength: 0.25}")
        let differences = other.comparedDifferences(from: base)
        #expect(differences.map(\.key).filter { !$0.hasPrefix("adversarial_training.") } == ["random_training"])
        #expect(differences.first?.value == "null")
        #expect(differences.contains { $0.key == "adversarial_training.strength" && $0.value == "0.25" })
        #expect(base.comparedDifferences(from: base).isEmpty)
    }

    @Test("A recipe's own network is planned, plain and robust, with the data set's classes")
    func customNetwork() throws {
        let layers = """
            dataset: mine
            network:
              architecture: custom
              layers:
                - convolution: {channels: 4, size: 3}
                - activation: sigmoid
                - pooling: {kind: max, size: 2}
                - fully_connected: {channels: 8}
                - activation: relu
                - fully_connected: {channels: 3}
            """
        let shape = ImageShape(height: 12, width: 10, channels: 2)
        let plain = try recipe(layers)
        #expect(try plain.network(input: shape, classes: 3).layers == plain.network.layers)
        #expect(plain.loss.alpha == [1, 1, 0])
        let robust = try recipe(layers, "network.activation=rbf", "mean_training=true", "layer_rates.norm_fc1/beta=0")
        let plan = try NetworkPlan(try robust.network(input: shape, classes: 3))
        #expect(plan.outputs == 5 && plan.layerNames.contains("act_out"))
        #expect(throws: sentence("the last layer has to be fully_connected with the data set's 4 classes as channels"))
        {
            try plain.network(input: shape, classes: 4)
        }
        let graph = layers.replacingOccurrences(
            of: "- activation: sigmoid", with: "- {activation: sigmoid, inputs: [conv1]}")
        let named = try recipe(graph)
        #expect(named.network.layers?[1].inputs == ["conv1"] && named.yaml.contains("inputs: [conv1]"))
        #expect(try Recipe.parse(yaml: named.yaml) == named)
        #expect(throws: sentence("layers with inputs are taken as they are written; set network.activation to plain")) {
            try recipe(graph, "network.activation=rbf").network(input: shape, classes: 3)
        }
        #expect(throws: sentence("conv1 has a kernel of 3x3 on an image of 2x2x1")) {
            try plain.network(input: ImageShape(height: 2, width: 2, channels: 1), classes: 3)
        }
    }
}
