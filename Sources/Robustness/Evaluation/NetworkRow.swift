import Checkpoints
import Essentials
import Foundation

/// One row of `networks.csv`: the origin of a checkpoint that was evaluated.
public struct NetworkRow: Equatable, Sendable {
    /// The file's first line.
    public static let header = "checkpoint,split,seed,step,epoch,recipe_digest"

    /// The checkpoint as the user named it.
    public let checkpoint: String
    /// The split that its samples come from.
    public let split: String
    /// The seed, the step and the epoch of its training; empty for a network that was not trained here.
    public let seed, step, epoch: String
    /// The SHA-256 of its recipe's text; empty for a network that was not trained here.
    public let recipeDigest: String

    /// The row of a checkpoint.
    init(_ header: CheckpointHeader, name: String, split: String) {
        let isOurs = !header.recipe.isEmpty
        checkpoint = name
        self.split = split
        (seed, step, epoch) = isOurs ? ("\(header.seed)", "\(header.step)", "\(header.epoch)") : ("", "", "")
        let digest = Essentials.Digest()
        digest.update(header.recipe)
        recipeDigest = isOurs ? digest.finish().hexadecimal : ""
    }

    /// The row that a line of the file is; nil where it is none.
    public init?(_ line: String) {
        let fields = CSVText.fields(line)
        guard fields.count == 6 else { return nil }
        (checkpoint, split, seed) = (fields[0], fields[1], fields[2])
        (step, epoch, recipeDigest) = (fields[3], fields[4], fields[5])
    }

    /// The row as a line of the file.
    public var line: String { CSVText.fields(of: [checkpoint, split, seed, step, epoch, recipeDigest]) }

    /// Writes the file, whole or not at all; of rows of one checkpoint and split the last counts.
    public static func write(_ rows: [NetworkRow], to folder: String) throws {
        var lines: [NetworkRow] = []
        for row in rows {
            lines.removeAll { $0.checkpoint == row.checkpoint && $0.split == row.split }
            lines.append(row)
        }
        try AtomicFile.write(lines: [header] + lines.map(\.line), to: folder + "/networks.csv")
    }

    /// The rows of a folder's file; none where there is no such file.
    public static func read(_ folder: String) -> [NetworkRow] {
        guard let bytes = try? String(contentsOfFile: folder + "/networks.csv", encoding: .utf8) else { return [] }
        return CSVText.records(bytes).dropFirst().compactMap { NetworkRow($0) }
    }
}
