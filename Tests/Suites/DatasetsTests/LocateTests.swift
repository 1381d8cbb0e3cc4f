import Datasets
import Foundation
import TestSupport
import Testing

@Suite("Finding data sets") struct LocateTests {
    @Test("a missing set is said to be missing, where it was looked for, and how to get it")
    func missing() throws {
        let folder = try TemporaryFolder()
        expectFailure(.noInput, folder.file("kmnist"), ".cache/steadfast/kmnist", "steadfast data fetch kmnist") {
            try Dataset.locate("kmnist", directory: folder.path)
        }
        expectFailure(.noInput, "did you mean 'kmnist'") { try Dataset.locate("kmnits", directory: folder.path) }
        expectFailure(.noInput, folder.file("nowhere")) { try Dataset.locate(folder.file("nowhere")) }
    }

    @Test("a folder that is here, named without its slash, is not found, and the sentence says how to write it")
    func withoutSlash() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.file("my shapes"), withIntermediateDirectories: false)
        let line = "cd \"$1\" && exec \"$0\" data list 'my shapes'"
        let result = try spawn(path: "/bin/sh", arguments: ["-c", line, builtProgram("steadfast"), folder.path]).wait()
        #expect(result.status == 66 && result.output.contains("for the one here write ./my shapes"), "\(result.output)")
    }

    @Test("a folder that lacks one file is refused by the file's name")
    func incomplete() throws {
        let folder = try TemporaryFolder()
        try MadeUpIDX().write(into: folder)
        try FileManager.default.removeItem(atPath: folder.file("t10k-labels-idx1-ubyte"))
        expectFailure(.noInput, "lacks t10k-labels-idx1-ubyte") { try Dataset.locate(folder.path) }
    }

    @Test("a set is found by name below the directory, by the directory itself, and by its path")
    func ways() throws {
        let parent = try TemporaryFolder()
        let folder = try TemporaryFolder()
        try MadeUpIDX().write(into: folder)
        try FileManager.default.moveItem(atPath: folder.path, toPath: parent.file("mine"))
        #expect(try Dataset.locate("mine", directory: parent.path).description.name == "mine")
        #expect(try Dataset.locate("anything", directory: parent.file("mine")).description.trainCount == 50)
        let byPath = try Dataset.locate(parent.file("mine"))
        #expect(byPath.description.name == "mine" && byPath.folder == parent.file("mine"))
        #expect(byPath.description.files.count == 4)
    }

    @Test("a set under a known name that holds other content is read and told to be other content")
    func unofficial() throws {
        let parent = try TemporaryFolder()
        let folder = try TemporaryFolder()
        try MadeUpIDX().write(into: folder)
        try FileManager.default.moveItem(atPath: folder.path, toPath: parent.file("mnist"))
        let dataset = try Dataset.locate("mnist", directory: parent.path)
        #expect(dataset.description.classes == 10)
        #expect(try dataset.read(.train).isOfficial == false)
        expectFailure(.data, "not the official content", "steadfast data fetch mnist") {
            try Dataset.verify("mnist", directory: parent.path)
        }
    }

    @Test("the list names every known set and says where it is or why not")
    func list() throws {
        let folder = try TemporaryFolder()
        let list = Dataset.list(directory: folder.path)
        #expect(list.map(\.name) == ["glyphs", "mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100", "svhn"])
        #expect(list[0].description?.trainCount == 12_000 && list[0].problem == nil)
        #expect(list.allSatisfy { ($0.description == nil) == ($0.problem != nil) })
    }

    @Test(
        "CIFAR-10 has its own table columns; a set that is not in the catalogue has MNIST's, its drawn samples apart"
    )
    func defaults() {
        #expect(DatasetDefaults.of("cifar10").strengths[3] == 0.020)
        #expect(DatasetDefaults.of("mnist").strengths[3] == 0.03)
        #expect(DatasetDefaults.of("mine").strengths.count == 13)
        #expect(
            ["glyphs", "mnist", "cifar10", "mine"].map { DatasetDefaults.of($0).drawnSamples } == [
                1200, 6000, 2500, nil,
            ])
        for name in Dataset.knownNames {
            let defaults = DatasetDefaults.of(name)
            #expect(defaults.strengths.first == 0 && defaults.strengths == defaults.strengths.sorted(), "\(name)")
        }
    }
}

@Suite("Real data") struct RealDataTests {
    @Test(
        "MNIST is the official one, 60,000 and 10,000 images",
        .enabled(if: realData("mnist") != nil, "no MNIST in $STEADFAST_DATA or ../shared/data"))
    func mnist() throws {
        let report = try Dataset.verify("mnist", directory: realData("mnist"))
        #expect(report.files.count == 4 && report.files.isOfficial == true)
        let test = try Dataset.locate("mnist", directory: realData("mnist")).read(.test) { $0 < 4 }
        #expect(test.labels == [7, 2, 1, 0])
    }

    @Test(
        "CIFAR-10 reads as 50,000 and 10,000 images, balanced",
        .enabled(if: realData("cifar10") != nil, "no CIFAR-10 in $STEADFAST_DATA or ../shared/data"))
    func cifar() throws {
        let dataset = try Dataset.locate("cifar10", directory: realData("cifar10"))
        let train = try dataset.read(.train)
        #expect(train.count == 50_000 && train.labels.filter { $0 == 3 }.count == 5_000)
        #expect(train.labels.prefix(5) == [6, 9, 9, 4, 1])
        #expect(train.pixels.prefix(3) == [59, 62, 63])
    }
}
