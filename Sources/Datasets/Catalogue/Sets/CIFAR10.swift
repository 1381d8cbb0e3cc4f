extension KnownDataset {
    /// Photographs of ten kinds of objects (Krizhevsky 2009), binary version.
    static let cifar10 = KnownDataset(
        name: "cifar10", format: .cifar, shape: CIFARFiles.shape, classes: CIFARFiles.classNames.count,
        classNames: CIFARFiles.classNames, defaults: .cifar10, mirrors: ["https://www.cs.toronto.edu/~kriz/"],
        archives: [Archive(name: CIFARFiles.archiveName, md5: "c32a1d4ab5d03f1284b67883e8d87530")])
}
