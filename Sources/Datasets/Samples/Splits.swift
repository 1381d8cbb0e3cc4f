import Kernels

/// A part of a data set. Training and validation images come from the same files.
public enum Split: String, Codable, CaseIterable, Sendable {
    case train, validation, test
}

/// How a seed draws the images that are held out.
public enum SplitRule: String, Codable, CaseIterable, Sendable {
    /// Among all images alike.
    case random
    /// The same share of each class.
    case stratified
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
        self.init(validation == 0 ? [] : Self.order(trainCount, seed: seed), count: trainCount, validation: validation)
    }

    /// Takes `validation` images, of each class as near to its share as whole images allow; within a class by a
    /// permutation of the seed.
    ///
    /// - Parameter labels: the class of each image of the training files.
    public init(labels: [UInt8], validation: Int, seed: UInt64) {
        let order = Self.order(labels.count, seed: seed)
        // Images in the order of the share of their class that is held once they are: equal shares of all classes.
        var sizes = [Int](repeating: 0, count: 256)
        for label in labels { sizes[Int(label)] += 1 }
        var before = [Int](repeating: 0, count: 256)
        let ranked = order.map { index -> (share: Double, index: Int32) in
            let label = Int(labels[Int(index)])
            defer { before[label] += 1 }
            return ((Double(before[label]) + 0.5) / Double(sizes[label]), index)
        }
        // Ties go by the permutation, and so by the seed.
        let sorted = ranked.enumerated().sorted { ($0.element.share, $0.offset) < ($1.element.share, $1.offset) }
        self.init(sorted.map(\.element.index), count: labels.count, validation: validation)
    }

    private static func order(_ count: Int, seed: UInt64) -> [Int32] {
        var random = Philox(seed: seed, purpose: .validationSplit)
        return random.permutation(count)
    }

    private init(_ order: [Int32], count: Int, validation: Int) {
        precondition((0...count).contains(validation), "\(validation) of \(count) images for validation")
        var held = [Bool](repeating: false, count: count)
        for index in order.prefix(validation) { held[Int(index)] = true }
        train = (0..<Int32(count)).filter { !held[Int($0)] }
        self.validation = (0..<Int32(count)).filter { held[Int($0)] }
    }
}
