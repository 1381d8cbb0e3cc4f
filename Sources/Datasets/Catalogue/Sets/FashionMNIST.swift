import Kernels

extension KnownDataset {
    /// Pictures of clothes (Xiao, Rasul & Vollgraf 2017).
    ///
    /// Checksums: github.com/zalandoresearch/fashion-mnist, README.
    static let fashionMNIST = KnownDataset(
        name: "fashion-mnist", origin: .files(IDXFormat.self), shape: ImageShape(height: 28, width: 28, channels: 1),
        classes: 10,
        classNames: [
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ],
        defaults: .mnist(drawnSamples: nil),
        mirrors: ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
        archives: [
            PublishedFile(name: "train-images-idx3-ubyte.gz", md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            PublishedFile(name: "train-labels-idx1-ubyte.gz", md5: "25c81989df183df01b3e8a0aad5dffbe"),
            PublishedFile(name: "t10k-images-idx3-ubyte.gz", md5: "bef4ecab320f06d8554ea6380940ec79"),
            PublishedFile(name: "t10k-labels-idx1-ubyte.gz", md5: "bb300cfdad3c16e7a12a480ee83cd310"),
        ])
}
