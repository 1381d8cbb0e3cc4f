import Datasets
import Foundation
import Kernels
import MessagePassing
import Networks
import Recipes
import TestSupport
import Testing
import Training

@Suite("The shipped recipes")
struct RecipeShippedTests {
    static let paper = ["mnist", "cifar10"].flatMap { data in
        ["plain", "plain-a", "plain-r", "plain-r-m", "rbf", "rbf-r", "rbf-r-m", "mrelu", "mrelu-r", "mrelu-r-m"]
            .map { "\(data)-\($0)" }
    }
    /// Beyond the paper's best.
    static let better = ["mnist-mrelu-r-m-a", "cifar10-mrelu-r-m-a"]
    static let all = paper + better + ["glyphs-plain", "glyphs-mrelu-r-m"]
    /// For global batches of a thousand and more.
    static let large = [1600, 6400]
    /// Residual networks.
    static let residual = ["cifar10-resnet20", "cifar10-resnet20-mrelu-r-m"]
    /// The one of the page "Write your own network".
    static let own = ["glyphs-residual"]
    /// Networks that withstand iterated attacks.
    static let robust = ["mnist-relu-pgd"]

    private func plan(_ recipe: Recipe) throws -> NetworkPlan {
        let input =
            recipe.dataset == "cifar10"
            ? ImageShape(height: 32, width: 32, channels: 3) : ImageShape(height: 28, width: 28, channels: 1)
        return try NetworkPlan(try recipe.network(input: input, classes: 10))
    }

    @Test("Their numbers are numbers to readers of YAML 1.1 too, to which 1e-4 is a word")
    func numbers() throws {
        for name in Recipe.names(environment: [:]) {
            let text = try String(contentsOfFile: "\(packageFolder)/cluster/recipes/\(name).yaml", encoding: .utf8)
            #expect(text.firstMatch(of: /[ \[:]\d+e[-+]?\d/) == nil, "\(name)")
        }
    }

    @Test(
        "There is one for every model of the paper, the others of the book, and no more"
    )
    func complete() {
        let names = Self.all + Self.own + Self.robust + Self.residual + Self.large.map { "mnist-mrelu-r-m-\($0)" }
        #expect(Recipe.names(environment: [:]) == names.sorted())
    }

    @Test("Those for large batches are their model but for batch, lanes and learning rate", arguments: large)
    func largeBatches(batch: Int) throws {
        var recipe = try Recipe.load("mnist-mrelu-r-m-\(batch)", environment: [:])
        #expect(recipe.batch == batch && recipe.lanes == 64)
        let model = try Recipe.load("mnist-mrelu-r-m", environment: [:])
        // 72,000 samples.
        let steps = (72_000 + batch - 1) / batch
        let rates = [0, 5 * steps - 1].map { recipe.learningRate(step: $0, stepsPerEpoch: steps) }
        #expect(rates[0] < 0.02 * rates[1] && rates[1] > 4 * model.learningRate)
        (recipe.batch, recipe.lanes) = (model.batch, model.lanes)
        (recipe.learningRate, recipe.scaling, recipe.schedule) = (model.learningRate, model.scaling, model.schedule)
        #expect(recipe == model)
    }

    @Test("Each loads, says what its name says, and its network plans with the right outputs", arguments: all)
    func loads(name: String) throws {
        let recipe = try Recipe.load(name, environment: [:])
        let parts = name.split(separator: "-").map(String.init)
        #expect(recipe.dataset == parts[0])
        #expect(recipe.network.activation.rawValue == parts[1])
        #expect((recipe.adversarialTraining != nil) == parts.contains("a"))
        #expect((recipe.randomTraining != nil) == parts.contains("r"))
        #expect((recipe.meanTraining != nil) == parts.contains("m"))
        #expect(recipe.variant == .released && recipe.lanes == 8)
        let plan = try plan(recipe)
        #expect(plan.outputs == (parts.contains("m") ? 12 : 10))
        #expect((plan.network.hybridLoss == nil) == (parts[1] == "plain"))
        #expect(try Recipe.parse(yaml: recipe.yaml) == recipe)
    }

