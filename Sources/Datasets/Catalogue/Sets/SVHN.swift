import Kernels

extension KnownDataset {
    /// House numbers (Netzer et al. 2011), cropped digits.
    ///
    /// Checksums: as in torchvision.datasets.SVHN.
    static let svhn = KnownDataset(
        name: "svhn", origin: .files(MATFormat.self), shape: ImageShape(height: 32, width: 32, channels: 3),
        classes: 10,
        classNames: nil, defaults: .cifar10(drawnSamples: nil), mirrors: ["http://ufldl.stanford.edu/housenumbers/"],
        archives: [
            PublishedFile(name: "train_32x32.mat", md5: "e26dedcc434d2e4c54c9b2d4a06d8373"),
            PublishedFile(name: "test_32x32.mat", md5: "eb5a983be6a315427106f1b164d9cef3"),
        ])
}
