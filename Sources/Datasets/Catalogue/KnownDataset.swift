/// A data set that the product knows by name: where it is published, and what its files' checksums are.
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
    let classNames: [String]?
    /// Base addresses, ending with a slash, tried in order.
    let mirrors: [String]
    let archives: [Archive]

    static let all = [glyphs, mnist, fashionMNIST, kmnist, cifar10]

    static func named(_ name: String) -> KnownDataset? { all.first { $0.name == name } }

    /// The archive whose content is the file `name` (without .gz).
    func archive(of name: String) -> Archive? { archives.first { $0.name == name || $0.name == name + ".gz" } }

    private static let glyphs = KnownDataset(
        name: "glyphs", format: .generated, classNames: nil, mirrors: [], archives: [])

    private static let mnist = KnownDataset(
        name: "mnist", format: .idx, classNames: nil,
        // Mirrors of yann.lecun.com, which serves the files no more.
        mirrors: [
            "https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
        archives: [
            Archive(
                name: "train-images-idx3-ubyte.gz", md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                content: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            Archive(
                name: "train-labels-idx1-ubyte.gz", md5: "d53e105ee54ea40749a09fcbcd1e9432",
                content: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            Archive(
                name: "t10k-images-idx3-ubyte.gz", md5: "9fb629c4189551a2d022fa330f9573f3",
                content: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            Archive(
                name: "t10k-labels-idx1-ubyte.gz", md5: "ec29112dd5afa0611ce80d1b7f02629c",
                content: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ])

    // Checksums: github.com/zalandoresearch/fashion-mnist, README.
    private static let fashionMNIST = KnownDataset(
        name: "fashion-mnist", format: .idx,
        classNames: [
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ],
        mirrors: ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
        archives: [
            Archive(name: "train-images-idx3-ubyte.gz", md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            Archive(name: "train-labels-idx1-ubyte.gz", md5: "25c81989df183df01b3e8a0aad5dffbe"),
            Archive(name: "t10k-images-idx3-ubyte.gz", md5: "bef4ecab320f06d8554ea6380940ec79"),
            Archive(name: "t10k-labels-idx1-ubyte.gz", md5: "bb300cfdad3c16e7a12a480ee83cd310"),
        ])

    // Checksums: as in torchvision.datasets.KMNIST.
    private static let kmnist = KnownDataset(
        name: "kmnist", format: .idx,
        classNames: ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
        mirrors: ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        archives: [
            Archive(name: "train-images-idx3-ubyte.gz", md5: "bdb82020997e1d708af4cf47b453dcf7"),
            Archive(name: "train-labels-idx1-ubyte.gz", md5: "e144d726b3acfaa3e44228e80efcd344"),
            Archive(name: "t10k-images-idx3-ubyte.gz", md5: "5c965bf0a639b31b8f53240b1b52f4d7"),
            Archive(name: "t10k-labels-idx1-ubyte.gz", md5: "7320c461ea6c1c855c0b718fb2a4b134"),
        ])

    private static let cifar10 = KnownDataset(
        name: "cifar10", format: .cifar, classNames: CIFARFiles.classNames,
        mirrors: ["https://www.cs.toronto.edu/~kriz/"],
        archives: [Archive(name: CIFARFiles.archiveName, md5: "c32a1d4ab5d03f1284b67883e8d87530")])
}
