extension KnownDataset {
    /// Photographs of ten kinds of objects (Krizhevsky 2009), binary version.
    static let cifar10 = KnownDataset(
        name: "cifar10", origin: .files(CIFAR10Format.self), shape: CIFARFiles.shape,
        classes: CIFAR10Format.classNames.count, classNames: CIFAR10Format.classNames, defaults: .cifar10,
        mirrors: ["https://www.cs.toronto.edu/~kriz/"],
        archives: [PublishedFile(name: CIFAR10Format.archiveName, md5: "c32a1d4ab5d03f1284b67883e8d87530")])

    /// Photographs of a hundred kinds of objects, of the same origin.
    static let cifar100 = KnownDataset(
        name: "cifar100", origin: .files(CIFAR100Format.self), shape: CIFARFiles.shape,
        classes: CIFAR100Format.classNames.count, classNames: CIFAR100Format.classNames,
        defaults: .cifar10(drawnSamples: nil), mirrors: ["https://www.cs.toronto.edu/~kriz/"],
        archives: [PublishedFile(name: CIFAR100Format.archiveName, md5: "03b5dce01913d631647c71ecec9e9cb8")])
}
