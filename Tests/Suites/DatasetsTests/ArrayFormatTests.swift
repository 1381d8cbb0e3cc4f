import Datasets
import Essentials
import Foundation
import TestSupport
import Testing

@Suite("NumPy's arrays") struct NumPyTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Six images of 6 x 1 pixels and 3 channels.
    static let pixels = (0..<6 * 18).map { UInt8($0 * 2) }
    static let labels: [UInt8] = [0, 1, 2, 2, 1, 0]

    static func set(images: [UInt8]? = nil, labels: [UInt8]? = nil) -> [(name: String, content: [UInt8])] {
        let images = images ?? NumPy.npy("|u1", [6, 6, 1, 3], pixels)
        let labels = labels ?? NumPy.npy("|u1", [6, 1], Self.labels)
        return [
            ("train_images.npy", images), ("train_labels.npy", labels), ("test_images.npy", images),
            ("test_labels.npy", labels),
        ]
    }

    private func locate(_ bytes: [UInt8], _ options: String = "") throws -> Dataset {
        try folder.write(bytes, to: "shapes.npz")
        let dataset = try Dataset.locate(folder.file("shapes.npz") + options)
        _ = try dataset.read(.train)
        return dataset
    }

    @Test("a .npz of MedMNIST's names is a data set, stored and deflated, and so are its .npy files in a folder")
    func forms() throws {
        let folder = try TemporaryFolder()
        for (name, content) in Self.set() { try folder.write(content, to: name) }
        let loose = try Dataset.locate(folder.path)
        #expect(loose.description.shape.height == 6 && loose.description.shape.channels == 3)
        let train = try loose.read(.train)
        #expect(train.pixels == Self.pixels && train.labels == Self.labels && loose.description.classes == 3)

        try folder.write(NumPy.zip(Self.set()), to: "stored.npz")
        let stored = try Dataset.locate(folder.file("stored.npz"))
        #expect(stored.description.name == "stored" && stored.description.testCount == 6)
        #expect(try stored.read(.test) { $0 == 4 }.labels == [1])
        #expect(try stored.read(.train).contentDigest == train.contentDigest)

        try #require(FileManager.default.isExecutableFile(atPath: "/usr/bin/python3"))
        try run(
            "python3", "-c",
            """
            import zipfile, sys, os
            with zipfile.ZipFile(sys.argv[1] + '/deflated.npz', 'w', zipfile.ZIP_DEFLATED) as z:
                for name in os.listdir(sys.argv[1]):
                    if name.endswith('.npy'): z.write(sys.argv[1] + '/' + name, name)
            """, folder.path)
        #expect(try Dataset.locate(folder.file("deflated.npz")).read(.train).contentDigest == train.contentDigest)
    }

    @Test("a set of test images alone is for evaluation: by its arrays' names or as they are named, and converted")
    func testsAlone() throws {
        let all = Dictionary(uniqueKeysWithValues: Self.set().map { ($0.0, $0.1) })
        let (images, labels) = (try #require(all["test_images.npy"]), try #require(all["test_labels.npy"]))
        let folder = try TemporaryFolder()
        try folder.write(NumPy.zip(Self.set()), to: "all.npz")
        let expected = try Dataset.locate(folder.file("all.npz")).read(.test)
        try folder.write(NumPy.zip([("test_images.npy", images), ("test_labels.npy", labels)]), to: "tests.npz")
        try folder.write(NumPy.zip([("a.npy", images), ("b.npy", labels)]), to: "others.npz")
        for name in ["tests.npz", "others.npz:test-images=a:test-labels=b"] {
            let set = try Dataset.locate(folder.file(name))
            #expect(set.description.trainCount == 0)
            #expect(set.description.notes.contains { $0.contains("evaluation alone") })
            #expect(try set.read(.test).contentDigest == expected.contentDigest)
            #expect(try set.read(.train).count == 0 && set.counts(.train).allSatisfy { $0 == 0 })
        }
        _ = try Conversion(Dataset.locate(folder.file("tests.npz")), to: folder.file("tests.h5")).run { _, _ in }
        let converted = try Dataset.locate(folder.file("tests.h5"))
        #expect(converted.description.trainCount == 0)
        #expect(try converted.read(.test).pixels == expected.pixels)
        try folder.write(NumPy.zip([("test_images.npy", images)]), to: "half.npz")
        expectFailure(.data, "do not tell", "it holds test_images") { try Dataset.locate(folder.file("half.npz")) }
    }

    @Test("channels before rows are told from channels behind, and asked for where the shape does not tell")
    func layouts() throws {
        var planar: [UInt8] = []
        for n in 0..<6 {
            for c in 0..<3 {
                for p in 0..<6 { planar.append(Self.pixels[n * 18 + p * 3 + c]) }
            }
        }
        // [6, 3, 6, 1] tells neither.
        let ambiguous = NumPy.zip(Self.set(images: NumPy.npy("|u1", [6, 3, 6, 1], planar)))
        expectFailure(.data, ":layout=nchw") { try locate(ambiguous) }
        let asked = try locate(ambiguous, ":layout=nchw").read(.train)
        #expect(asked.pixels == Self.pixels)

        let wide = NumPy.npy("|u1", [1, 3, 5, 6], [UInt8](repeating: 7, count: 90))
        let told = try locate(
            NumPy.zip(Self.set(images: wide, labels: NumPy.npy("<i8", [1], [0, 0, 0, 0, 0, 0, 0, 0]))))
        #expect(told.description.shape.channels == 3 && told.description.shape.width == 6)
    }

    @Test("floats need a range, labels of any integer type are read, and one that starts at 1 is said")
    func types() throws {
        let floats = (0..<6 * 18).flatMap { i in withUnsafeBytes(of: Float(i) / 107) { Array($0) } }
        let images = NumPy.npy("<f4", [6, 6, 1, 3], floats)
        let labels = NumPy.npy(">i4", [6], Self.labels.flatMap { [0, 0, 0, $0 + 1] })
        let bytes = NumPy.zip(Self.set(images: images, labels: labels))
        expectFailure(.data, "float32", ":range=") { try locate(bytes) }
        let plain = try locate(bytes, ":range=0..1")
        #expect(plain.description.classes == 4 && plain.description.notes.contains { $0.contains(":first-label=1") })
        let mapped = try locate(bytes, ":range=0..1:first-label=1")
        #expect(mapped.description.classes == 3 && mapped.description.notes.isEmpty)
        let read = try mapped.read(.train)
        #expect(read.labels == Self.labels && read.pixels.first == 0 && read.pixels.last == 255)
        expectFailure(.data, "outside of range") { try locate(bytes, ":range=0..0.5") }
        let nan = NumPy.npy("<f4", [1, 1, 1], [0, 0, 0xC0, 0x7F])
        expectFailure(.data, "nan") {
            try locate(NumPy.zip(Self.set(images: nan, labels: NumPy.npy("|u1", [1], [0]))), ":range=0..1")
        }
    }

    @Test("a test split is drawn from the images, the same share of each class, where the files have none")
    func share() throws {
        let images = NumPy.npy("|u1", [60, 1, 2], (0..<120).map { UInt8($0) })
        let labels = NumPy.npy("|u1", [60], (0..<60).map { UInt8($0 % 3) })
        let bytes = NumPy.zip([("x.npy", images), ("y.npy", labels)])
        #expect(try locate(bytes).description.testCount == 0)
        let split = try locate(bytes, ":test-share=0.2:seed=4")
        #expect(split.description.trainCount == 48 && split.description.testCount == 12)
        let (train, test) = (try split.read(.train), try split.read(.test))
        #expect((0..<3).allSatisfy { label in test.labels.count { $0 == label } == 4 })
        #expect(Set(train.pixels).union(test.pixels).count == 120)
        #expect(try split.read(.test) { $0 >= 6 }.pixels == Array(test.pixels[12...]))
        expectFailure(.usage, "test split already") { try locate(NumPy.zip(Self.set()), ":test-share=0.2") }
        expectFailure(.usage, "did you mean 'test-share'") { try locate(bytes, ":test-shar=0.2") }
    }

    @Test(
        "what cannot be read is refused in a sentence",
        arguments: [
            (NumPy.npy("|O", [6, 6, 1, 3], NumPyTests.pixels), "never read"),
            (NumPy.npy("|u1", [6, 6, 1, 3], NumPyTests.pixels, fortran: true), "Fortran order"),
            (NumPy.npy("<c8", [6, 6, 1, 3], NumPyTests.pixels), "type <c8"),
            (NumPy.npy("|u1", [5, 2, 3, 3], Array(NumPyTests.pixels.prefix(90))), "holds 5 images"),
            (NumPy.npy("|u1", [6, 6, 1, 3], Array(NumPyTests.pixels.dropLast())), "ends before"),
            (NumPy.npy("|u1", [6, 6, 1, 3], NumPyTests.pixels + [0]), "goes on after"),
            (NumPy.npy("|u1", [6, 1 << 40, 1 << 40], []), "impossible shape"),
            (NumPy.npy("|u1", [6, 18], NumPyTests.pixels), "has the shape [6, 18]"),
            (Array("not of NumPy".utf8), "is no NumPy file"), ([], "ends in its header"),
        ])
    func refusals(_ images: [UInt8], _ words: String) throws {
        expectFailure(.data, words) { try locate(NumPy.zip(Self.set(images: images))) }
    }

    @Test("labels that are no classes are refused")
    func labels() throws {
        for (labels, words) in [
            (NumPy.npy("<f4", [6], [UInt8](repeating: 0, count: 24)), "labels are integers"),
            (
                NumPy.npy("<i2", [6], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 44, 1]),
                "the label of image 5 is 300, expected 0...255: a data set has at most 256 classes"
            ),
            (NumPy.npy("|i1", [6], [255, 0, 0, 0, 0, 0]), "the label of image 0 is -1"),
            (NumPy.npy("|u1", [6, 3], [UInt8](repeating: 0, count: 18)), "one class an image"),
        ] {
            expectFailure(.data, words) { try locate(NumPy.zip(Self.set(labels: labels))) }
        }
    }

    @Test("archives that are cut off, lead out, hide or claim too much are refused")
    func archives() throws {
        let good = NumPy.zip(Self.set())
        for cut in [0, 10, good.count / 2, good.count - 1] {
            expectFailure(.data, "shapes.npz") { try locate(Array(good.prefix(cut))) }
        }
        // A pixel of the first member.
        var damaged = good
        damaged[200] ^= 1
        expectFailure(.data, "checksum") { try locate(damaged) }
        let image = NumPy.npy("|u1", [6, 6, 1, 3], Self.pixels)
        expectFailure(.data, "leads out") { try locate(NumPy.zip([("../train_images.npy", image)])) }
        expectFailure(.data, "leads out") { try locate(NumPy.zip([("/train_images.npy", image)])) }
        expectFailure(.data, "claims") { try locate(NumPy.zip(Self.set(), claimed: 1 << 31)) }
        expectFailure(.data, "encrypted") { try locate(NumPy.zip(Self.set(), flags: 1)) }
        expectFailure(.data, "it holds a, b", ":images=NAME") {
            try locate(NumPy.zip([("a.npy", image), ("b.npy", image)]))
        }
        let named = NumPy.zip([("a.npy", image), ("b.npy", NumPy.npy("|u1", [6], Self.labels))])
        #expect(try locate(named, ":images=a:labels=b").description.trainCount == 6)
        expectFailure(.data, "no array 'c'") { try locate(named, ":images=c:labels=b") }
    }
}

