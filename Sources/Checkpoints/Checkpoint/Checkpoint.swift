import Essentials
import HDF5Files

/// The whole state of a training run at a step, or a network ready to use, as a value.
///
/// Tensors are keyed by path, as `CheckpointLayout` names them; the module's page lists them with their shapes.
public struct Checkpoint: Sendable {
    /// The root attributes.
    public var header: CheckpointHeader
    /// The tensors by path.
    public var tensors: [String: Tensor]
    /// Numbers attached to groups: `model/norm1` has `stabilizer`.
    public var groupAttributes: [String: [String: Double]]
    /// The file it was loaded from, for messages; empty where it was made in memory.
    public private(set) var source = ""

    /// Makes a checkpoint.
    public init(
        header: CheckpointHeader, tensors: [String: Tensor], groupAttributes: [String: [String: Double]] = [:]
    ) {
        self.header = header
        self.tensors = tensors
        self.groupAttributes = groupAttributes
    }

    /// Writes the file, whole or not at all, replacing an older one of that name.
    ///
    /// - Throws: `Failure` 65 where something cannot be stored, 73 or 74 where the file cannot be made or written.
    public func save(to path: String) throws {
        var tree = self.tree
        tree.rootAttributes["content_digest"] = .string(tree.contentDigest)
        try SealedFile.write(tree, to: path)
    }

    /// Reads the file at `path` and verifies it whole: the seal, the format, every attribute's type, the content's
    /// digest. With `trust` a file without seal or digest, as another program writes it, is read too, see
    /// `SealedFile.read`.
    ///
    /// - Throws: `Failure` 66 where there is no such file, 74 where reading fails, 65 where it is not a checkpoint, of
    ///   a newer format, damaged, or holds what is not allowed. The sentence names the file, the object and what to do.
    public static func load(_ path: String, trust: Bool = false) throws -> Checkpoint {
        let tree = try SealedFile.read(path, trust: trust)
        do { return try Checkpoint(tree, source: path, needsDigest: !trust) } catch let failure as Failure {
            throw Failure(failure.code, "\(path): \(failure.message)")
        }
    }

    /// The SHA-256, in hexadecimal, over the tensors of /model, /optimizer and /input alone (path, type, shape and
    /// elements, in the order of the paths) and the counts of updates in /optimizer: equal for equal training, whatever
    /// the time and the number of ranks.
    public var trainingDigest: String {
        let digest = Digest()
        for path in tensors.keys.sorted(by: utf8Order)
        where CheckpointLayout.trained.contains(where: { $0.contains(path) }) {
            if let tensor = tensors[path] { digest.update(tensor, at: path) }
        }
        // Adam's count of updates decides what comes next, as its moments do.
        for path in groupAttributes.keys.sorted(by: utf8Order) where CheckpointLayout.Group.optimizer.contains(path) {
            for (name, value) in (groupAttributes[path] ?? [:]).sorted(by: { utf8Order($0.key, $1.key) }) {
                digest.update(counted: "\(path)/\(name)=\(value)")
            }
        }
        return digest.finish().hexadecimal
    }

    var tree: HDF5Tree {
        var tree = HDF5Tree(
            attributes: groupAttributes.mapValues { $0.mapValues { .float64($0) } }, tensors: tensors)
        tree.rootAttributes = header.attributes
        tree.rootAttributes["format"] = .string(CheckpointLayout.format)
        tree.rootAttributes["format_version"] = .int64(Int64(CheckpointLayout.version))
        return tree
    }

    private init(_ tree: HDF5Tree, source: String, needsDigest: Bool) throws {
        let root = HeaderAttributes(values: tree.rootAttributes)
        guard tree.rootAttributes["format"] == .string(CheckpointLayout.format) else {
            throw Failure(
                .data, "this HDF5 file is not a checkpoint: it has no attribute format = '\(CheckpointLayout.format)'")
        }
        let version = try root.integer("format_version", 1...Int.max)
        guard version <= CheckpointLayout.version else {
            throw Failure(
                .data,
                "checkpoint format \(version) was written by a newer steadfast; this one reads up to"
                    + " \(CheckpointLayout.version): update it")
        }
        // Another program that writes or changes the layout may leave the digest out, or as it was.
        guard try !needsDigest || root.text("content_digest") == tree.contentDigest else {
            throw Failure(
                .data, "its content differs from its attribute content_digest: it was changed; use the original file")
        }
        header = try CheckpointHeader(root)
        let current = try CheckpointLayout.readers[(version - 1)...].reduce(tree) { try $1($0) }
        tensors = current.tensors
        groupAttributes = [:]
        for (path, attributes) in current.attributes where !path.isEmpty {
            groupAttributes[path] = try attributes.mapValues { value in
                guard case .float64(let number) = value else {
                    throw Failure(.data, "object /\(path) has an attribute that is not a float64")
                }
                return number
            }
        }
        self.source = source
    }
}
