import Checkpoints
import Essentials
import Foundation

/// The figures in a run's `metrics.jsonl`, read on as it grows. Lines of a later step than the run was resumed at are
/// forgotten: they are computed again.
package struct RunMetrics {
    /// The figures of a step.
    package struct Step: Equatable {
        package let step: Int
        package let loss, error, rate: Double
    }
    /// The figures of an epoch.
    package struct Epoch: Equatable {
        package let step, epoch: Int
        package let loss, error: Double
        package let validation, attacked: Double?
        package let rate: Double
        /// Of the training error that of images of the data set and that of drawn samples; nil without drawn samples.
        package var imageError, drawnError: Double?
    }
    /// The error of a step's checkpoint under an attack of a strength.
    package struct Attacked: Equatable {
        package let step: Int
        package let attack: String
        package let strength, error: Double
    }

    /// Some of the steps: every ``stride``-th, and the last.
    package private(set) var steps: [Step] = []
    /// The epochs.
    package private(set) var epochs: [Epoch] = []
    /// The evaluations of checkpoints beside the training.
    package private(set) var attacked: [Attacked] = []
    /// True where the run has ended, and was not resumed since.
    package private(set) var hasEnded = false

    /// The seconds that all steps took, those computed twice included; where steps are read.
    package private(set) var trainingSeconds = 0.0

    private let path: String
    private let readsSteps: Bool
    private var offset: UInt64 = 0
    private var stride = 1

    /// The most steps that are held.
    private static let mostSteps = 4_000

    /// The metrics of a run, nothing read yet.
    ///
    /// - Parameter steps: whether the steps are wanted; the epochs alone are read faster.
    package init(run: String, steps: Bool) {
        path = "\(run)/\(RunLayout.metrics)"
        readsSteps = steps
    }

    /// Reads the whole lines that were appended since the last call; a file that is not there yet has none.
    ///
    /// - Throws: `Failure` 74 where it cannot be read.
    package mutating func readOn() throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw Failure(.inputOutput, "cannot read \(path): no permission?")
        }
        defer { try? file.close() }
        do {
            try file.seek(toOffset: offset)
            let data = try file.readToEnd() ?? Data()
            guard let end = data.lastIndex(of: 0x0A) else { return }
            offset += UInt64(end + 1 - data.startIndex)
            for line in data[...end].split(separator: 0x0A) { take(line) }
        } catch let error where !(error is Failure) {
            throw Failure(.inputOutput, "cannot read \(path): \(error.localizedDescription)")
        }
    }

    private static let prefix = Array("{\"event\":\"".utf8)

    private mutating func take(_ line: Data) {
        guard line.starts(with: Self.prefix) else { return }
        switch line[line.startIndex + Self.prefix.count] {
        case UInt8(ascii: "s"):
            hasEnded = false
            guard readsSteps, let object = object(line), object["event"] as? String == "step",
                let step = object["step"] as? Int
            else { return }
            let parts = object["seconds"] as? [String: Double] ?? [:]
            trainingSeconds += parts.values.reduce(0, +)
            if steps.count > 1, (steps.last?.step ?? 0) % stride != 0 { steps.removeLast() }
            steps.append(
                Step(
                    step: step, loss: number(object["loss"]), error: number(object["error"]),
                    rate: number(object["images_per_second"])))
            if steps.count > Self.mostSteps {
                stride *= 2
                steps = steps.filter { $0.step % stride == 0 || $0.step == step }
            }
        case UInt8(ascii: "e"), UInt8(ascii: "r"):
            guard let object = object(line), let event = object["event"] as? String, let step = object["step"] as? Int
            else { return }
            takeRare(event, step, object)
        default: break
        }
    }

    private mutating func takeRare(_ event: String, _ step: Int, _ object: [String: Any]) {
        switch event {
        case "epoch":
            epochs.append(
                Epoch(
                    step: step, epoch: object["epoch"] as? Int ?? epochs.count, loss: number(object["loss"]),
                    error: number(object["error"]), validation: object["validation_error"] as? Double,
                    attacked: object["validation_attacked_error"] as? Double, rate: number(object["images_per_second"]),
                    imageError: object["image_error"] as? Double, drawnError: object["drawn_error"] as? Double))
        case "evaluation":
            let new = Attacked(
                step: step, attack: object["attack"] as? String ?? "", strength: number(object["strength"]),
                error: number(object["error"]))
            attacked.removeAll { $0.step == step && $0.attack == new.attack && $0.strength == new.strength }
            attacked.append(new)
        case "end": hasEnded = true
        case "resume":
            hasEnded = false
            steps.removeAll { $0.step > step }
            epochs.removeAll { $0.step > step }
            attacked.removeAll { $0.step > step }
        default: break
        }
    }

    private func object(_ line: Data) -> [String: Any]? {
        (try? JSONSerialization.jsonObject(with: line)) as? [String: Any]
    }
    private func number(_ value: Any?) -> Double { value as? Double ?? .nan }
}
