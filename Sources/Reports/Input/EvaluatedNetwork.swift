import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Recipes
import Robustness

/// One trained network with all that was found out about it.
package struct EvaluatedNetwork {
    /// Its name, seed and step.
    package let identity: NetworkName
    /// The data set's name.
    package let dataset: String
    /// The directory of its run, where that is there.
    package let run: String?
    /// The checkpoint as the evaluation named it.
    package let checkpoint: String
    /// The rows of all its evaluations.
    package var rows: [SummaryRow]
    /// The folders of its evaluations.
    package var folders: [String]

    /// Makes a network from what was found.
    package init(
        identity: NetworkName, dataset: String, run: String?, checkpoint: String, rows: [SummaryRow], folders: [String]
    ) {
        (self.identity, self.dataset, self.run) = (identity, dataset, run)
        (self.checkpoint, self.rows, self.folders) = (checkpoint, rows, folders)
    }

    /// Reads the resolved recipe of its run, or that in its checkpoint; nil where neither is there.
    package func recipe() -> Recipe? {
        let own = run.flatMap { try? String(contentsOfFile: "\($0)/\(RunLayout.recipe)", encoding: .utf8) }
        return (own ?? (try? load())?.header.recipe).flatMap { try? Recipe.parse(yaml: $0) }
    }

    /// Its results file in one of its folders, which holds several networks' folders or one network's file; nil where
    /// there is none.
    func resultsFile(in folder: String) -> String? {
        let own = checkpoint.replacingOccurrences(of: "/", with: "_")
        let step = URL(fileURLWithPath: checkpoint).deletingPathExtension().lastPathComponent
        // A part of a data set has a folder of its own.
        let part = "\(folder)/" + dataset.replacingOccurrences(of: "/", with: "_")
        return [part, folder].flatMap { ["\($0)/\(own)", "\($0)/\(step)", $0] }.map { "\($0)/\(ResultsLayout.file)" }
            .first { FileManager.default.fileExists(atPath: $0) }
    }

    /// The names of the classes as its evaluations have them; nil where they are numbers.
    func classNames() -> [String]? {
        folders.lazy.compactMap { resultsFile(in: $0) }.compactMap { try? SealedFile.read($0) }
            .compactMap { ClassNames.read($0.rootAttributes) }.first
    }

    /// Reads its parameters.
    ///
    /// - Throws: `Failure` 66 where the file is not there any more, 65 where it is damaged.
    package func load() throws -> Checkpoint {
        let path = try run.map { try RunDirectory.latestCheckpoint(in: $0) } ?? checkpoint
        return try Checkpoint.load(
            FileManager.default.isDirectory(path) ? try RunDirectory.latestCheckpoint(in: path) : path)
    }

    /// The checkpoints of some rows, each with the data sets that it was evaluated on.
    private static func subjects(_ rows: [SummaryRow]) -> [(checkpoint: String, dataset: String)] {
        rows.map(\.checkpoint).uniqued.flatMap { checkpoint in
            rows.filter { $0.checkpoint == checkpoint }.map(\.dataset).uniqued.map { (checkpoint, $0) }
        }
    }

    /// The networks of some evaluations; of the steps of one run the last.
    package static func collect(_ evaluations: [(folder: String, rows: [SummaryRow])]) -> [EvaluatedNetwork] {
        struct Key: Hashable { let dataset, name: String, seed: Int? }
        var networks: [Key: EvaluatedNetwork] = [:]
        var order: [Key] = []
        for (folder, rows) in evaluations {
            let parent = absolutePath(folder + "/..")
            let run = isRun(parent) ? parent : nil
            for (checkpoint, dataset) in subjects(rows) {
                let own = rows.filter { $0.checkpoint == checkpoint && $0.dataset == dataset }
                let ownRun = run ?? (isRun(checkpoint) ? checkpoint : nil)
                let step = NetworkName(path: checkpoint).step
                let named = NetworkName(path: ownRun ?? checkpoint)
                let key = Key(dataset: dataset, name: named.name, seed: named.seed)
                let new = EvaluatedNetwork(
                    identity: NetworkName(name: named.name, seed: named.seed, step: step), dataset: dataset,
                    run: ownRun, checkpoint: checkpoint, rows: own, folders: [folder])
                guard let old = networks[key], old.identity.step ?? .max >= step ?? .max else {
                    if networks.updateValue(new, forKey: key) == nil { order.append(key) }
                    continue
                }
                guard old.identity.step == step else { continue }
                networks[key]?.rows += own
                networks[key]?.folders.append(folder)
            }
        }
        return order.compactMap { networks[$0] }
    }

    private static func isRun(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(RunLayout.recipe)")
            || FileManager.default.fileExists(atPath: "\(path)/\(RunLayout.checkpoints)/\(RunLayout.latest)")
    }
}

extension Array where Element: Hashable {
    /// Each element once, where it stands first.
    package var uniqued: [Element] {
        var seen = Set<Element>()
        return filter { seen.insert($0).inserted }
    }
}
