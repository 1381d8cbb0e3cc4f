import Kernels

/// A part of a data set. Training and validation images come from the same files.
public enum Split: String, Codable, CaseIterable, Sendable {
    case train, validation, test
}

/// The training files' images, dealt into a training and a validation split.
public struct Splits: Sendable {
    /// The file indices of the training split, ascending. A data sample's id is its position here.
    public let train: [Int32]
    /// The file indices of the validation split, ascending.
    public let validation: [Int32]

    /// Takes `validation` of `trainCount` images, by a permutation of the seed, for validation.
    ///
    /// `0 <= validation <= trainCount`.
    public init(trainCount: Int, validation: Int, seed: UInt64) {
        precondition((0...trainCount).contains(validation), "\(validation) of \(trainCount) images for validation")
        var held = [Bool](repeating: false, count: trainCount)
        if validation > 0 {
            var random = Philox(seed: seed, purpose: .validationSplit)
            for index in random.permutation(trainCount).prefix(validation) { held[Int(index)] = true }
        }
        train = (0..<Int32(trainCount)).filter { !held[Int($0)] }
        self.validation = (0..<Int32(trainCount)).filter { held[Int($0)] }
    }
}
