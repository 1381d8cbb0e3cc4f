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
            let place = DatasetPlace(tree.rootAttributes)
            let dataset = try Dataset.locate(
                place.locator ?? model.dataset, directory: place.directory ?? model.dataDirectory)
            let wanted = Set(samples.map(\.index))
            let images = try dataset.read(split == Split.test.rawValue ? .test : .train) { wanted.contains($0) }
            return Figure(
                name: fileName("worst", model.dataset, model.name),
                title: "\(model.label): sure and wrong",
                caption:
                    "Clean \(split) images that the network takes for another class, the \(samples.count) of most "
                    + "confidence first: label, prediction and confidence.",
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

    /// Rows of eight.
    private static func panel(_ name: String, _ samples: [Sample], _ images: ImageSet, _ classes: [String]) -> Panel {
        let shape = images.shape
        let cells = samples.compactMap { sample -> PixelPanel.Cell? in
            guard let slot = images.indices.firstIndex(of: Int32(sample.index)) else { return nil }
            let words = [sample.label, sample.prediction].map { classes.indices.contains($0) ? classes[$0] : "ns" }
            return PixelPanel.Cell(
                pixels: PixelPanel.colours(shape) { images.pixels[slot * shape.count + $0] },
                text: "\(words[0].prefix(5)) → \(words[1].prefix(5)) " + fixed(Double(sample.confidence), 2))
        }
        let rows = stride(from: 0, to: cells.count, by: 8).map { Array(cells[$0..<min($0 + 8, cells.count)]) }
        return PixelPanel.panel(name, rows, shape, fontSize: 8)
    }
}
