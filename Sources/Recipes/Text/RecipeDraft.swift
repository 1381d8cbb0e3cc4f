import Datasets
import Essentials
import Networks

extension Recipe {
    /// A commented recipe for a data set that is there, as a start: the architecture by the size of its images,
    /// batch, epochs and validation split by their number.
    ///
    /// - Parameter name: the data set as `Dataset.locate` takes it.
    /// - Throws: `Failure` 64 where no architecture takes its images, or it has no training images.
    public static func draft(_ name: String, _ dataset: DatasetDescription) throws -> String {
        guard dataset.trainCount > 0 else {
            throw Failure(.usage, "\(name) has no training images: a recipe needs some")
        }
        let validation = dataset.trainCount < 20 ? 0 : min(5_000, dataset.trainCount / 10)
        // Some steps at least make an epoch, and some hundred the training: of few images a network learns little in 20
        // epochs of large batches.
        let images = dataset.trainCount - validation
        let batch = min(100, max(1, images / (images < 64 ? 4 : 16)))
        let epochs = min(100, max(20, (600 * batch + images - 1) / images))
        let lanes = min(8, batch)
        let (network, reason) = try network(for: dataset)
        var values: [(key: String, value: String)] = [("dataset", RecipeNode.text(name).flow)]
        values.append(("network", network))
        values += [("epochs", "\(epochs)"), ("batch", "\(batch)"), ("lanes", "\(lanes)")]
        values += [("learning_rate", network.contains("resnet") ? "0.1" : "0.01")]
        values += [("schedule", "{kind: cosine, warmup_epochs: 1}"), ("weight_decay", "0.0005")]
        values.append(("validation", "\(validation)"))
        let isKnown = Dataset.knownNames.contains(dataset.name)
        let radius =
            isKnown
            ? DatasetDefaults.of(dataset.name).adversarialStrength : dataset.shape.channels == 1 ? 0.3 : 8.0 / 255
        let evaluation = "{attacks: [clean, pgd], strengths: [\(short(radius / 4)), \(short(radius))]}"
        values.append(("evaluation", evaluation))
        let off = [
            ("shift", "2"), ("mirroring", "image"), ("random_training", "true"), ("mean_training", "true"),
            ("adversarial_training", "{method: pgd, strength: \(short(radius))}"),
        ]
        let shape = dataset.shape
        let head = """
            # \(dataset.name): \(dataset.trainCount) training and \(dataset.testCount) test images of \
            \(shape.height)x\(shape.width)x\(shape.channels), \(dataset.classes) classes.
            # \(reason) Every key, its range and default: steadfast recipe reference

            """
        func line(_ key: String, _ value: String, isOff: Bool = false) -> String {
            let words = keys.first { $0.name == key }?.facts.documentation ?? ""
            return "\n# \(words)\n\(isOff ? "# " : "")\(key): \(value)\n"
        }
        let text =
            head + values.map { line($0.key, $0.value) }.joined()
            + "\n# What makes a network robust, off by default.\n"
            + off.map { line($0.0, $0.1, isOff: true) }.joined()
        // What is handed out is a recipe of this data set.
        let recipe = try parse(yaml: text, source: "the draft")
        _ = try recipe.settled(trainingImages: dataset.trainCount - validation)
            .network(input: dataset.shape, classes: dataset.classes)
        return text
    }

    /// To four decimals.
    private static func short(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }

    /// The first architecture of the field that takes the images, and why.
    private static func network(for dataset: DatasetDescription) throws -> (text: String, reason: String) {
        let shape = dataset.shape
        let own = DatasetDefaults.of(dataset.name).architecture
        let isKnown = Dataset.knownNames.contains(dataset.name)
        let isSmall = max(shape.height, shape.width) <= 32
        let small = isSmall && shape.channels == 1
        let names = (isKnown ? [own] : []) + (small ? ["mnist", "lenet", "resnet"] : ["resnet", "cnn7", "lenet"])
        for name in names {
            guard let architecture = Architecture(rawValue: name) else { continue }
            let recipe = Recipe.defaults(dataset: dataset.name, architecture: architecture)
            guard (try? recipe.network(input: shape, classes: dataset.classes)) != nil else { continue }
            let size = isKnown && name == own ? "The data set's own network." : "The network goes by the images' size."
            return ("{architecture: \(name)}", size)
        }
        throw Failure(
            .usage,
            "no architecture takes images of \(shape.height)x\(shape.width)x\(shape.channels): write the layers out "
                + "(network.architecture: custom)")
    }
}
