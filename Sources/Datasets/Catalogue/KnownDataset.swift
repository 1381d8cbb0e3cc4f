import Kernels

/// A data set that the product knows by name: its shape and classes, the defaults of recipes and evaluations on it, where
/// it is published, and the checksums of its files. Each lies in a file of its own under `Sets`.
struct KnownDataset: Sendable {
    enum Format: Sendable { case generated, idx, cifar }

    /// A file as published.
    struct Archive: Sendable {
        let name: String
        /// The publisher's MD5 of the file as it is downloaded.
        let md5: String
        /// SHA-256 of the uncompressed content, where known.
        var content: String?
    }

    let name: String
    let format: Format
    /// The shape of the published images.
    let shape: ImageShape
    let classes: Int
    /// The classes' names; nil where they are numbers.
    let classNames: [String]?
    let defaults: DatasetDefaults
    /// Base addresses, ending with a slash, tried in order; none for a generated set.
    let mirrors: [String]
    let archives: [Archive]

    /// The catalogue, in the order in which people are told of it.
    static let all = [glyphs, mnist, fashionMNIST, kmnist, cifar10]

    static func named(_ name: String) -> KnownDataset? { all.first { $0.name == name } }

    /// The archive whose content is the file `name` (without .gz).
    func archive(of name: String) -> Archive? { archives.first { $0.name == name || $0.name == name + ".gz" } }
}
