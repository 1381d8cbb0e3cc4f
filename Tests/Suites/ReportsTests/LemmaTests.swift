import Foundation
import Kernels
import Testing

import Reports

@Suite("Lemma 1")
struct LemmaTests {
    @Test(
        "holds for two layers of RBFs: the volume error is below what was asked, and f2 <= y <= f1 on the sphere",
        arguments: [(2, 1.0, 0.05), (2, 1, 0.001), (3, 10, 0.01), (10, 0.1, 0.01), (50, 5, 0.02)])
    func radialBasis(_ n: Int, _ radius: Double, _ tolerance: Double) {
        let check = LemmaCheck(.rbf, dimensions: n, radius: radius, tolerance: tolerance, samples: 5_000)
        #expect(check.holds && check.volumeError < tolerance && check.excess == 0)
        let block = HypersphereBlock(activation: .rbf, scale: check.scale)
        // The paper prints f1 <= y <= f2.
        #expect(block.onDiagonal(radius, dimensions: n) < block.onAxis(radius))
        #expect(check.threshold == block.onAxis(radius))
    }

    @Test("is measured, not assumed: with a lambda that is too large the error is above what was asked")
    func tooLarge() {
        let loose = LemmaCheck(.rbf, dimensions: 3, radius: 1, tolerance: 0.9, samples: 5_000)
        #expect(loose.scale > 0.5 && loose.volumeError > 0.05)
    }

    @Test("fails for mReLUs, whose level sets are L1 balls: 1 - 2/pi of a disc whatever lambda is")
    func rectified() {
        let checks = [0.1, 0.001].map { LemmaCheck(.mrelu, dimensions: 2, radius: 1, tolerance: $0) }
        for check in checks {
            #expect(!check.holds && abs(check.volumeError - (1 - 2 / Double.pi)) < 0.02)
        }
        let block = HypersphereBlock(activation: .mrelu, scale: 0.1)
        #expect(abs(block.output([1, 0]) - block.output([0.5, -0.5])) < 1e-12)
        // A diamond of L1 radius s covers a disc best where their borders cross: better than the inscribed one, never
        // well.
        let best = LemmaCheck.bestL1Ball(dimensions: 2)
        #expect(best > 0.1 && best < 1 - 2 / Double.pi)
        #expect(LemmaCheck.bestL1Ball(dimensions: 10) > best)
    }

    @Test("is computed by the activation functions of the networks")
    func functions() {
        let block = HypersphereBlock(activation: .rbf, scale: 1)
        let t = (exp(-0.25) - 1) + (exp(-4) - 1)
        #expect(abs(block.output([0.5, -2]) - exp(-t * t)) < 1e-12)
        let rectified = HypersphereBlock(activation: .mrelu, scale: 1)
        #expect(abs(rectified.output([0.25, -0.5]) - 0.25) < 1e-12 && rectified.output([3, 3]) == 0)
    }
}
