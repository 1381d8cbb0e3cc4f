import Kernels

extension KnownDataset {
    /// Cursive Japanese characters (Clanuwat et al. 2018).
    ///
    /// Checksums: as in torchvision.datasets.KMNIST.
    static let kmnist = KnownDataset(
        name: "kmnist", origin: .files(IDXFormat.self), shape: ImageShape(height: 28, width: 28, channels: 1),
        classes: 10,
        classNames: ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
        defaults: .mnist(drawnSamples: nil),
        mirrors: ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        archives: [
            PublishedFile(name: "train-images-idx3-ubyte.gz", md5: "bdb82020997e1d708af4cf47b453dcf7"),
            PublishedFile(name: "train-labels-idx1-ubyte.gz", md5: "e144d726b3acfaa3e44228e80efcd344"),
            PublishedFile(name: "t10k-images-idx3-ubyte.gz", md5: "5c965bf0a639b31b8f53240b1b52f4d7"),
            PublishedFile(name: "t10k-labels-idx1-ubyte.gz", md5: "7320c461ea6c1c855c0b718fb2a4b134"),
        ])
}