@Suite("MATLAB's arrays") struct MATLABTests {
    /// A file of version 5 with SVHN's arrays: X [2, 3, 3, n] in MATLAB's order, and y [n, 1].
    private func file(_ images: Int, labels: [UInt8]) -> [UInt8] {
        let pixels = (0..<images * 18).map { UInt8(truncatingIfNeeded: $0) }
        return MATLAB.file([("X", [2, 3, 3, images], pixels), ("y", [images, 1], labels)])
    }

    @Test("SVHN's two files are a data set: rows and columns in order, label 10 the digit 0")
    func house() throws {
        let folder = try TemporaryFolder()
        try folder.write(file(4, labels: [1, 10, 2, 3]), to: "train_32x32.mat")
        try folder.write(file(2, labels: [10, 3]), to: "test_32x32.mat")
        let dataset = try Dataset.locate(folder.path)
        #expect(dataset.description.trainCount == 4 && dataset.description.testCount == 2)
        #expect(dataset.description.shape.height == 2 && dataset.description.shape.width == 3)
        let train = try dataset.read(.train)
        #expect(train.labels == [1, 0, 2, 3])
        // X(h, w, c, n) lies at h + 2 (w + 3 (c + 3 n)).
        var expected: [UInt8] = []
        for h in 0..<2 {
            for w in 0..<3 {
                for c in 0..<3 { expected.append(UInt8(18 + h + 2 * (w + 3 * c))) }
            }
        }
        #expect(Array(train.pixels[18..<36]) == expected)
    }

