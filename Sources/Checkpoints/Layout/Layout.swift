import Essentials
import HDF5Files

/// The layout of a checkpoint file: its format, its versions, and the path of every object.
///
/// Paths have no leading slash, as in `HDF5Tree`. A path that is added raises `version`, and the reader of the version
/// before gives older files what they lack.
public enum CheckpointLayout {
    /// The root attribute `format`.
    public static let format = "steadfast-checkpoint"
    /// The newest `format_version` that is read, and the one that is written.
    public static let version = readers.count

    /// The reader of each version, from 1 on: brings a file's content to the version after it. The last one has nothing
    /// to do.
    static let readers: [@Sendable (HDF5Tree) throws -> HDF5Tree] = [
        // Version 2 has drawn samples apart in the sums of an epoch, and always the best epoch.
        { tree in
            guard tree.tensors[epochSums] != nil else { return tree }
            var tree = tree
            tree.tensors[epochDrawnSums] = Tensor(shape: [3], elements: .float64([0, 0, 0]))
            tree.tensors[bestEpoch] = tree.tensors[bestEpoch] ?? Tensor(shape: [1], elements: .float64([0]))
            return tree
        },
        // Version 3 may have Adam's moments in groups of the parameters' names, and the digest of what a run started
        // from.
        { $0 }, { $0 },
    ]

    /// The groups at the root.
    public enum Group: String, CaseIterable, Sendable {
        /// Parameters and running moments.
        case model
        /// The momentum of each parameter, named as in `model`, or a group of that name with Adam's moments.
        case optimizer
        /// The image that is subtracted from each image.
        case input
        /// The rest of what exact resume needs.
        case state

        /// True where the group holds a path.
        public func contains(_ path: String) -> Bool { path.hasPrefix(rawValue + "/") }

        /// The path of an object of the group.
        func path(_ name: String) -> String { "\(rawValue)/\(name)" }
    }

    /// The groups that a training result consists of; `inspect --digest` goes over them.
    public static let trained: [Group] = [.model, .optimizer, .input]
    /// The groups that a network to use consists of.
    public static let usable: [Group] = [.model, .input]

    /// A parameter by its name in the parameter layout: `conv1/weight` is at `model/conv1/weight`.
    public static func parameter(_ name: String) -> String { Group.model.path(name) }

    /// A parameter or running moment of a layer: `model/norm1/gamma`.
    public static func parameter(_ layer: String, _ name: String) -> String { parameter("\(layer)/\(name)") }

    /// The group of a layer, which carries its attributes: `model/norm1`.
    public static func layer(_ name: String) -> String { Group.model.path(name) }

    /// The momentum of a parameter: `optimizer/conv1/weight`.
    public static func momentum(_ name: String) -> String { Group.optimizer.path(name) }

    /// Adam's first moment of a parameter: `optimizer/conv1/weight/first_moment`.
    public static func firstMoment(_ name: String) -> String { "\(momentum(name))/first_moment" }

    /// Adam's second moment of a parameter.
    public static func secondMoment(_ name: String) -> String { "\(momentum(name))/second_moment" }

    /// The optimiser's updates so far, an attribute of each parameter's group of Adam's moments.
    public static let updates = "step"

    /// A path without its group, the layer and parameter alone, for the groups `model` and `optimizer`; else the path.
    public static func name(_ path: String) -> Substring {
        for group in [Group.model, .optimizer] where group.contains(path) {
            return path.dropFirst(group.rawValue.count + 1)
        }
        return path[...]
    }

    /// Batch norm's running mean and variance, names in a layer.
    public static let runningMean = "running_mean"
    /// Batch norm's running variance.
    public static let runningVariance = "running_variance"
    /// Batch norm's epsilon, an attribute of the layer's group.
    public static let stabilizer = "stabilizer"

    /// The mean image: float32, CHW, in 0...255.
    public static let meanImage = Group.input.path("mean_image")

    /// Loss, errors and images that the epoch under way has summed up: float64 [3].
    public static let epochSums = Group.state.path("epoch_sums")
    /// The lowest validation error, NaN without one: float64 [1].
    public static let bestError = Group.state.path("best_error")
    /// Of those sums the drawn samples, their errors, and the images of the data set that are rejected: float64 [3].
    public static let epochDrawnSums = Group.state.path("epoch_drawn_sums")
    /// The epochs that were done when it was found: float64 [1].
    public static let bestEpoch = Group.state.path("best_epoch")
}

/// The names of the files in a run directory.
public enum RunLayout {
    /// The recipe as resolved.
    public static let recipe = "recipe.yaml"
    /// One JSON object a line.
    public static let metrics = "metrics.jsonl"
    /// The file that a job holds locked.
    public static let lock = "lock"
    /// The file that a job rewrites where there are no locks.
    public static let heartbeat = "heartbeat"
    /// The directory of the evaluation that goes with the training.
    public static let evaluation = "evaluation"
    /// The folder of the checkpoints.
    public static let checkpoints = "checkpoints"
    /// One line in the folder of the checkpoints: the name of the newest complete one.
    public static let latest = "latest"
    /// One line in the folder of the checkpoints: the name of the one with the lowest validation error.
    public static let best = "best"

    /// The checkpoint file of a step: `step-00001200.h5`.
    public static func checkpoint(step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".h5"
    }

    /// The step of a checkpoint file's name; nil for another name.
    public static func step(ofFile name: String) -> Int? {
        guard name.hasPrefix("step-"), name.hasSuffix(".h5") else { return nil }
        let digits = name.dropFirst(5).dropLast(3)
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let step = Int(digits),
            checkpoint(step: step) == name
        else { return nil }
        return step
    }
}
