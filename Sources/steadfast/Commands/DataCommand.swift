import ArgumentParser
import Datasets
import Essentials
import Foundation
import Training

/// `steadfast data`.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "List, fetch, verify, convert and make data sets.",
        subcommands: [List.self, Fetch.self, Verify.self, Convert.self, Make.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show data sets: where they lie, their shape and classes.")
        @Argument(
            help: "Names, folders or files, each read whole for the images of each class; else all known sets.",
            completion: .datasets)
        var sets: [String] = []
        @OptionGroup var location: DataLocation

        func run() throws {
            let names = sets.isEmpty ? Dataset.knownNames : sets
            let listings = Dataset.list(names, directory: location.dataDirectory)
            for listing in listings {
                var facts = listing.problem.map { "\($0)" } ?? ""
                if let found = listing.description {
                    facts =
                        "\(found.trainCount) + \(found.testCount) images of \(found.shape), \(found.classes) classes"
                        + (listing.folder.map { ", in \($0)" } ?? ", built in")
                }
                print(
                    listing.name.padding(toLength: max(16, listing.name.count + 2), withPad: " ", startingAt: 0) + facts
                )
                listing.description?.notes.forEach { print("    " + $0) }
                if !sets.isEmpty, listing.description != nil { try printCounts(listing.name) }
            }
            // What was asked for by name has to be there, and readable.
            guard !sets.isEmpty, let problem = listings.lazy.compactMap(\.problem).first else { return }
            throw ArgumentParser.ExitCode(problem.code.rawValue)
        }

        private func printCounts(_ name: String) throws {
            let dataset = try Dataset.locate(name, directory: location.dataDirectory)
            let (train, test) = (try dataset.counts(.train), try dataset.counts(.test))
            for (label, className) in dataset.description.classNames.enumerated() {
                print("    \(className): \(train[label]) + \(test[label])")
            }
        }
    }

    struct Fetch: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Download a data set from its publisher; an interrupted download goes on where it stopped.")
        @Argument(help: "A data set's name.", completion: .datasets)
        var name: String
        @OptionGroup var location: DataLocation

        func run() throws {
            let isTerminal = isatty(STDERR_FILENO) == 1
            var line = ProgressLine()
            var last = 0
            let files = try Dataset.fetch(name, into: location.target) { progress in
                guard isTerminal, let total = progress.total else { return }
                line.update(
                    progress.file, done: progress.received, of: total, amount: Double(progress.received - last) / 1e6,
                    unit: "MB/s")
                last = progress.received
            }
            line.clear()
            files.forEach { print($0) }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read a data set whole and compare it with its publisher's digests.")
        @Argument(help: "A data set's name, or a folder.", completion: .datasets)
        var name: String
        @OptionGroup var location: DataLocation

        func run() throws {
            let report = try Dataset.verify(name, directory: location.dataDirectory)
            let digests = report.digests.map { "of \($0.split) \($0.digest)" }.joined(separator: ", ")
            print("\(report.name): SHA-256 \(digests)")
            for file in report.files {
                let verdict = file.isOfficial == true ? "official" : "well formed; no digest is published"
                print("\(file.path)  SHA-256 \(file.digest)  \(verdict)")
            }
        }
    }

    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a data set of any format as one HDF5 file of checked chunks.",
            discussion: "An interrupted conversion goes on where it stopped, by the same command.")
        @Argument(help: "A data set's name, folder or file, with parameters as in a recipe.")
        var source: String
        @Option(help: "The file to make; its name ends with .h5.")
        var output: String
        @Option(help: "Deflate chunks by this level, 1 (fast) to 9; else they are stored as they are.")
        var deflate: Int?
        @Option(help: "Put each split's images in an order drawn by this seed; else they stay as they are.")
        var shuffle: UInt64?
        @Flag(help: "Tell nothing on the way.")
        var quiet = false
        @OptionGroup var location: DataLocation

        func run() throws {
            let dataset = try Dataset.locate(source, directory: location.dataDirectory)
            let conversion = try Conversion(dataset, to: output, deflate: deflate, shuffle: shuffle)
            var line = ProgressLine()
            var last: Int?
            let megabytes = Double(dataset.description.shape.count) / 1e6
            let report = try conversion.run { done, total in
                guard !quiet else { return }
                line.update(
                    "\(done) of \(total) images", done: done, of: total,
                    amount: Double(done - (last ?? done)) * megabytes, unit: "MB/s")
                last = done
            }
            line.clear()
            let resumed = report.resumed > 0 ? ", \(report.resumed) of them by a conversion before" : ""
            print("\(report.path): \(report.images) images\(resumed), \(report.bytes) bytes")
            print("content_digest \(report.contentDigest)")
            if report.isSorted {
                print(
                    "its images lie class by class: a stream's small windows hold few classes; --shuffle 1 mixes")
            }
        }
    }

    struct Make: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a built-in data set as IDX files.")
        @Argument(
            help: "A built-in set's name: \(Dataset.generatedNames.joined(separator: ", ")).",
            completion: .list(Dataset.generatedNames))
        var name: String
        @OptionGroup var location: DataLocation

        func run() throws {
            guard Dataset.generatedNames.contains(name) else {
                throw Failure(.usage, unknownName("data set to make", name, among: Dataset.generatedNames))
            }
            let folder = "\(location.target)/\(name)"
            try FileManager.default.makeDirectory(folder)
            try Dataset.locate(name).writeIDX(into: folder).forEach { print($0) }
        }
    }
}
