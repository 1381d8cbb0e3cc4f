import Checkpoints
import Foundation
import Kernels
import Networks
import Robustness

/// Figures 10 and 12: sample images over the strengths, with what the network says of them, made anew from the
/// checkpoint, the data and the attacks.
enum SamplesFigure {
    private struct Row {
        let label: Int?
        /// For each strength the image, HWC in 0..255, and the record.
        var cells: [(image: [Float], record: SampleRecord)] = []
    }

    /// Three images under the paper's attack, one of nonsense, one with noise, at the strengths of the paper's table.
    ///
    /// - Throws: `Failure` where the checkpoint or the data cannot be read.
    static func figure(_ paper: PaperTable, _ checkpoint: Checkpoint, name: String) throws -> Figure {
        let target = try TargetModel(checkpoint, seed: 1)
        let subject = try ReportImages(checkpoint, count: TargetModel.groupSize)
        let labels = subject.images.labels.map(Int32.init)
        let number = paper.number == 2 ? 10 : 12
        var rows: [Row] = []
        try subject.pixels.withUnsafeBufferPointer { pixels in
            try labels.withUnsafeBufferPointer { labels in
                guard let pixels = pixels.baseAddress, let labels = labels.baseAddress else { return }
                let group = SampleGroup(
                    count: subject.images.count, indices: subject.images.indices[...], labels: labels, pixels: pixels)
                let shown = try threeClasses(target, group)
                func add(_ attack: String, _ samples: [Int]) throws {
                    rows += try self.rows(attack, samples, paper.strengths, target, group, subject)
                }
                try add("fgs-lmax:gradient-mode=batch", shown)
                try add("nonsense:gradient-mode=batch", [0])
                try add("noise-sign", [shown.first ?? 0])
            }
        }
        let shorts = subject.description.classNames.map(shortName)
        return Figure(
            name: "figure-\(number)", title: "Figure \(number): samples as \(name) sees them, \(paper.title)",
            caption:
                "Above each image the prediction (ns: a nonsense output wins) and its confidence; what is wrong is "
                + "framed in red. Rows 1 to 3: test images under the paper's attack in batch mode; row 4: nonsense, "
                + "which is wrong where a class accepts it; row 5: sign noise. Columns: the strength β. See up to "
                + "which column a person still reads the digit or the object, and where the first frame is. Clipped to "
                + "0..255 for show only.",
            panels: [
                PixelPanel.panel(
                    "figure-\(number)", rows.map { cells($0, subject, shorts) }, subject.images.shape,
                    headings: paper.strengths.map { $0 == 0 ? "clean" : "β " + plainDecimal($0) }, fontSize: 9)
            ])
    }

    /// The first images of three classes that the network gets right.
    private static func threeClasses(_ target: TargetModel, _ group: SampleGroup) throws -> [Int] {
        let all = Array(0..<group.count)
        let z = try target.outputs(all, of: group.pixels)
        let outputs = target.plan.outputs
        var seen = Set<Int32>()
        let right = all.filter { row in
            Int32(target.plan.network.loss.winner(z + row * outputs, outputs: outputs)) == group.labels[row]
                && seen.insert(group.labels[row]).inserted
        }
        return Array((right.count < 3 ? all : right).prefix(3))
    }

    private static func rows(
        _ name: String, _ samples: [Int], _ strengths: [Double], _ target: TargetModel, _ group: SampleGroup,
        _ subject: ReportImages
    ) throws -> [Row] {
        let suite = try AttackCatalogue.attack(try AttackSpecification(name), AttackContext(target))
        let size = subject.images.shape.count
        var rows = samples.map { Row(label: suite.isNonsense ? nil : Int(group.labels[$0])) }
        try GroupAttack(target).run(suite, on: group, rows: samples, strengths: strengths) { judged in
            guard let place = samples.firstIndex(of: judged.row) else { return }
            rows[place].cells.append(((0..<size).map { judged.image[$0] + subject.meanImage[$0] }, judged.record))
        }
        return rows
    }

    private static func shortName(_ name: String) -> String { name.count <= 2 ? name : String(name.prefix(4)) }

    private static func cells(_ row: Row, _ subject: ReportImages, _ classes: [String]) -> [PixelPanel.Cell] {
        row.cells.map { cell in
            let winner = Int(cell.record.prediction)
            let word = winner < classes.count ? classes[winner] : "ns"
            return PixelPanel.Cell(
                pixels: PixelPanel.colours(subject.images.shape) { UInt8(min(255, max(0, cell.image[$0].rounded()))) },
                text: word + String(format: " %.2f", cell.record.confidence),
                isFramed: row.label.map { $0 != winner } ?? (cell.record.outcome == Outcome.wrong.rawValue))
        }
    }
}
