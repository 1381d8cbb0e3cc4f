import Checkpoints
import Datasets
import Essentials
import Foundation
import HDF5Files
import Robustness

/// The clean images on which a network is most sure of a wrong class.
enum WorstSamplesFigure {
    private struct Sample {
        let index: Int
        let label, prediction: Int
        let confidence: Float
    }

    /// The images shown at most.
    private static let most = 16

    /// Nil where no clean image of a results file goes wrong, or none is there.
    ///
    /// - Throws: `Failure` 66 where the data set is not found, 65 where it or the results are damaged.
    static func figure(_ model: EvaluatedModel) throws -> Figure? {
        guard let network = model.networks.first else { return nil }
        for folder in network.folders {
            guard let path = network.resultsFile(in: folder) else { continue }
            let tree = try SealedFile.read(path)
            guard case .string(let split) = tree.rootAttributes["split"] else { continue }
            let samples = worst(tree)
            guard !samples.isEmpty else { continue }
            let directory = model.dataDirectory
            let dataset = try Dataset.locate(model.dataset, directory: directory)
            let wanted = Set(samples.map(\.index))
            let images = try dataset.read(split == Split.test.rawValue ? .test : .train) { wanted.contains($0) }
            return Figure(
                name: fileName("worst", model.dataset, model.name),
                title: "\(model.label): sure and wrong",
                caption:
                    "Clean \(split) images that the network takes for another class, the \(samples.count) of most "
                    + "confidence "
                    + "first: label, prediction and confidence.",
                panels: [
                    panel(
                        fileName("worst", model.dataset, model.name), samples, images,
                        ClassNames.read(tree.rootAttributes) ?? dataset.description.classNames)
                ])
        }
        return nil
    }

    private static func worst(_ tree: HDF5Tree) -> [Sample] {
        let clean = tree.tensors.keys.first { path in
            let parts = path.split(separator: "/")
            return parts.count == 3 && parts[2] == "prediction" && attackKind(String(parts[1])) == .clean
        }
        guard let clean, case .int16(let predictions) = tree.tensors[clean]?.elements,
            case .float32(let confidences) = tree.tensors[clean.dropLast(10) + "confidence"]?.elements,
            case .int32(let indices) = tree.tensors["samples/index"]?.elements,
            case .int16(let labels) = tree.tensors["samples/label"]?.elements,
            predictions.count == indices.count, confidences.count == indices.count, labels.count == indices.count
        else { return [] }
        let wrong = indices.indices.filter { predictions[$0] != labels[$0] }
            .sorted { (confidences[$0], indices[$1]) > (confidences[$1], indices[$0]) }
        return wrong.prefix(most).map {
            Sample(
                index: Int(indices[$0]), label: Int(labels[$0]), prediction: Int(predictions[$0]),
                confidence: confidences[$0])
        }
    }

    /// The images in rows of eight, as one picture with transparent gaps; texts over it.
    private static func panel(_ name: String, _ samples: [Sample], _ images: ImageSet, _ classes: [String]) -> Panel {
        let shape = images.shape
        let across = min(8, samples.count)
        let (stepX, stepY) = (max(shape.width + 5, 28), shape.height + 14)
        let (width, height) = (across * stepX, (samples.count + across - 1) / across * stepY)
        var pixels: [String] = []
        var marks: [String] = []
        for (place, sample) in samples.enumerated() {
            guard let slot = images.indices.firstIndex(of: Int32(sample.index)) else { continue }
            let (left, top) = (place % across * stepX, place / across * stepY)
            for i in 0..<shape.area {
                let at = (slot * shape.area + i) * shape.channels
                let levels = (0..<3).map { images.pixels[at + min($0, shape.channels - 1)] }
                pixels.append(
                    "\(left + i % shape.width) \(top + i / shape.width) \(levels[0]) \(levels[1]) \(levels[2]) 255")
            }
            let words = [sample.label, sample.prediction].map { classes.indices.contains($0) ? classes[$0] : "ns" }
            let text = "\(words[0].prefix(5)) → \(words[1].prefix(5)) " + String(format: "%.2f", sample.confidence)
            marks.append(
                "set label \(Gnuplot.quoted(text)) at \(Double(left) + Double(shape.width) / 2),\(Double(top) - 4.5) "
                    + "center font ',8'")
        }
        return Panel(
            name: name, width: 900, height: 900 * (height + 8) / (width + 4),
            script: (["$pixels << EOD"] + pixels + ["EOD"] + marks).joined(separator: "\n") + """

                unset border
                unset tics
                unset grid
                set margins 0,0,0,0
                set xrange [-3:\(width)]
                set yrange [\(height - 4):-10]
                plot $pixels with rgbalpha
                """)
    }
}
