import Datasets
import Essentials
import Foundation
import Kernels
import TestSupport
import Testing

/// Stops a conversion where a test wants it.
private struct Interruption: Error {}

@Suite("A converted data set") struct ConversionTests {
    private let folder: TemporaryFolder
    /// Images of 3,072 bytes: 341 are a chunk.
    private static let made = MadeUpIDX(
        shape: ImageShape(height: 32, width: 32, channels: 3), classes: 7, train: 1_000, test: 5)

    init() throws { folder = try TemporaryFolder() }

    /// Its files, made once.
    private static let files = [
        "train-images-idx3-ubyte": made.images(made.train), "train-labels-idx1-ubyte": made.labels(made.train),
        "t10k-images-idx3-ubyte": made.images(made.test), "t10k-labels-idx1-ubyte": made.labels(made.test),
    ]

    private func source() throws -> Dataset {
        for (name, bytes) in Self.files { try folder.write(bytes, to: name) }
        return try Dataset.locate(folder.path + "/")
    }

    private func source(_ made: MadeUpIDX) throws -> Dataset {
        try made.write(into: folder)
        return try Dataset.locate(folder.path + "/")
    }

    @discardableResult
    private func convert(
        _ dataset: Dataset, _ name: String = "set.h5", deflate: Int? = nil, shuffle: UInt64? = nil, stopAt: Int? = nil
    ) throws -> Conversion.Report {
        try Conversion(dataset, to: folder.file(name), deflate: deflate, shuffle: shuffle).run { done, _ in
            if let stopAt, done >= stopAt { throw Interruption() }
        }
    }

    @Test("holds the images, labels and counts of its source, deflated or not", arguments: [nil, 1, 9])
    func content(level: Int?) throws {
        let source = try source()
        let report = try convert(source, deflate: level)
        let set = try Dataset.locate(folder.file("set.h5"))
        #expect(set.description.shape == source.description.shape && set.description.classes == 7)
        #expect(report.images == 1_005 && report.resumed == 0)
        for split in [Split.train, .test] {
            let (before, after) = (try source.read(split), try set.read(split))
            #expect(before.pixels == after.pixels && before.labels == after.labels && before.indices == after.indices)
            #expect(try source.counts(split) == set.counts(split))
        }
        let file = try #require(set.dataFile)
        try file.verify()
        #expect(file.contentDigest == report.contentDigest && file.train.chunks == 3)
        var sums = PixelSums(shape: source.description.shape)
        sums.add(try source.read(.train))
        #expect(sums.sums == file.train.pixelSums)
        let size = try FileManager.default.attributesOfItem(atPath: folder.file("set.h5"))[.size] as? Int
        #expect(size == report.bytes && (level == nil) == (report.bytes > 3 * 341 * 3_072))
        // The same content has the same digest, however it is stored.
        #expect(try convert(source, "other.h5").contentDigest == report.contentDigest)
    }