    @Test("The residual ones are ResNet-20, plain and of mReLUs", arguments: residual)
    func residualOnes(name: String) throws {
        let recipe = try Recipe.load(name, environment: [:])
        #expect(recipe.network.depth == 20 && recipe.network.width == 16 && recipe.network.widen == nil)
        let plan = try plan(recipe)
        #expect(plan.convolutions.count == 22 && plan.outputs == (recipe.meanTraining == nil ? 10 : 12))
        #expect(recipe.learningRate(step: 0, stepsPerEpoch: 391) < 0.001)
        #expect(try Recipe.parse(yaml: recipe.yaml) == recipe)
    }

    @Test("Each robust one trains on attacks of its evaluation's kind and keeps images to choose by", arguments: robust)
    func robustOnes(name: String) throws {
        let recipe = try Recipe.load(name, environment: [:])
        #expect(recipe.adversarialTraining != nil && recipe.validation > 0)
        #expect(try plan(recipe).outputs == 10)
        #expect(try Recipe.parse(yaml: recipe.yaml) == recipe)
    }

    @Test("Each says its essentials itself, and they are the paper's defaults", arguments: paper)
    func essentials(name: String) throws {
        let recipe = try Recipe.load(name, environment: [:])
        let defaults = Recipe.defaults(dataset: recipe.dataset, activation: recipe.network.activation)
        #expect(recipe.epochs == defaults.epochs && recipe.batch == defaults.batch)
        #expect(recipe.learningRate == defaults.learningRate && recipe.schedule == defaults.schedule)
        #expect(recipe.layerRates == defaults.layerRates && recipe.weightDecay == defaults.weightDecay)
    }

    @Test("The networks have the layer names that checkpoints use")
    func layerNames() throws {
        let mnist = try plan(try Recipe.load("mnist-mrelu-r-m", environment: [:]))
        let names = "conv1 norm1 act1 pool1 conv2 norm2 act2 pool2 fc1 norm_fc1 act_fc1 fc2 act_out"
        #expect(mnist.layerNames.joined(separator: " ") == names)
        let cifar = try plan(try Recipe.load("cifar10-plain", environment: [:]))
        let plain = "conv1 pool1 act1 conv2 act2 pool2 conv3 act3 pool3 fc1 act_fc1 fc2"
        #expect(cifar.layerNames.joined(separator: " ") == plain)
    }

    @Test("The optimisers are those of the released code")
    func optimisers() throws {
        let mnist = try Recipe.load("mnist-rbf-r-m", environment: [:])
        #expect(mnist.epochs == 20 && mnist.batch == 100 && mnist.learningRate == 0.001)
        #expect(mnist.schedule.kind == .constant && mnist.momentum == 0.9 && mnist.weightDecay == 5e-4)
        #expect(mnist.mirroring == .off && mnist.loss == LossRecipe(alpha: [1, 1, 0]))
        let cifar = try Recipe.load("cifar10-mrelu-r-m", environment: [:])
        #expect(cifar.epochs == 90 && cifar.batch == 50 && cifar.learningRate == 0.05 && cifar.weightDecay == 1e-4)
        #expect(cifar.schedule == Schedule(.step, epochs: [60, 80], factor: 0.1))
        #expect(cifar.mirroring == .batch && cifar.loss == LossRecipe(alpha: [1, 1, 1.0 / 9]))
        #expect(cifar.layerRate("norm2", "gamma") == 0.1)
        let plain = try Recipe.load("cifar10-plain", environment: [:])
        #expect(plain.epochs == 45 && plain.batch == 100 && plain.schedule.epochs == [30, 40])
        #expect(plain.layerRate("conv2", "weight") == 0.1 && plain.layerRate("conv2", "bias") == 2)
        #expect(plain.layerRate("fc2", "weight") == 0.01 && plain.layerRate("fc2", "bias") == 0.2)
    }

