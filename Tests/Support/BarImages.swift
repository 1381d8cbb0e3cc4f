import Foundation

/// IDX files of images that are bright in the row of their class, in pairs of rows, 9 columns and 3 channels; 300 to
/// train on, 60 to test on.
///
/// - Parameters:
///   - rows: at least two for each class.
///   - tests: the test images.
///   - isSorted: whether they come class by class.
public func writeBarImages(
    to folder: String, classes: Int = 5, rows: Int = 12, tests: Int = 60, isSorted: Bool = false
) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (name, count) in [("train", 300), ("t10k", tests)] {
        func header(_ extents: [Int]) -> Data {
            Data([0, 0, 8, UInt8(extents.count)] + extents.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] })
        }
        var images = header([count, rows, 9, 3])
        var labels = header([count])
        for i in 0..<count {
            let label = isSorted ? i * classes / count : i * 7 % classes
            labels.append(UInt8(label))
            for row in 0..<rows {
                for element in 0..<27 { images.append(UInt8((row / 2 == label ? 180 : 20) + (i + element) % 40)) }
            }
        }
        try images.write(to: URL(fileURLWithPath: "\(folder)/\(name)-images-idx4-ubyte"))
        try labels.write(to: URL(fileURLWithPath: "\(folder)/\(name)-labels-idx1-ubyte"))
    }
}

/// A recipe for these images with a small network.
public func barRecipe(_ activation: String, more: String = "") -> String {
    """
    dataset: bars
    input_scale: 1
    network:
      architecture: custom
      activation: \(activation)
      layers:
        - convolution: {channels: 6, size: 3, padding: 1, deviation: 0.05}
        - activation: sigmoid
        - pooling: {kind: average, size: 2}
        - fully_connected: {channels: 20, deviation: 0.05}
        - activation: relu
        - fully_connected: {channels: 5, deviation: 0.05}
    epochs: 8
    batch: 20
    lanes: 4
    learning_rate: 0.01
    \(more)
    """
}
