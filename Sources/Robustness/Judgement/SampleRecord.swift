import Kernels
import Networks

/// The three outcomes of a judged sample.
public enum Outcome: UInt8, Sendable {
    /// Accepted as what it is.
    case correct = 0
    /// Accepted as something that it is not; nonsense accepted at all.
    case wrong = 1
    /// A nonsense output wins or, in a network without one, the confidence is at most 0.5.
    case rejected = 2
}

/// The record of one sample under one attack of one strength.
public struct SampleRecord: BitwiseCopyable, Equatable, Sendable {
    /// The output that wins over all outputs.
    public var prediction: Int16
    /// Its ``Outcome``, raw.
    public var outcome: UInt8
    /// Of an attack of several parts: the number of the part that this record comes from; 255 in the record of a part
    /// that was spared the sample.
    public var part: UInt8 = 0
    /// The confidence of the winner: softmax for plain networks, y for robust ones.
    public var confidence: Float
    /// The largest confidence among the classes: the score by which a sample is accepted at a threshold.
    public var classConfidence: Float
    /// The largest change of an element, as a fraction of the pixel range.
    public var linf: Float
    /// The L2 norm of the change, in fractions of the pixel range.
    public var l2: Float
    /// The L1 norm of the change, in fractions of the pixel range.
    public var l1: Float

    /// The record of a sample that a part was spared.
    static let notAttacked = SampleRecord(
        prediction: -1, outcome: 0, part: 255, confidence: 0, classConfidence: 0, linf: 0, l2: 0, l1: 0)

    /// How bad the record is for a network that should have said `label` (nil: that it is nonsense): 0 right, 1 an
    /// error that is rejected, 2 accepted and wrong.
    func severity(label: Int?) -> Int {
        if outcome == Outcome.wrong.rawValue { return 2 }
        return label.map { Int(prediction) != $0 } == true ? 1 : 0
    }
}

extension NetworkPlan {
    /// True where a sample whose outputs are z and whose winning output is `winner` is accepted as a class.
    func accepts(_ z: UnsafePointer<Float>, winner: Int) -> Bool {
        guard outputs == network.classes else { return winner < network.classes }
        return network.loss.confidence(z, of: winner, outputs: outputs) > 0.5
    }

    /// Judges the outputs z of one sample; `label` is nil for nonsense.
    package func judge(_ z: UnsafePointer<Float>, label: Int?, confidences: UnsafeMutablePointer<Float>) -> SampleRecord
    {
        network.loss.confidences(z, outputs: outputs, into: confidences)
        let winner = network.loss.winner(z, outputs: outputs)
        let outcome: Outcome = !accepts(z, winner: winner) ? .rejected : winner == label ? .correct : .wrong
        var best: Float = 0
        for output in 0..<network.classes { best = max(best, confidences[output]) }
        return SampleRecord(
            prediction: Int16(truncatingIfNeeded: winner), outcome: outcome.rawValue, confidence: confidences[winner],
            classConfidence: best,
            linf: 0, l2: 0, l1: 0)
    }
}

extension SampleRecord {
    /// Notes how far `y` is from `x`, both of `count` elements in pixel units.
    mutating func measure(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) {
        var largest: Float = 0
        var squares = 0.0
        var magnitudes = 0.0
        for i in 0..<count {
            let change = abs(y[i] - x[i]) / 255
            largest = max(largest, change)
            squares += Double(change) * Double(change)
            magnitudes += Double(change)
        }
        linf = largest
        l2 = Float(squares.squareRoot())
        l1 = Float(magnitudes)
    }
}
