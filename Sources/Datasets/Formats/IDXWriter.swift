import Essentials
import Foundation

extension Dataset {
    /// Writes the data set as the four IDX files into a folder, which is made if absent; each file whole or not at all.
    ///
    /// Images of one channel become idx3, others idx4 (N x H x W x C). Returns the files' paths.
    ///
    /// - Throws: `Failure` 73 or 74 where that cannot be written, or what `read` throws.
    @discardableResult
    public func writeIDX(into folder: String) throws -> [String] {
        try FileManager.default.makeDirectory(folder)
        var paths: [String] = []
        for (split, prefix) in [(Split.train, "train"), (.test, "t10k")] {
            let images = try read(split) { _ in true }
            let s = images.shape
            let dimensions = [images.count, s.height, s.width] + (s.channels == 1 ? [] : [s.channels])
            for (name, header, content) in [
                ("images-idx\(dimensions.count)", IDXHeader.bytes(dimensions), images.pixels),
                ("labels-idx1", IDXHeader.bytes([images.count]), images.labels),
            ] {
                let path = (folder as NSString).appendingPathComponent("\(prefix)-\(name)-ubyte")
                try header.withUnsafeBytes { header in
                    try content.withUnsafeBytes { try AtomicFile.write([header, $0], to: path) }
                }
                paths.append(path)
            }
        }
        return paths
    }
}