    @Test("a file that is cut off, of version 7.3 or of something else is refused")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let good = file(4, labels: [1, 0, 2, 3])
        try folder.write(good, to: "a.mat")
        #expect(try Dataset.locate(folder.file("a.mat")).read(.train).labels == [1, 0, 2, 3])
        for cut in [100, 130, 300, good.count - 1] {
            try folder.write(Array(good.prefix(cut)), to: "a.mat")
            expectFailure(.data, "a.mat") { try Dataset.locate(folder.file("a.mat")).read(.train) }
        }
        for name in ["a.mat", "a.h5"] {
            try folder.write(Array("MATLAB 7.3".utf8) + [UInt8](repeating: 0, count: 200), to: name)
            expectFailure(.data, name, "version 7.3", "save it with -v7") { try Dataset.locate(folder.file(name)) }
        }
    }
}

@Suite("CIFAR-100 and IDX of other types") struct OtherFormatTests {
    @Test("CIFAR-100's records have two labels, of which the second counts")
    func hundred() throws {
        let folder = try TemporaryFolder()
        func record(_ label: UInt8) -> [UInt8] { [19, label] + (0..<3072).map { UInt8(truncatingIfNeeded: $0) } }
        try folder.write((0..<10).flatMap { record($0 * 11) }, to: "train.bin")
        try folder.write([5, 99].flatMap(record), to: "test.bin")
        let dataset = try Dataset.locate(folder.path, directory: nil, cifarRecords: 2)
        #expect(dataset.description.classes == 100 && dataset.description.classNames[99] == "worm")
        #expect(Set(dataset.description.classNames).count == 100)
        #expect(try dataset.read(.test).labels == [5, 99] && dataset.read(.train) { $0 == 9 }.labels == [99])
        try folder.write([5, 100].flatMap(record), to: "test.bin")
        expectFailure(.data, "the label of image 1 is 100") { try dataset.read(.test) }
    }

