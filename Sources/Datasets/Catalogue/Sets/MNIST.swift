import Kernels

extension KnownDataset {
    /// Handwritten digits (LeCun, Bottou, Bengio & Haffner 1998).
    static let mnist = KnownDataset(
        name: "mnist", origin: .files(IDXFormat.self), shape: ImageShape(height: 28, width: 28, channels: 1),
        classes: 10,
        classNames: nil,
        defaults: .mnist,
        // Mirrors of yann.lecun.com, which serves the files no more.
        mirrors: [
            "https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
        archives: [
            PublishedFile(
                name: "train-images-idx3-ubyte.gz", md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                content: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            PublishedFile(
                name: "train-labels-idx1-ubyte.gz", md5: "d53e105ee54ea40749a09fcbcd1e9432",
                content: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            PublishedFile(
                name: "t10k-images-idx3-ubyte.gz", md5: "9fb629c4189551a2d022fa330f9573f3",
                content: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            PublishedFile(
                name: "t10k-labels-idx1-ubyte.gz", md5: "ec29112dd5afa0611ce80d1b7f02629c",
                content: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ])
}
