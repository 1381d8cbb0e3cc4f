import Kernels
import TestSupport
import Testing

/// A number of channels and of positions.
struct ChannelShape: CustomTestStringConvertible, Sendable {
    let channels: Int
    let positions: Int
    var testDescription: String { "\(positions) positions of \(channels) channels" }

    static let all = [1, 3, 5, 12, 16, 20, 32, 50, 500].flatMap { channels in
        [1, 2, 5, 16, 24 * 24 + 1].map { ChannelShape(channels: channels, positions: $0) }
    }
}

@Suite("Affine map, activation and sums against plain loops") struct ChannelAffineTests {
    private func row(_ values: [Float], _ pattern: ChannelPattern) -> Buffer<Float> {
        let row = Buffer<Float>(pattern.period)
        pattern.expand(values, into: row.pointer)
        return row
    }

    @Test(
        "y = f(scale u + shift) and dz = dy f'(z), in exactly `count` elements, in place too",
        arguments: ChannelShape.all, ActivationTests.all)
    func activations(_ shape: ChannelShape, _ activation: Activation) {
        let (channels, count) = (shape.channels, shape.channels * shape.positions)
        let pattern = ChannelPattern(channels: channels)
        let (scale, shift) = (gaussians(channels, 1), gaussians(channels, 2))
        let (scaleRow, shiftRow) = (row(scale, pattern), row(shift, pattern))
        let (u, dy) = (gaussians(count, 3), gaussians(count, 4))
        let us = GuardedBuffer(u, guard: .nan)
        let z = Naive.affine(u.doubles, scale: scale.doubles, shift: shift.doubles)
        // Rounding of z, relative to 1 or to what was added in z, whichever is larger.
        let size = Naive.affine(u.doubles.sizes, scale: scale.doubles.sizes, shift: shift.doubles.sizes).map { 1 + $0 }

        let y = GuardedBuffer<Float>(count, 7)
        affineActivation(
            y.pointer, us.pointer, scale: scaleRow.pointer, shift: shiftRow.pointer, pattern: pattern, count: count,
            activation: activation)
        #expect(deviation(y.elements, z.map { Naive.activation(activation, $0) }, scale: size) < 3e-7)
        #expect(y.overrun == 0)

        let dz = GuardedBuffer(dy, guard: 7)
        affineActivationGradient(
            dz.pointer, dz.pointer, us.pointer, scale: scaleRow.pointer, shift: shiftRow.pointer, pattern: pattern,
            count: count, activation: activation)
        let expected = zip(dy, z).map { Double($0) * Naive.slope(activation, $1) }
        #expect(deviation(dz.elements, expected, scale: zip(dy, size).map { abs(Double($0)) * $1 }) < 1e-6)
        #expect(dz.overrun == 0)

        affineActivation(
            us.pointer, us.pointer, scale: scaleRow.pointer, shift: shiftRow.pointer, pattern: pattern, count: count,
            activation: activation)
        #expect(us.elements == y.elements)
    }

    @Test(
        "the sums of each channel, added up over several calls, whatever lies behind the last element",
        arguments: ChannelShape.all)
    func sums(_ shape: ChannelShape) {
        let (channels, count) = (shape.channels, shape.channels * shape.positions)
        let sums = ChannelSums(ChannelPattern(channels: channels))
        let (u, dz) = (gaussians(2 * count, 5), gaussians(2 * count, 6))
        let folded = GuardedBuffer<Double>(2 * channels, 7)
        func check(_ a: [Float], _ b: [Float], _ add: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void) {
            sums.reset()
            for half in [0..<count, count..<2 * count] {
                let (first, second) = (
                    GuardedBuffer(Array(a[half]), guard: .nan), GuardedBuffer(Array(b[half]), guard: .infinity)
                )
                add(first.pointer, second.pointer)
            }
            sums.fold(into: folded.pointer)
            let expected = Naive.sums(a.doubles, b.doubles, channels: channels)
            let size = Naive.sums(a.doubles.sizes, b.doubles.sizes, channels: channels)
            let all = zip(folded.elements, zip(expected.first + expected.second, size.first + size.second))
            #expect(all.allSatisfy { abs($0 - $1.0) <= 1e-13 * $1.1 })
            #expect(folded.overrun == 0)
        }
        check(u, u) { u, _ in sums.addMoments(u, count: count) }
        check(dz, u) { dz, u in sums.addProducts(dz, u, count: count) }
    }

