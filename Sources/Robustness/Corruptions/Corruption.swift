import Kernels

/// A procedural corruption, in the manner of MNIST-C (Mu & Gilmer 2019) and CIFAR-10-C (Hendrycks & Dietterich 2019), with own
/// code and own random numbers: "-style", not those data sets.
enum Corruption: String, CaseIterable {
    case shot, impulse
    case glassBlur = "glass-blur"
    case shear, scale, rotate, brightness, translate, stripe, fog, spatter
    case dottedLine = "dotted-line"
    case zigzag
    case gaussianNoise = "gaussian-noise"
    case blur, contrast, pixelate

    /// Those for images of one channel, or of colours.
    static func kinds(_ shape: ImageShape) -> [Corruption] {
        shape.channels == 1
            ? [
                .shot, .impulse, .glassBlur, .shear, .scale, .rotate, .brightness, .translate, .stripe, .fog, .spatter,
                .dottedLine, .zigzag,
            ] : [.gaussianNoise, .shot, .impulse, .blur, .contrast, .brightness, .fog, .pixelate]
    }

    /// What a severity of 1 to 5 means, in the unit of the corruption (see its function).
    private var severities: [Double] {
        switch self {
        case .shot: [60, 25, 12, 5, 3]
        case .impulse: [0.03, 0.06, 0.09, 0.17, 0.27]
        case .glassBlur: [0.5, 0.7, 0.9, 1.1, 1.4]
        case .shear: [0.2, 0.4, 0.6, 0.8, 1]
        case .scale: [0.9, 0.8, 0.7, 0.6, 0.5]
        case .rotate: [0.2, 0.4, 0.6, 0.8, 1]
        case .brightness: [0.1, 0.2, 0.3, 0.4, 0.5]
        case .translate: [1, 2, 3, 4, 5]
        case .stripe: [1, 2, 4, 6, 8]
        case .fog: [0.3, 0.5, 0.7, 1, 1.4]
        case .spatter: [0.02, 0.05, 0.08, 0.12, 0.18]
        case .dottedLine, .zigzag: [1, 2, 3, 4, 5]
        case .gaussianNoise: [0.04, 0.06, 0.08, 0.09, 0.1]
        case .blur: [0.4, 0.6, 0.8, 1.1, 1.5]
        case .contrast: [0.75, 0.5, 0.4, 0.3, 0.15]
        case .pixelate: [0.9, 0.8, 0.65, 0.5, 0.4]
        }
    }

    /// Corrupts an image; the result is in 0...255.
    func apply(to image: inout Raster, severity: Int, _ random: inout Philox) {
        let amount = severities[severity - 1]
        switch self {
        case .shot: image.addShotNoise(photons: amount, &random)
        case .impulse: image.addImpulses(share: amount, &random)
        case .gaussianNoise: image.addGaussianNoise(deviation: amount, &random)
        case .glassBlur: image.blurLikeGlass(deviation: amount, &random)
        case .blur: image.blur(amount)
        case .pixelate: image.pixelate(share: amount)
        case .shear: image.warp((1, 0, amount * random.sign(), 1))
        case .scale: image.warp((1 / amount, 0, 0, 1 / amount))
        case .rotate: image.rotate(angle: amount * random.sign())
        case .translate: image.translate(by: amount, &random)
        case .brightness: image.map { $0 + Float(255 * amount) }
        case .contrast: image.lowerContrast(to: amount)
        case .fog: image.addFog(amount, &random)
        case .stripe: image.invertStripe(width: Int(amount), &random)
        case .spatter: image.spatter(share: amount, &random)
        case .dottedLine: image.drawDottedLines(Int(amount), &random)
        case .zigzag: image.drawZigzags(Int(amount), &random)
        }
        image.clamp()
    }
}

extension Philox {
    /// -1 or 1 by a fair coin.
    mutating func sign() -> Double { uniform() < 0.5 ? -1 : 1 }
    /// Uniform among 0..<count.
    mutating func below(_ count: Int) -> Int { min(count - 1, Int(uniform() * Float(count))) }
}
