import Kernels

/// A file as published.
package struct PublishedFile: Sendable {
    let name: String
    /// The publisher's MD5 of the file as it is downloaded.
    let md5: String
    /// SHA-256 of the uncompressed content, where known.
    let content: String?

    package init(name: String, md5: String, content: String? = nil) {
        (self.name, self.md5, self.content) = (name, md5, content)
    }
}

/// A data set that the product knows by name: its shape and classes, the defaults of recipes and evaluations on it,
/// where it is published, and the checksums of its files. Each lies in a file of its own under `Sets`.
struct KnownDataset: Sendable {
    /// Where its images come from.
    enum Origin: Sendable {
        /// They are drawn by the program.
        case generated(any DataFiles)
        /// They lie in files of a format.
        case files(any DataFormat.Type)
    }

    let name: String
    let origin: Origin
    /// The shape of the published images.
    let shape: ImageShape
    let classes: Int
    /// The classes' names; nil where they are numbers.
    let classNames: [String]?
    let defaults: DatasetDefaults
    /// Base addresses, ending with a slash, tried in order; none for a generated set.
    let mirrors: [String]
    let archives: [PublishedFile]

    /// The catalogue, in the order in which people are told of it.
    static let all = [glyphs, mnist, fashionMNIST, kmnist, cifar10, cifar100, svhn]

    /// The format of its files; nil for a generated set.
    var format: (any DataFormat.Type)? {
        switch origin {
        case .generated: nil
        case .files(let format): format
        }
    }

    /// True where the program draws the images.
    var isGenerated: Bool { format == nil }

    static func named(_ name: String) -> KnownDataset? { all.first { $0.name == name } }

    /// The archive whose content is the file `name` (without .gz).
    func archive(of name: String) -> PublishedFile? { archives.first { $0.name == name || $0.name == name + ".gz" } }
}
