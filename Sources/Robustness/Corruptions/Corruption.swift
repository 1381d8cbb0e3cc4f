import Kernels

/// A procedural corruption, in the manner of MNIST-C (Mu & Gilmer 2019) and CIFAR-10-C (Hendrycks & Dietterich 2019),
/// with own code and own random numbers: "-style", not those data sets.
package struct Corruption: Sendable {
    /// The images that a corruption is meant for.
    enum Subject { case grey, colour, any }

    /// The value of `kind`, and the key of its random numbers.
    package let name: String
    let subject: Subject
    /// The amounts of the severities 1 to 5, in the unit of the corruption (see its function).
    private let amounts: [Double]
    private let change: @Sendable (_ image: inout Raster, _ amount: Double, _ random: inout Philox) -> Void

    /// Describes a corruption by the change that an amount of it makes.
    init(
        _ name: String, _ subject: Subject, _ amounts: [Double],
        _ change: @escaping @Sendable (_ image: inout Raster, _ amount: Double, _ random: inout Philox) -> Void
    ) {
        precondition(amounts.count == 5, "\(name) has \(amounts.count) severities, not 5")
        (self.name, self.subject, self.amounts, self.change) = (name, subject, amounts, change)
    }

    /// Corrupts an image; the result is in 0...255.
    package func apply(to image: inout Raster, severity: Int, _ random: inout Philox) {
        change(&image, amounts[severity - 1], &random)
        image.clamp()
    }
}

/// All corruptions, in the order of the parts of an evaluation. Adding one is one function and its entry beside it, and
/// one word here.
package enum CorruptionCatalogue {
    /// The entries.
    package static let entries: [Corruption] = [
        .gaussianNoise, .shot, .impulse, .glassBlur, .shear, .scale, .rotate, .blur, .contrast, .brightness, .translate,
        .stripe, .fog, .pixelate, .spatter, .dottedLine, .zigzag,
    ]

    /// The corruptions for images of one channel, or of colours.
    static func entries(for shape: ImageShape) -> [Corruption] {
        let own = shape.channels == 1 ? Corruption.Subject.grey : .colour
        return entries.filter { $0.subject == own || $0.subject == .any }
    }
}

extension Philox {
    /// -1 or 1 by a fair coin.
    mutating func sign() -> Double { uniform() < 0.5 ? -1 : 1 }
    /// Uniform among 0..<count.
    mutating func below(_ count: Int) -> Int { min(count - 1, Int(uniform() * Float(count))) }
}