    @Test(
        "batch norm: the affine map normalises, and its gradients are those of the definition",
        arguments: ChannelShape.all.filter { $0.positions > 1 })
    func batchNormalization(_ shape: ChannelShape) {
        let (channels, count) = (shape.channels, shape.channels * shape.positions)
        let pattern = ChannelPattern(channels: channels)
        let stabilizer = 1e-4
        // Channels of unlike mean and size.
        let u = gaussians(count, 7).enumerated().map { i, value in
            value * Float(1 + i % channels % 7) + Float(i % channels % 5) * 10
        }
        let (gamma, beta, dz) = (gaussians(channels, 8), gaussians(channels, 9), gaussians(count, 10))
        let sums = ChannelSums(pattern)
        let (forward, backward) = (Buffer<Double>(2 * channels), Buffer<Double>(2 * channels))
        let (us, du) = (GuardedBuffer(u, guard: .nan), GuardedBuffer(dz, guard: 7))
        sums.addMoments(us.pointer, count: count)
        sums.fold(into: forward.pointer)
        sums.reset()
        sums.addProducts(du.pointer, us.pointer, count: count)
        sums.fold(into: backward.pointer)

        let expected = Naive.normalizeGradient(u.doubles, dz.doubles, gamma: gamma.doubles, stabilizer: stabilizer)
        let (mean, variance) = Naive.moments(u.doubles, channels: channels)
        let z = Naive.normalize(
            u.doubles, mean: mean, variance: variance, gamma: gamma.doubles, beta: beta.doubles, stabilizer: stabilizer)
        var coefficients = [[Float]](repeating: [Float](repeating: 0, count: channels), count: 5)
        let n = Double(shape.positions)
        var deviations: [Double] = []
        for c in 0..<channels {
            let moments = NormalizationMoments(
                sum: forward.pointer[c], squares: forward.pointer[channels + c], count: n)
            deviations.append(abs(moments.mean - mean[c]))
            deviations.append(abs(moments.variance - variance[c]))
            let affine = moments.affine(gamma: gamma[c], beta: beta[c], stabilizer: stabilizer)
            let gradient = moments.gradient(
                gradientSum: backward.pointer[c], productSum: backward.pointer[channels + c], count: n, gamma: gamma[c],
                stabilizer: stabilizer)
            (coefficients[0][c], coefficients[1][c]) = (affine.scale, affine.shift)
            (coefficients[2][c], coefficients[3][c]) = (gradient.outputFactor, gradient.inputFactor)
            coefficients[4][c] = gradient.constant
            deviations.append(abs(Double(gradient.gamma) - expected.gamma[c]) / n * 1e-4)
            deviations.append(abs(Double(gradient.beta) - expected.beta[c]) / n * 1e-4)
        }
        #expect(deviations.allSatisfy { $0 <= 1e-9 })
        let rows = coefficients.map { row($0, pattern) }
        let y = GuardedBuffer<Float>(count, 7)
        affineActivation(
            y.pointer, us.pointer, scale: rows[0].pointer, shift: rows[1].pointer, pattern: pattern, count: count,
            activation: .identity)
        #expect(deviation(y.elements, z, scale: rounding(u, coefficients[0], coefficients[1])) < 1e-6)
        affineGradient(
            du.pointer, us.pointer, outputFactor: rows[2].pointer, inputFactor: rows[3].pointer,
            constant: rows[4].pointer, pattern: pattern,
            count: count)
        withExtendedLifetime(rows) {}
        let size = zip(rounding(u, coefficients[3], coefficients[4]), rounding(dz, coefficients[2], coefficients[4]))
            .map { $0 + $1 }
        #expect(deviation(du.elements, expected.u, scale: size) < 1e-6)
        #expect(du.overrun == 0)
    }

    /// |scale u| + |shift|: what rounding of scale u + shift is relative to.
    private func rounding(_ u: [Float], _ scale: [Float], _ shift: [Float]) -> [Double] {
        Naive.affine(u.doubles.sizes, scale: scale.doubles.sizes, shift: shift.doubles.sizes)
    }

    @Test("scaling in place touches exactly `count` elements", arguments: ChannelShape.all)
    func scaling(_ shape: ChannelShape) {
        let count = shape.channels * shape.positions
        let pattern = ChannelPattern(channels: shape.channels)
        let (scale, dz) = (gaussians(shape.channels, 1), gaussians(count, 2))
        let (scaled, scaleRow) = (GuardedBuffer(dz, guard: 7), row(scale, pattern))
        scaleGradient(scaled.pointer, scale: scaleRow.pointer, pattern: pattern, count: count)
        #expect(scaled.elements == dz.indices.map { dz[$0] * scale[$0 % shape.channels] })
        #expect(scaled.overrun == 0)
    }
}
