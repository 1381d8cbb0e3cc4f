import Foundation
import Kernels

extension Corruption {
    static let gaussianNoise = Corruption("gaussian-noise", .colour, [0.04, 0.06, 0.08, 0.09, 0.1]) {
        $0.addGaussianNoise(deviation: $1, &$2)
    }
    static let shot = Corruption("shot", .any, [60, 25, 12, 5, 3]) { $0.addShotNoise(photons: $1, &$2) }
    static let impulse = Corruption("impulse", .any, [0.03, 0.06, 0.09, 0.17, 0.27]) { $0.addImpulses(share: $1, &$2) }
}

extension Raster {
    /// Each element becomes a Poisson count with `photons` for white, in steps of 255 / photons.
    mutating func addShotNoise(photons: Double, _ random: inout Philox) {
        for i in pixels.indices {
            // Knuth's method; the mean is at most a few dozen.
            let limit = exp(-photons * Double(pixels[i]) / 255)
            var (count, product) = (0, Double(random.uniform()))
            while product > limit {
                count += 1
                product *= Double(random.uniform())
            }
            pixels[i] = Float(255 * Double(count) / photons)
        }
    }

    /// A share of the elements becomes 0 or 255.
    mutating func addImpulses(share: Double, _ random: inout Philox) {
        for i in pixels.indices {
            let u = Double(random.uniform())
            if u < share { pixels[i] = u < share / 2 ? 0 : 255 }
        }
    }

    /// Adds N(0, deviation^2), the deviation a fraction of the pixel range.
    mutating func addGaussianNoise(deviation: Double, _ random: inout Philox) {
        random.forEachGaussian(pixels.count) { pixels[$0] += Float(255 * deviation) * $1 }
    }
}
