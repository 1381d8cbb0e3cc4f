import Essentials
import Foundation
import Recipes
import TestSupport
import Testing
import Training

@Suite("What a recipe refuses, in one sentence")
struct RecipeRefusalTests {
    @Test(
        "An unknown key, wherever it stands, with the nearest one",
        arguments: [
            ("datset: mnist", "datset", "dataset"), ("dataset: mnist\nmomentun: 1", "momentun", "momentum"),
            ("checkpoint: {kep: 1}", "checkpoint.kep", "checkpoint.keep"),
            ("mean_training: {sample: 1}", "mean_training.sample", "mean_training.samples"),
            ("schedule: {warmup: 1}", "schedule.warmup", "schedule.warmup_epochs"),
            ("alpha: [1, 1, 0]", "alpha", "loss.alpha"),
            ("network: {activaton: rbf}", "network.activaton", "network.activation"),
        ])
    func unknownKeys(text: String, key: String, nearest: String) {
        #expect(refusal(text) == "r.yaml: unknown key '\(key)'; did you mean '\(nearest)'?")
    }

    @Test("An unknown key that is near to none, with those that there are")
    func unknownKeyFarAway() {
        #expect(refusal("loss: {xyzzyxyzzy: 1}") == "r.yaml: unknown key 'loss.xyzzyxyzzy'; known: alpha, p")
        // A longer list than a sentence holds.
        #expect(
            refusal("xyzzyxyzzy: 1") == "r.yaml: unknown key 'xyzzyxyzzy'; `steadfast recipe schema` has all keys")
        #expect(refusal("adversarial_training: {xyzzyxyzzy: 1}").contains("known: "))
    }

    @Test("An override is named as it was given")
    func overrides() {
        let text = "dataset: mnist"
        #expect(refusal(text, "bach=3") == "--set bach=3: unknown key 'bach'; did you mean 'batch'?")
        #expect(refusal(text, "batch=0") == "--set batch=0: batch is 0; allowed: a whole number, 1 to 16777216")
        for wrong in ["batch", "=3", "a..b=1", ""] {
            #expect(refusal(text, wrong) == "--set \(wrong): write it as key=value, as in --set checkpoint.keep=5")
        }
        #expect(refusal(text, "loss=[").hasPrefix("--set loss=[: line 1: not YAML: "))
    }

    @Test(
        "A value out of range or of another type, with what is allowed",
        arguments: [
            ("epochs: 0", "epochs is 0; allowed: a whole number, 1 to 1000000"),
            ("epochs: 1.5", "epochs is 1.5; allowed: a whole number, 1 to 1000000"),
            ("epochs: \"5\"", "epochs is \"5\"; allowed: a whole number, 1 to 1000000"),
            ("epochs: [1]", "epochs is [1]; allowed: a whole number, 1 to 1000000"),
            (
                "epochs: 99999999999999999999999",
                "epochs is 99999999999999999999999; allowed: a whole number, 1 to 1000000"
            ),
            ("epochs:", "epochs is empty; allowed: a whole number, 1 to 1000000"),
            ("max_steps: 0", "max_steps is 0; allowed: a whole number, 1 to 1000000000"),
            ("lanes: 101", "lanes is 101; allowed: a whole number, 1 to 100 (batch / accumulation)"),
            ("{lanes: 26, accumulation: 4}", "lanes is 26; allowed: a whole number, 1 to 25 (batch / accumulation)"),
            ("accumulation: 3", "accumulation is 3, which does not divide the batch of 100"),
            ("seed: -1", "seed is -1; allowed: a whole number, 0 to 18446744073709551615"),
            ("learning_rate: 0", "learning_rate is 0; allowed: a number, above 0, up to 1000"),
            ("learning_rate: .nan", "learning_rate is .nan; allowed: a number, above 0, up to 1000"),
            ("learning_rate: nan", "learning_rate is nan; allowed: a number, above 0, up to 1000"),
            ("learning_rate: .inf", "learning_rate is .inf; allowed: a number, above 0, up to 1000"),
            ("learning_rate: 1e999", "learning_rate is 1e999; allowed: a number, above 0, up to 1000"),
            ("learning_rate: fast", "learning_rate is fast; allowed: a number, above 0, up to 1000"),
            ("momentum: 1", "momentum is 1; allowed: a number, 0 to below 1"),
            ("weight_decay: -0.1", "weight_decay is -0.1; allowed: a number, 0 to 1"),
            ("loss: {p: 1}", "loss.p is 1; allowed: a number, above 1, up to 100"),
            ("loss: {alpha: [1, -1, 0]}", "loss.alpha is [1, -1, 0]; allowed: a list of 3 numbers, each 0 to 1000000"),
            ("loss: {alpha: [1, 1]}", "loss.alpha is [1, 1]; allowed: a list of 3 numbers, each 0 to 1000000"),
            ("loss: {alpha: [0, 0, 0]}", "loss.alpha is zero throughout: no loss is left"),
            ("loss: 3", "loss is 3; allowed: a mapping of keys to values"),
            ("reference_batch: 0", "reference_batch is 0; allowed: a whole number, 1 to 16777216"),
            ("schedule: cosin", "schedule.kind is cosin; allowed: constant, step, cosine"),
            ("schedule: step", "schedule.epochs is []; a step schedule needs ascending epochs, as in [60, 80]"),
            (
                "schedule: {kind: step, epochs: [4, 2]}",
                "schedule.epochs is [4, 2]; a step schedule needs ascending epochs, as in [60, 80]"
            ),
            ("schedule: {epochs: 3}", "schedule.epochs is 3; allowed: a list, each a whole number, 1 to 1000000"),
            ("schedule: {factor: 0}", "schedule.factor is 0; allowed: a number, above 0, up to 1"),
            ("schedule: {warmup_epochs: -1}", "schedule.warmup_epochs is -1; allowed: a number, 0 to 1000000"),
            ("gradient_clipping: 0", "gradient_clipping is 0; allowed: a number, above 0, up to 1000000000"),
            ("reduction: exakt", "reduction is exakt; allowed: exact, fast"),
            ("mean_image: none", "mean_image is none; allowed: training, zero, initial"),
            ("mirroring: true", "mirroring is true; allowed: off, image, batch"),
            ("overlap: maybe", "overlap is maybe; allowed: off, on, auto"),
            ("shift: 256", "shift is 256; allowed: a whole number, 0 to 255"),
            ("precise_moments: -1", "precise_moments is -1; allowed: a whole number, 0 to 1000000000"),
            ("network: {activation: rbff}", "network.activation is rbff; allowed: plain, rbf, mrelu"),
            (
                "network: {architecture: zzzzzzzz}",
                "network.architecture is zzzzzzzz; allowed: mnist, cifar10, lenet, resnet, wide-resnet, cnn7, custom"
            ),
            ("variant: papers", "variant is papers; allowed: paper, released"),
            ("random_training: 3", "random_training is 3; allowed: true, false, a mapping of keys to values"),
            ("random_training: {amplitude: 2}", "random_training.amplitude is 2; allowed: a number, 0 to 1"),
            ("random_training: {probability: -1}", "random_training.probability is -1; allowed: a number, 0 to 1"),
            ("random_training: {redraw: 3}", "random_training.redraw is 3; allowed: true, false"),
            ("mean_training: {samples: 0}", "mean_training.samples is 0; allowed: a whole number, 1 to 16777216"),
            ("mean_training: {scale: 256}", "mean_training.scale is 256; allowed: a number, 0 to 255"),
            ("adversarial_training: {share: 1.1}", "adversarial_training.share is 1.1; allowed: a number, 0 to 1"),
            (
                "adversarial_training: {method: pdg}",
                "adversarial_training.method is pdg; allowed: fgs, fgsm, pgd, trades, free"
            ),
            (
                "adversarial_training: {method: fgsm, steps: 3}",
                "adversarial_training.steps is 3, but fgsm takes one step; use pgd"
            ),
            (
                "adversarial_training: {method: trades, share: 0.5}",
                "adversarial_training.share is 0.5, but trades attacks every image; leave it out"
            ),
            (
                "adversarial_training: {method: free, nonsense_share: 0.5}",
                "adversarial_training.nonsense_share is 0.5, but free attacks every image; leave it out"
            ),
            (
                "accumulation: 2\nadversarial_training: {method: free}",
                "adversarial_training.method is free, which replays whole batches: set accumulation to 1"
            ),
            (
                "validation_attack: true",
                "validation_attack needs a validation split: set validation, as in 'validation: 5000'"
            ),
            ("balance: maybe", "balance is maybe; allowed: off, on"),
            ("data_sharing: host", "data_sharing is host; allowed: lanes, node, stream"),
            ("stream_window: 199", "stream_window is 199; allowed: at least two batches, 200"),
            (
                "network: {activation: mrelu}\nlabel_smoothing: 0.1",
                "label_smoothing is 0.1, but the hybrid loss of a robust network takes no soft labels; leave it out, "
                    + "or set network.activation to plain"
            ),
            (
                "network: {activation: rbf}\ncutmix: 0.5",
                "cutmix is 0.5, but the hybrid loss of a robust network takes no soft labels; leave it out, or set "
                    + "network.activation to plain"
            ),
            (
                "cutmix: 0.5\nadversarial_training: {method: pgd}",
                "cutmix is 0.5, but adversarial training attacks images of one label; leave one of them out"
            ),
            ("shift_fill: black", "shift_fill is black; allowed: mean, zero"),
            ("stall_timeout: -1", "stall_timeout is -1; allowed: a number, 0 to 1000000"),
            ("audit: 2", "audit is 2; allowed: a number, 0 to 1"),
            ("early_stopping: 3", "early_stopping needs a validation split: set validation, as in 'validation: 5000'"),
            ("validation: 9\nearly_stopping: 0", "early_stopping is 0; allowed: a whole number, 1 to 1000000"),
            ("validation: -1", "validation is -1; allowed: a whole number, 0 to 1000000000"),
            ("checkpoint: {keep: 0}", "checkpoint.keep is 0; allowed: a whole number, 1 to 1000000"),
            ("evaluation: {attacks: []}", "evaluation.attacks is []; allowed: a list of names"),
            ("evaluation: {strengths: [2]}", "evaluation.strengths is [2]; allowed: a list of numbers, each 0 to 1"),
            ("layer_rates: {fc3: 1}", "layer_rates.fc3 names no parameter of the network; did you mean 'fc1'?"),
            (
                "layer_rates: {conv1/wieght: 1}",
                "layer_rates.conv1/wieght names no parameter of the network; did you mean 'conv1/weight'?"
            ),
            ("layer_rates: {fc2: -1}", "layer_rates.fc2 is -1; allowed: a number, 0 to 1000000"),
            (
                "network: {layers: [batch_normalization]}",
                "network.layers belong to a network of the recipe's own: set network.architecture to custom"
            ),
            (
                "network: {depth: 20}",
                "network.depth is 20, but belongs to the architecture resnet and wide-resnet"
            ),
            (
                "network: {architecture: wide-resnet, width: 16}",
                "network.width is 16, but belongs to the architecture resnet"
            ),
            (
                "network: {architecture: resnet, depth: 21}",
                "network.depth is 21; allowed: 6 n + 2, as in 20"
            ),
            (
                "network: {architecture: wide-resnet, depth: 20}",
                "network.depth is 20; allowed: 6 n + 4, as in 22"
            ),
            (
                "network: {architecture: cnn7, pre_activation: true}",
                "network.pre_activation is true, but belongs to the architecture resnet"
            ),
            (
                "network: {architecture: custom}",
                "network.layers are missing: network.architecture is custom, so list the plain network's layers"
            ),
        ])
    func values(text: String, sentence: String) {
        let yaml = text.hasPrefix("{") ? "{dataset: mnist, " + text.dropFirst() : "dataset: mnist\n" + text
        #expect(refusal(String(yaml)) == "r.yaml: " + sentence)
    }

    private static let activations =
        "identity, relu, sigmoid, rbf, mrelu, leaky_relu, silu, hard_swish, tanh, clip"

    @Test(
        "A layer that is not one",
        arguments: [
            ("convolutoin: {channels: 3}", ": unknown layer 'convolutoin'; did you mean 'convolution'?"),
            ("convolution: {channels: 3}", ".convolution has no size"),
            ("convolution: {channels: 0, size: 3}", ".convolution.channels is 0; allowed: a whole number, 1 to 65536"),
            ("convolution: 3", ".convolution is 3; allowed: a mapping of keys to values"),
            ("activation: rellu", ".activation is rellu; allowed: \(Self.activations)"),
            ("activation: clip:low=7", ".activation is clip:low=7; allowed: \(Self.activations)"),
            ("activation", ".activation has no function; allowed: \(Self.activations)"),
            ("pooling: {size: 2}", ".pooling has no kind; allowed: max, average"),
            ("pooling: {kind: max, size: 99}", ".pooling.size is 99; allowed: a whole number, 1 to 15"),
        ])
    func layers(text: String, sentence: String) {
        let found = refusal("dataset: a\nnetwork:\n  architecture: custom\n  layers:\n    - \(text)")
        #expect(found == "r.yaml: network.layers[1]" + sentence)
        let key = refusal("dataset: a\nnetwork: {architecture: custom, layers: [{pooling: {kind: max, sise: 2}}]}")
        let name = "network.layers[1].pooling"
        #expect(key == "r.yaml: unknown key '\(name).sise'; did you mean '\(name).size'?")
    }

    @Test("No data set, no mapping, no YAML")
    func noRecipe() {
        #expect(refusal("") == "r.yaml: no data set; add 'dataset: mnist', cifar10, glyphs or another one")
        #expect(refusal("[1, 2]") == "r.yaml: a recipe is a mapping of keys to values")
        #expect(refusal("mnist") == "r.yaml: a recipe is a mapping of keys to values")
        #expect(refusal("a: [1") == "r.yaml: line 1: not YAML: did not find expected ',' or ']'")
        #expect(refusal("a: 1\n---\nb: 2").contains("not YAML: but found another document"))
        #expect(refusal("a: \u{1}").hasPrefix("r.yaml: not YAML: "))
        #expect(refusal("{[1]: 2}") == "r.yaml: line 1: a key has to be one word")
    }

    @Test("A key given twice")
    func duplicates() {
        #expect(refusal("dataset: mnist\nbatch: 1\nbatch: 2") == "r.yaml: line 2: key 'batch' is given twice")
        #expect(refusal("dataset: mnist\nloss: {p: 2, 'p': 3}").hasSuffix("key 'p' is given twice"))
    }

    @Test("Anchors and aliases, a bomb of them in keys included, and text without end")
    func hostileText() {
        let sentence = "r.yaml: a recipe has no anchors (&) and aliases (*); write the values out"
        #expect(refusal("dataset: &a mnist\nvariant: *a") == sentence)
        var bomb = "a0: &a0 [x, x]\n"
        for i in 1..<40 { bomb += "? &a\(i) [*a\(i - 1), *a\(i - 1), *a\(i - 1)]\n: 1\n" }
        #expect(refusal(bomb) == sentence)
        #expect(refusal("a: &a [*a]") != "accepted")
        #expect(refusal(String(repeating: "#", count: 1 << 20 + 1)) == "r.yaml: more than 1 MiB is not a recipe")
        for text in ["[", "{", "- ", "? ", "{a: ", "a: {", "\"", "!!binary ", "!<x> "] {
            #expect(refusal(String(repeating: text, count: 100_000)) != "accepted")
        }
    }

    @Test("A key of a megabyte, and a hundred thousand keys")
    func largeText() {
        let long = refusal(String(repeating: "x", count: 1000) + ": 1")
        #expect(long.count < 600 && long.contains("unknown key 'xxx"))
        #expect(refusal("\"" + String(repeating: "x", count: 1_000_000) + "\": 1") != "accepted")
        let many = (0..<70_000).map { "  r\($0): 1\n" }.joined()
        #expect(refusal("dataset: mnist\nlayer_rates:\n" + many).contains("layer_rates has 70000 keys"))
        #expect(refusal((0..<70_000).map { "r\($0): 1\n" }.joined()).contains("unknown key 'r0'"))
    }
}