    @Test("is read by h5dump", .enabled(if: programPath("h5dump") != nil, "h5dump is not installed"))
    func h5dump() throws {
        try convert(try source(), deflate: 1)
        let path = folder.file("set.h5")
        let labels = try #require(try output(of: "h5dump", ["-y", "-d", "/test/labels", path]))
        #expect(labels.text.contains("0, 1, 2, 3, 4"), "\(labels.text)")
        let classes = try #require(try output(of: "h5dump", ["-y", "-d", "/classes", path]))
        #expect(classes.text.contains("\"0\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\""), "\(classes.text)")
        let pixels = try #require(
            try output(of: "h5dump", ["-y", "-d", "/train/images", "-s", "999,31,31,0", "-c", "1,1,1,3", path]))
        let last = (3_069..<3_072).map { "\(Self.made.pixel(999, $0))" }.joined(separator: ", ")
        #expect(pixels.text.contains(last), "\(pixels.text)")
    }

    @Test("of one image, and of two, and with a split that is drawn")
    func small() throws {
        for count in 1...2 {
            let made = MadeUpIDX(shape: ImageShape(height: 1, width: 1, channels: 1), classes: 1, train: count, test: 1)
            try convert(try source(made), "small\(count).h5")
            let set = try Dataset.locate(folder.file("small\(count).h5"))
            #expect(try set.read(.train).pixels == (0..<count).map { made.pixel($0, 0) })
        }
        // Images of more than a chunk have chunks of their own.
        let large = MadeUpIDX(
            shape: ImageShape(height: 1_100, width: 1_000, channels: 1), classes: 1, train: 2, test: 1)
        try convert(try source(large), "large.h5")
        let file = try DataFile(folder.file("large.h5"))
        #expect(file.train.chunks == 2 && file.train.rows == 1)
        try file.verify()
    }

    @Test("whose test split a seed drew out of a file without one")
    func heldOut() throws {
        let shape = [40, 5, 5, 1]
        try folder.write(
            NumPy.zip([
                ("images.npy", NumPy.npy("|u1", shape, (0..<1_000).map { UInt8($0 % 251) })),
                ("labels.npy", NumPy.npy("|u1", [40], (0..<40).map { UInt8($0 % 4) })),
            ]), to: "all.npz")
        let drawn = try Dataset.locate(folder.file("all.npz") + ":test-share=0.2:seed=3")
        let random = try Dataset.locate(folder.file("all.npz") + ":test-share=0.2:test-split=random:seed=3")
        #expect(
            random.description.testCount == 8
                && random.description.notes.contains { $0.contains("0.2 of the images, ") })
        #expect(try random.counts(.test) != [2, 2, 2, 2])
        let report = try Dataset.verify(folder.file("all.npz") + ":test-share=0.2:seed=3")
        #expect(report.digests.map(\.split) == ["the images of both splits"] && report.files.count == 2)
        expectFailure(.usage, "say its share") { try Dataset.locate(folder.file("all.npz") + ":test-split=random") }
        expectFailure(.usage, "stratified or random") { try Dataset.locate(folder.file("all.npz") + ":test-split=odd") }
        expectFailure(.usage, "takes no parameter 'size'") { try Dataset.locate(folder.file("all.npz") + ":size=4x4") }
        try convert(drawn)
        let set = try Dataset.locate(folder.file("set.h5"))
        #expect(set.description.trainCount == 32 && set.description.testCount == 8)
        #expect(try set.counts(.test) == [2, 2, 2, 2])
        #expect(try set.read(.test).pixels == drawn.read(.test).pixels)
        expectFailure(.usage, "has a test split already") {
            try Dataset.locate(folder.file("set.h5") + ":test-share=0.2")
        }
        expectFailure(.usage, "leave its parameters out") { try Dataset.locate(folder.file("set.h5") + ":layout=nchw") }
    }

    @Test("goes on after interruptions to the same bytes, past a part that was damaged too", arguments: [nil, 1])
    func resumed(level: Int?) throws {
        let source = try source()
        try convert(source, "whole.h5", deflate: level)
        for stop in [1, 700, 1_001] {
            #expect(throws: Interruption.self) { try convert(source, deflate: level, stopAt: stop) }
            #expect(!FileManager.default.fileExists(atPath: folder.file("set.h5")))
        }
        // A flipped byte: its chunk, the second or the first one, and those behind it are made anew.
        var partial = try folder.read("set.h5.partial")
        partial[1_024 + (level == nil ? 341 * 3_072 : 10)] ^= 1
        try folder.write(partial, to: "set.h5.partial")
        let report = try convert(source, deflate: level)
        #expect(report.resumed == (level == nil ? 341 : 0))
        #expect(try folder.read("set.h5") == folder.read("whole.h5"))
        #expect(!FileManager.default.fileExists(atPath: folder.file("set.h5.partial")))
        #expect(!FileManager.default.fileExists(atPath: folder.file("set.h5.partial.journal")))
        // What another conversion left is of no use.
        #expect(throws: Interruption.self) { try convert(source, "other.h5", deflate: level, stopAt: 500) }
        let other = try convert(source, "other.h5", deflate: level == nil ? 1 : nil)
        #expect(other.resumed == 0)
    }

    @Test("shuffled by a seed, holds each image with its label once", arguments: [nil, 1])
    func shuffled(level: Int?) throws {
        let source = try source()
        let report = try convert(source, deflate: level, shuffle: 3)
        let set = try Dataset.locate(folder.file("set.h5"))
        try #require(set.dataFile).verify()
        #expect(set.description.notes.contains("images lie in an order drawn by seed 3"))
        for split in [Split.train, .test] {
            let (before, after) = (try source.read(split), try set.read(split))
            func images(_ set: ImageSet) -> [[UInt8]] {
                let pixels = set.pixels
                return (0..<set.count).map { image in
                    [set.labels[image]] + pixels[image * 3_072..<(image + 1) * 3_072]
                }
            }
            func sorted(_ images: [[UInt8]]) -> [[UInt8]] { images.sorted { $0.lexicographicallyPrecedes($1) } }
            let (ordered, mixed) = (images(before), images(after))
            // By chance the five test images may stay in their order.
            #expect(split == .test || ordered != mixed)
            #expect(sorted(ordered) == sorted(mixed))
        }
        // The order is the seed's alone.
        #expect(try convert(source, "again.h5", shuffle: 3).contentDigest == report.contentDigest)
        #expect(try convert(source, "other.h5", shuffle: 4).contentDigest != report.contentDigest)
        var sums = PixelSums(shape: source.description.shape)
        sums.add(try source.read(.train))
        #expect(set.dataFile?.train.pixelSums == sums.sums)
    }

    @Test("shuffled, goes on after interruptions to the same bytes, a damaged part made anew", arguments: [nil, 1])
    func shuffledResumed(level: Int?) throws {
        let source = try source()
        try convert(source, "whole.h5", deflate: level, shuffle: 3)
        // In the middle of the source, behind the first chunk, in the test images.
        for stop in [200, 680, 860, 1_004] {
            #expect(throws: Interruption.self) { try convert(source, deflate: level, shuffle: 3, stopAt: stop) }
            #expect(!FileManager.default.fileExists(atPath: folder.file("set.h5")))
        }
        #expect(try convert(source, deflate: level, shuffle: 3).resumed == 1_005)
        #expect(try folder.read("set.h5") == folder.read("whole.h5"))
        #expect(throws: Interruption.self) { try convert(source, "b.h5", deflate: level, shuffle: 3, stopAt: 860) }
        var partial = try folder.read("b.h5.partial")
        partial[1_024 + 10] ^= 1
        try folder.write(partial, to: "b.h5.partial")
        #expect(try convert(source, "b.h5", deflate: level, shuffle: 3).resumed == 0)
        #expect(try folder.read("b.h5") == folder.read("whole.h5"))
        #expect(!FileManager.default.fileExists(atPath: folder.file("b.h5.partial")))
    }

    @Test("shuffled, holds nothing of another conversion that was interrupted")
    func othersLeftovers() throws {
        let source = try source()
        try convert(source, "whole.h5", shuffle: 3)
        // Images that are laid out to be deflated lie a chunk further back, where the last chunk ends with zeros.
        #expect(throws: Interruption.self) { try convert(source, deflate: 1, shuffle: 3, stopAt: 600) }
        #expect(try convert(source, shuffle: 3).resumed == 0)
        #expect(try folder.read("set.h5") == folder.read("whole.h5"))
    }

    @Test("tells images that lie class by class")
    func sorted() throws {
        func report(_ labels: [UInt8], _ name: String) throws -> Bool {
            try folder.write(
                NumPy.zip([
                    ("images.npy", NumPy.npy("|u1", [labels.count, 2, 2, 1], labels + labels + labels + labels)),
                    ("labels.npy", NumPy.npy("|u1", [labels.count], labels)),
                ]), to: name + ".npz")
            return try convert(try Dataset.locate(folder.file(name + ".npz") + ":layout=nhwc"), name + ".h5").isSorted
        }
        #expect(try report([0, 0, 1, 1, 2], "sorted"))
        #expect(try !report([0, 1, 0, 1, 2], "mixed"))
        #expect(try !report([0, 0, 0], "one"))
    }

    @Test("is refused where it is damaged: by its index at once, by a chunk when that is read")
    func damaged() throws {
        try convert(try source())
        let path = folder.file("set.h5")
        let good = try folder.read("set.h5")
        let set = try Dataset.locate(path)
        // Chunk 1 of the training images, of 341 images each.
        var bytes = good
        bytes[1_024 + 341 * 3_072 + 5] ^= 0x40
        try folder.write(bytes, to: "set.h5")
        expectFailure(.data, "chunk 1 of the training images (341...681)", "SHA-256") { try set.read(.train) }
        expectFailure(.data, "chunk 1 of the training images") { try Dataset.verify(path) }
        #expect(try set.read(.train) { $0 < 341 }.count == 341)
        for place in [17, 22, 30, 40, 70, 300, 512, 600, good.count - 1, good.count - 9_000] {
            var bytes = good
            bytes[place] ^= 1
            try folder.write(bytes, to: "set.h5")
            let failure = #expect(throws: Failure.self, "byte \(place)") { try Dataset.locate(path) }
            #expect(failure?.code == .data && failure?.message.contains(path) == true, "byte \(place)")
        }
        for count in [0, 100, 600, 2_000, good.count - 1] {
            try folder.write(Array(good.prefix(count)), to: "set.h5")
            #expect(throws: Failure.self, "\(count) bytes") { try Dataset.locate(path) }
        }
        try folder.write(good + [0], to: "set.h5")
        expectFailure(.data, "changed after it was sealed") { try Dataset.locate(path) }
    }

    @Test("is made under its name whole or not at all, on a full file system too")
    func refusals() throws {
        let source = try source()
        expectFailure(.usage, "give it the ending .h5") { try convert(source, "set.data") }
        expectFailure(.usage, "levels 1 (fast) to 9") { try convert(source, deflate: 10) }
        expectFailure(.cannotCreate, "none/set.h5") { try convert(source, "none/set.h5") }
        try folder.write([1], to: "set.h5")
        expectFailure(.cannotCreate, "is there already") { try convert(source) }
        #expect(try folder.read("set.h5") == [1])
    }

    @Test("needs room, and goes on once there is some", .enabled(if: SmallFileSystem.isAllowed))
    func fullDisk() throws {
        let source = try source()
        try withSmallFileSystem(kilobytes: 2_000) { small in
            let path = small + "/set.h5"
            expectFailure(.cannotCreate, path, "MiB more") { try Conversion(source, to: path).run { _, _ in } }
            let noise = try noise()
            // Shuffled images are laid out before they are deflated.
            expectFailure(.cannotCreate, "shuffled.h5", "MiB more") {
                try Conversion(noise, to: small + "/shuffled.h5", deflate: 1, shuffle: 3).run { _, _ in }
            }
            // What deflate leaves is not known before.
            expectFailure(.inputOutput, "No space left", "run the command again") {
                try Conversion(noise, to: path, deflate: 1).run { _, _ in }
            }
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    /// A set that no deflate makes small enough.
    private func noise() throws -> Dataset {
        var random = Philox(seed: 1, purpose: .test)
        let pixels = (0..<1_500 * 3_072).map { _ in UInt8(truncatingIfNeeded: random.next() as UInt32) }
        try folder.write(
            NumPy.zip([
                ("images.npy", NumPy.npy("|u1", [1_500, 32, 32, 3], pixels)),
                ("labels.npy", NumPy.npy("|u1", [1_500], [UInt8](repeating: 0, count: 1_500))),
            ]), to: "noise.npz")
        return try Dataset.locate(folder.file("noise.npz"))
    }
}
