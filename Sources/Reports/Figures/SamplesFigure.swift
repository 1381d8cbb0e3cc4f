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
                + "framed in "
                + "red. Rows 1 to 3: test images under the paper's attack in batch mode; row 4: nonsense, which is "
                + "wrong where "
                + "a class accepts it; row 5: sign noise. Columns: the strength β. See up to which column a person "
                + "still reads "
                + "the digit or the object, and where the first frame is. Clipped to 0..255 for show only.",
            panels: [panel("figure-\(number)", rows, paper.strengths, subject, shorts)])
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

    /// All images as one picture with transparent gaps, so that the page's ground shows; texts and frames over it.
    private static func panel(
        _ name: String, _ rows: [Row], _ strengths: [Double], _ subject: ReportImages, _ classes: [String]
    ) -> Panel {
        let shape = subject.images.shape
        let (stepX, stepY) = (shape.width + 5, shape.height + 12)
        let (width, height) = (strengths.count * stepX, rows.count * stepY)
        // Red, green, blue, alpha of each pixel; transparent where no image is.
        var canvas = [SIMD4<Int>](repeating: .zero, count: width * height)
        var marks: [String] = []
        for (row, content) in rows.enumerated() {
            for (column, cell) in content.cells.enumerated() {
                let (left, top) = (column * stepX, row * stepY)
                for place in 0..<shape.area {
                    let levels = (0..<3).map { channel -> Int in
                        Int(
                            min(
                                255,
                                max(0, cell.image[place * shape.channels + min(channel, shape.channels - 1)].rounded()))
                        )
                    }
                    let (y, x) = (top + place / shape.width, left + place % shape.width)
                    canvas[y * width + x] = SIMD4(levels[0], levels[1], levels[2], 255)
                }
                let winner = Int(cell.record.prediction)
                let word = winner < classes.count ? classes[winner] : "ns"
                let text = Gnuplot.quoted(word + String(format: " %.2f", cell.record.confidence))
                let middle = Double(left) + Double(shape.width) / 2
                marks.append("set label \(text) at \(middle),\(Double(top) - 4.5) center font ',9'")
                let isWrong = content.label.map { $0 != winner } ?? (cell.record.outcome == Outcome.wrong.rawValue)
                if isWrong {
                    marks.append(
                        "set object rectangle from \(Double(left) - 1),\(Double(top) - 1) to "
                            + "\(left + shape.width),\(top + shape.height) front fs empty border lc rgb "
                            + "'\(Palette.red)' lw 2"
                    )
                }
            }
        }
        let pixels = canvas.enumerated().map { place, pixel in
            "\(place % width) \(place / width) \(pixel.x) \(pixel.y) \(pixel.z) \(pixel.w)"
        }
        for (column, strength) in strengths.enumerated() {
            let middle = Double(column * stepX) + Double(shape.width) / 2
            let text = strength == 0 ? "clean" : "β " + plainDecimal(strength)
            marks.append("set label \(Gnuplot.quoted(text)) at \(middle),-14 center font ',10'")
        }
        return Panel(
            name: name, width: 900, height: 900 * (height + 20) / (width + 4),
            script: (["$pixels << EOD"] + pixels + ["EOD"] + marks).joined(separator: "\n") + """

                unset border
                unset tics
                unset grid
                set margins 0,0,0,0
                set xrange [-3:\(width)]
                set yrange [\(height - 8):-20]
                plot $pixels with rgbalpha
                """)
    }
}