    @Test("The drawn samples are those of the released code, and of the text in the paper's variant")
    func drawnSamples() throws {
        let mnist = try Recipe.load("mnist-rbf-r-m", environment: [:])
        #expect(
            mnist.randomTraining
                == RandomTraining(distribution: .sign, amplitude: 0.5, probability: 0.5, scope: .image, redraw: false))
        #expect(
            mnist.meanTraining
                == MeanTraining(samples: 6000, scale: 255, noiseSamples: 6000, noiseDeviation: 127.5))
        let cifar = try Recipe.load("cifar10-rbf-r-m", environment: [:])
        #expect(
            cifar.randomTraining
                == RandomTraining(distribution: .sign, amplitude: 0.15, probability: 0.5, scope: .batch, redraw: true))
        #expect(
            cifar.meanTraining == MeanTraining(samples: 2500, scale: 64, noiseSamples: 2500, noiseDeviation: 96))
        let paper = try Recipe.load("cifar10-rbf-r-m", overrides: ["variant=paper"], environment: [:])
        #expect(
            paper.randomTraining
                == RandomTraining(
                    distribution: .uniform, amplitude: 0.15, probability: 0.5, scope: .image, redraw: true)
        )
        #expect(paper.meanTraining?.noiseSamples == 0)
        let plan = try plan(paper)
        #expect(plan.outputs == 11)
        #expect(plan.network.hybridLoss?.tolerance == nil)
        #expect(try self.plan(cifar).network.hybridLoss?.tolerance == 2.2e-16)
    }

    @Test("The glyphs' recipes see fewer than 240,000 images: two minutes at 2,000 a second", arguments: all.suffix(2))
    func short(name: String) throws {
        let recipe = try Recipe.load(name, environment: [:])
        let drawn = (recipe.meanTraining?.samples ?? 0) + (recipe.meanTraining?.noiseSamples ?? 0)
        #expect(recipe.epochs * (12_000 + drawn) < 240_000)
    }

    @Test("A resolved recipe reads like this")
    func resolved() throws {
        let recipe = try Recipe.load("cifar10-rbf-r-m", overrides: ["data_directory=/data"], environment: [:])
        #expect(
            recipe.yaml == """
                dataset: cifar10
                data_directory: /data
                variant: released
                network:
                  architecture: cifar10
                  activation: rbf
                  depth: null
                  width: null
                  widen: null
                  pre_activation: false
                  stabilizer: null
                  layers: null
                initialization: null
                initial_weights: null
                fresh_layers: []
                input_scale: 1.0
                loss:
                  alpha: [1.0, 1.0, 0.1111111111111111]
                  p: 2.0
                epochs: 90
                max_steps: null
                batch: 50
                accumulation: 1
                lanes: 8
                seed: 1
                reduction: exact
                learning_rate: 0.05
                reference_batch: null
                schedule:
                  kind: step
                  epochs: [60, 80]
                  factor: 0.1
                  warmup_epochs: 0.0
                  floor: 0.0
                optimizer:
                  kind: sgd
                  beta1: null
                  beta2: null
                  epsilon: null
                momentum: 0.9
                weight_decay: 0.0001
                layer_rates:
                  all: 0.1
                gradient_clipping: null
                mean_image: training
                mirroring: batch
                shift: 0
                shift_fill: mean
                cutout: 0
                precise_moments: 200
                random_training:
                  distribution: sign
                  amplitude: 0.15
                  spread: 0.0
                  probability: 0.5
                  scope: batch
                  redraw: true
                mean_training:
                  samples: 2500
                  scale: 64.0
                  noise_samples: 2500
                  noise_deviation: 96.0
                  noise_spread: 0.0
                  noise_mean_spread: 0.0
                  redraw: false
                adversarial_training: null
                cutmix: 0.0
                label_smoothing: 0.0
                validation: 0
                validation_split: random
                validation_attack: null
                early_stopping: null
                balance: off
                data_sharing: lanes
                stream_window: null
                overlap: auto
                stall_timeout: 300.0
                audit: 0.0
                checkpoint:
                  every_steps: null
                  keep: 3
                evaluation: null

                """)
    }
}
