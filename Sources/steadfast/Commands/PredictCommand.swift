import ArgumentParser
import Checkpoints
import Datasets
import Essentials
import Foundation
import Robustness

/// `steadfast predict`.
struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "Say the class of images without labels, or that they are rejected.",
        discussion: """
            IMAGES are pictures (PNG, JPEG), folders of pictures, and arrays of images (IDX, NPY) of the network's \
            size; a path takes parameters, PATH:layout=nchw:range=0..1. An image is rejected where a nonsense output \
            wins or, in a network without one, the confidence is at most one half.
            """)

    @Argument(help: "A checkpoint, a run directory (its latest checkpoint), or a network of the format ONNX.")
    var network: String

    @Argument(help: "The images.")
    var images: [String]

    @OptionGroup var choice: CheckpointChoice

    @Option(help: "Write the predictions to a CSV file, in place of the table.")
    var output: String?

    @Option(help: "The data set that a network of the format ONNX is for.")
    var dataset: String?

    @OptionGroup var importOptions: ImportOptions

    @OptionGroup var location: DataLocation

    /// The CSV file's first line: the image's file and its number in it, the winning output and its name, its
    /// confidence, and `accepted` or `rejected`.
    private static let header = "file,index,output,class,confidence,outcome"

    func run() throws {
        let checkpoint = try checkpoint()
        let predictor = try Predictor(checkpoint)
        let images = try UnlabelledImages(images, shape: predictor.shape)
        guard images.count > 0 else { throw Failure(.data, "the files hold no images") }
        var waiting: [(path: String, index: Int?)] = []
        var rows: [Row] = []
        func take(_ predictions: [Prediction]) {
            rows += zip(waiting, predictions).map { image, prediction in
                Row(
                    path: image.path, index: image.index, prediction: prediction,
                    title: ClassNames.title(
                        prediction.output, of: checkpoint.header.classNames, classes: checkpoint.header.classes))
            }
            waiting.removeFirst(predictions.count)
        }
        try images.forEach { path, index, pixels in
            waiting.append((path, index))
            take(try predictor.add(pixels))
        }
        take(try predictor.finish())
        if let output {
            try AtomicFile.write(lines: [Self.header] + rows.map(\.line), to: output)
        } else {
            print(textTable([["image", "class", "confidence", ""]] + rows.map(\.cells)).joined(separator: "\n"))
        }
    }

    private func checkpoint() throws -> Checkpoint {
        try importOptions.check([network], choice)
        guard ImportOptions.isForeign(network) else {
            guard dataset == nil else { throw ImportOptions.misplaced("dataset", network) }
            return try choice.load(network)
        }
        return try importOptions.imported(network, dataset: dataset, directory: location.dataDirectory)
    }

    /// An image with what the network says of it.
    private struct Row {
        let path: String
        let index: Int?
        let prediction: Prediction
        let title: String

        private var confidence: String { fixed(Double(prediction.confidence), 6) }

        /// The row of the table for people.
        var cells: [String] {
            [
                index.map { "\(path) \($0)" } ?? path, title, String(confidence.dropLast(3)),
                prediction.isRejected ? "rejected" : "",
            ]
        }

        /// The line of the CSV file.
        var line: String {
            CSVText.fields(of: [
                path, index.map { "\($0)" } ?? "", "\(prediction.output)", title, confidence,
                prediction.isRejected ? "rejected" : "accepted",
            ])
        }
    }
}
