import Kernels
import Datasets
import Essentials
import Foundation
import TestSupport
import Testing

extension TemporaryFolder {
    /// Replaces a file by its .gz.
    func gzip(_ name: String) throws { try run("gzip", "-f", file(name)) }
}

/// Runs a program and waits; throws where it fails.
func run(_ program: String, _ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) failed")
}

/// The four IDX files of a data set made up: pixel p of image i is (i + 7 p) mod 256, its label i mod classes.
struct MadeUpIDX {
    var shape = ImageShape(height: 3, width: 4, channels: 1)
    var classes = 3
    var train = 50
    var test = 20

    func pixel(_ image: Int, _ p: Int) -> UInt8 { UInt8(truncatingIfNeeded: image + 7 * p) }

    static func header(_ dimensions: [Int]) -> [UInt8] {
        [0, 0, 8, UInt8(dimensions.count)]
            + dimensions.flatMap { d in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: d >> $0) } }
    }

    func images(_ count: Int) -> [UInt8] {
        let tail = shape.channels == 1 ? [] : [shape.channels]
        return MadeUpIDX.header([count, shape.height, shape.width] + tail)
            + (0..<count).flatMap { i in (0..<shape.count).map { pixel(i, $0) } }
    }

    func labels(_ count: Int) -> [UInt8] { MadeUpIDX.header([count]) + (0..<count).map { UInt8($0 % classes) } }

    func write(into folder: TemporaryFolder) throws {
        try folder.write(images(train), to: "train-images-idx3-ubyte")
        try folder.write(labels(train), to: "train-labels-idx1-ubyte")
        try folder.write(images(test), to: "t10k-images-idx3-ubyte")
        try folder.write(labels(test), to: "t10k-labels-idx1-ubyte")
    }
}

/// A set in memory: image i has the pixels (i + 7 p) mod 256 and the label i mod 10.
func madeUpImages(_ indices: [Int32], shape: ImageShape) -> ImageSet {
    ImageSet(
        shape: shape, indices: indices, labels: indices.map { UInt8($0 % 10) },
        pixels: indices.flatMap { i in (0..<shape.count).map { UInt8(truncatingIfNeeded: Int(i) + 7 * $0) } },
        contentDigest: "")
}

/// Expects a `Failure` of a code whose message holds all the words.
func expectFailure<Result>(
    _ code: ExitCode, _ words: String..., from body: () throws -> Result, location: SourceLocation = #_sourceLocation
) {
    let failure = #expect(throws: Failure.self, sourceLocation: location) { _ = try body() }
    guard let failure else { return }
    #expect(failure.code == code, "\(failure)", sourceLocation: location)
    for word in words { #expect(failure.message.contains(word), "\(failure)", sourceLocation: location) }
}