    @Test("IDX of floats and of 32-bit labels is read; [N, C, H, W] is told from [N, H, W, C]")
    func types() throws {
        let folder = try TemporaryFolder()
        let floats = (0..<4 * 6).flatMap { i in withUnsafeBytes(of: (Float(i) / 23).bitPattern.bigEndian) { Array($0) }
        }
        func header(_ type: UInt8, _ dimensions: [UInt8]) -> [UInt8] {
            [0, 0, type, UInt8(dimensions.count)] + dimensions.flatMap { [0, 0, 0, $0] }
        }
        for split in ["train", "t10k"] {
            try folder.write(header(0x0D, [4, 2, 3]) + floats, to: "\(split)-images-idx3-float")
            try folder.write(
                header(0x0C, [4]) + [0, 2, 1, 0].flatMap { [0, 0, 0, $0] }, to: "\(split)-labels-idx1-int")
        }
        let dataset = try Dataset.locate(folder.path + ":range=0..1")
        let train = try dataset.read(.train)
        #expect(train.labels == [0, 2, 1, 0] && train.pixels.last == 255 && dataset.description.classes == 3)

        let planar = try TemporaryFolder()
        for split in ["train", "t10k"] {
            try planar.write(header(8, [2, 3, 5, 6]) + (0..<180).map { UInt8($0) }, to: "\(split)-images-idx4-ubyte")
            try planar.write(header(8, [2]) + [0, 1], to: "\(split)-labels-idx1-ubyte")
        }
        let coloured = try Dataset.locate(planar.path)
        #expect(
            coloured.description.shape.channels == 3 && coloured.description.notes.first?.contains("C, H, W") == true)
        #expect(try Array(coloured.read(.train).pixels.prefix(6)) == [0, 30, 60, 1, 31, 61])
    }
}