@Suite("Where a recipe is found")
struct RecipeLoadingTests {
    private func failure(_ name: String, _ environment: [String: String] = [:]) -> Failure? {
        do {
            _ = try Recipe.load(name, environment: environment)
            return nil
        } catch { return error as? Failure }
    }

    @Test("A name means the user's folder before the package's own, a path means itself, and overrides hold for both")
    func places() throws {
        try withTemporaryDirectory { folder in
            try "dataset: kmnist".write(toFile: folder + "/mnist-plain.yaml", atomically: true, encoding: .utf8)
            let environment = ["STEADFAST_RECIPES": folder]
            #expect(try Recipe.load("mnist-plain", environment: environment).dataset == "kmnist")
            #expect(try Recipe.load("mnist-plain", environment: ["STEADFAST_RECIPES": ""]).dataset == "mnist")
            #expect(try Recipe.load("mnist-rbf", environment: environment).network.activation == .rbf)
            let path = folder + "/mnist-plain.yaml"
            #expect(try Recipe.load(path, overrides: ["epochs=2"], environment: [:]).epochs == 2)
        }
    }

    @Test("A recipe that is not there names the nearest one and the places")
    func missing() throws {
        let name = failure("mnist-mrelu-r-mm")
        #expect(name?.code == .noInput)
        #expect(name?.message.contains("no recipe 'mnist-mrelu-r-mm' in ") == true)
        #expect(name?.message.contains("cluster/recipes; did you mean 'mnist-mrelu-r-m'?") == true)
        let path = failure("/nowhere/mnist-plian.yaml")
        #expect(path == Failure(.noInput, "no recipe at /nowhere/mnist-plian.yaml; did you mean 'mnist-plain'?"))
        #expect(failure("here.yaml")?.code == .noInput)
    }

    @Test("A byte order mark is passed over")
    func byteOrderMark() throws {
        try withTemporaryDirectory { folder in
            try Data([0xEF, 0xBB, 0xBF] + Array("dataset: mnist".utf8))
                .write(to: URL(fileURLWithPath: folder + "/a.yaml"))
            #expect(try Recipe.load(folder + "/a.yaml", environment: [:]).dataset == "mnist")
        }
    }

    @Test("What is no readable text is refused, and a refusal names the file")
    func unreadable() throws {
        try withTemporaryDirectory { folder in
            #expect(failure(folder + "/")?.code == .noInput)
            #expect(failure("/dev/zero") == Failure(.usage, "/dev/zero: more than 1 MiB is not a recipe"))
            let path = folder + "/a.yaml"
            try Data([0x64, 0xFF, 0xFE]).write(to: URL(fileURLWithPath: path))
            #expect(failure(path) == Failure(.usage, "\(path): not a text in UTF-8"))
            try "dataset: mnist\nbatsh: 3".write(toFile: path, atomically: true, encoding: .utf8)
            #expect(failure(path) == Failure(.usage, "\(path): unknown key 'batsh'; did you mean 'batch'?"))
        }
    }
}
