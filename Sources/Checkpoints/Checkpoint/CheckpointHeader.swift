import Essentials
import HDF5Files

/// The root attributes of a checkpoint, but `format`, `format_version` and `content_digest`. Each is stored under its
/// name in snake_case.
public struct CheckpointHeader: Equatable, Sendable {
    /// The version of the product that wrote the file.
    public var productVersion: String
    /// Optimiser updates done.
    public var step: Int
    /// Epochs completed.
    public var epoch: Int
    /// The seed of every random number of the run.
    public var seed: UInt64
    /// Lanes of the data set and of every batch.
    public var lanes: Int
    /// Ranks that computed the last step. The weights do not depend on it.
    public var worldSize: Int
    /// `paper` or `released`; `imported` for a network that another program trained.
    public var variant: String
    /// The data set's name.
    public var dataset: String
    /// The digest of the data set's content.
    public var datasetDigest: String
    /// Classes of the data set (nonsense outputs not counted).
    public var classes: Int
    /// The resolved recipe, YAML.
    public var recipe: String
    /// The network, JSON.
    public var network: String
    /// When it was written: UTC, ISO 8601.
    public var created: String
    /// The names of the classes; nil where they are numbers.
    public var classNames: [String]?
    /// The name of the file that the network was imported from; nil for one of our own.
    public var sourceFile: String?
    /// The SHA-256 of that file.
    public var sourceDigest: String?
    /// The SHA-256 of the content of the checkpoint that the run started from; nil where it drew its weights.
    public var initialWeightsDigest: String?

    /// Makes a header.
    public init(
        productVersion: String, step: Int, epoch: Int, seed: UInt64, lanes: Int, worldSize: Int, variant: String,
        dataset: String, datasetDigest: String, classes: Int, recipe: String, network: String, created: String,
        classNames: [String]? = nil, sourceFile: String? = nil, sourceDigest: String? = nil,
        initialWeightsDigest: String? = nil
    ) {
        self.productVersion = productVersion
        self.step = step
        self.epoch = epoch
        self.seed = seed
        self.lanes = lanes
        self.worldSize = worldSize
        self.variant = variant
        self.dataset = dataset
        self.datasetDigest = datasetDigest
        self.classes = classes
        self.recipe = recipe
        self.network = network
        self.created = created
        self.classNames = classNames
        self.sourceFile = sourceFile
        self.sourceDigest = sourceDigest
        self.initialWeightsDigest = initialWeightsDigest
    }

    var attributes: [String: HDF5Attribute] {
        var attributes: [String: HDF5Attribute] = [
            "product_version": .string(productVersion), "step": .int64(Int64(step)), "epoch": .int64(Int64(epoch)),
            "seed": .uint64(seed), "lanes": .int64(Int64(lanes)), "world_size": .int64(Int64(worldSize)),
            "variant": .string(variant), "dataset": .string(dataset), "dataset_digest": .string(datasetDigest),
            "classes": .int64(Int64(classes)), "recipe": .string(recipe), "network": .string(network),
            "created": .string(created),
        ]
        attributes[ClassNames.attribute] = classNames.map { .string(ClassNames.text($0)) }
        attributes["source_file"] = sourceFile.map { .string($0) }
        attributes["source_digest"] = sourceDigest.map { .string($0) }
        attributes["initial_weights_digest"] = initialWeightsDigest.map { .string($0) }
        return attributes
    }

    /// Reads the header from root attributes; numbers are checked to be in the range in which they can be computed
    /// with.
    init(_ attributes: HeaderAttributes) throws {
        productVersion = try attributes.text("product_version")
        step = try attributes.integer("step", 0...1_000_000_000_000)
        epoch = try attributes.integer("epoch", 0...1_000_000_000_000)
        seed = try attributes.unsigned("seed")
        lanes = try attributes.integer("lanes", 1...1_000_000)
        worldSize = try attributes.integer("world_size", 1...1_000_000)
        variant = try attributes.text("variant")
        dataset = try attributes.text("dataset")
        datasetDigest = try attributes.text("dataset_digest")
        classes = try attributes.integer("classes", 1...1_000_000)
        recipe = try attributes.text("recipe")
        network = try attributes.text("network")
        created = try attributes.text("created")
        let names = try attributes.textIfPresent(ClassNames.attribute)
        classNames = try names.map { try ClassNames.read($0, classes: classes) }
        sourceFile = try attributes.textIfPresent("source_file")
        sourceDigest = try attributes.textIfPresent("source_digest")
        initialWeightsDigest = try attributes.textIfPresent("initial_weights_digest")
    }
}

/// Root attributes, asked for by name and type.
struct HeaderAttributes {
    let values: [String: HDF5Attribute]

    func text(_ name: String) throws -> String {
        guard case .string(let text) = try value(name) else { throw wrongType(name, "text") }
        return text
    }

    func textIfPresent(_ name: String) throws -> String? {
        values[name] == nil ? nil : try text(name)
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws -> Int {
        guard case .int64(let number) = try value(name) else { throw wrongType(name, "an integer") }
        guard let number = Int(exactly: number), range.contains(number) else {
            throw Failure(.data, "its attribute '\(name)' is \(number), not in \(range)")
        }
        return number
    }

    func unsigned(_ name: String) throws -> UInt64 {
        switch try value(name) {
        case .uint64(let number): return number
        case .int64(let number) where number >= 0: return UInt64(number)
        default: throw wrongType(name, "a non-negative integer")
        }
    }

    private func value(_ name: String) throws -> HDF5Attribute {
        guard let value = values[name] else { throw Failure(.data, "its attribute '\(name)' is missing") }
        return value
    }

    private func wrongType(_ name: String, _ expected: String) -> Failure {
        Failure(.data, "its attribute '\(name)' is not \(expected)")
    }
}
