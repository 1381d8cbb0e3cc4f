import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks

/// The loss and its gradient about each sample. Each sample's numbers are made by one rank and averaged on rank
/// 0 in the samples' order.
enum LocalLook {
    /// Draws from the small ball.
    private static let draws = 100
    private static let fields = 5
    /// A gradient shorter than this, a pixel range as the unit of the loss's change, is none: it has underflowed on its
    /// way.
    private static let least = 1e-20

    /// Collective; the figures on rank 0.
    static func run(
        _ target: TargetModel, samples: ImageSet, strength: Double, steps: Int, communicator: Communicator
    ) throws -> [MaskingFlag: Double]? {
        let size = 32
        let chunks = stride(from: 0, to: samples.count, by: size).map { $0..<min($0 + size, samples.count) }
        nonisolated(unsafe) var values = [Float](repeating: 0, count: samples.count * fields)
        nonisolated(unsafe) var units = [Bool]()
        try communicator.schedule(Array(chunks.indices)) { task, poll in
            target.onQuery = {
                try poll()
                if StopRequest.requested {
                    throw Failure(.stopped, "stopped by a signal; what is evaluated is kept: go on with --resume")
                }
            }
            defer { target.onQuery = nil }
            let look = try look(target, samples, chunks[task], strength: strength, steps: steps)
            return look.values.withUnsafeBytes { Array($0) } + look.moving.map { $0 ? 1 : 0 }
        } deliver: { result in
            let range = chunks[result.task]
            let count = range.count * fields
            result.bytes.withUnsafeBytes { raw in
                for i in 0..<count {
                    values[range.lowerBound * fields + i] = raw.loadUnaligned(fromByteOffset: 4 * i, as: Float.self)
                }
            }
            let moving = result.bytes[(4 * count)...].map { $0 == 1 }
            units = units.isEmpty ? moving : zip(units, moving).map { $0 || $1 }
        }
        guard communicator.rank == 0 else { return nil }
        func mean(_ field: Int) -> Double {
            let own = (0..<samples.count).map { Double(values[$0 * fields + field]) }
            return own.reduce(0, +) / Double(max(1, own.count))
        }
        let (before, after) = (mean(3), mean(4))
        return [
            .zeroGradients: mean(0), .roughLoss: mean(1), .turningGradients: 1 - mean(2),
            .lossStillMoves: before > 0 ? (after - before) / before : 0,
            .deadUnits: units.isEmpty ? 0 : Double(units.count { !$0 }) / Double(units.count),
        ]
    }

    /// For each sample: whether its gradient is none, the mean relative change of the loss, the cosine of gradients,
    /// the loss 10 steps before the end of PGD and at its end; and which hidden units differ between the chunk's
    /// samples or are not 0.
    private static func look(
        _ target: TargetModel, _ samples: ImageSet, _ range: Range<Int>, strength: Double, steps: Int
    ) throws -> (values: [Float], moving: [Bool]) {
        let (size, plan) = (target.size, target.plan)
        let rows = Array(0..<range.count)
        let count = range.count * size
        let (x, moved) = (Buffer<Float>(count), Buffer<Float>(count))
        let (gradient, other) = (Buffer<Float>(count), Buffer<Float>(count))
        target.meanImage.withUnsafeBufferPointer { mean in
            guard let mean = mean.baseAddress else { return }
            for (row, slot) in range.enumerated() { samples.fill(slot, minus: mean, into: x.pointer + row * size) }
        }
        var losses = [Double](repeating: 0, count: range.count)
        func loss(_ row: Int, _ z: UnsafePointer<Float>, _ zGradient: UnsafeMutablePointer<Float>?) -> Double {
            let label = Int(samples.labels[range.lowerBound + row])
            return Objective.crossEntropy.value(
                LogitView(z, plan.network, outputs: plan.outputs, label: label, success: .error), gradient: zGradient)
        }
        func differentiate(_ images: Buffer<Float>, into gradient: Buffer<Float>) throws {
            try target.gradients(rows, of: images.pointer, into: gradient.pointer) { losses[$0] = loss($0, $1, $2) }
        }
        try differentiate(x, into: gradient)
        let moving = try target.activeUnits(rows.count)
        let here = losses
        var values = [Float](repeating: 0, count: range.count * fields)
        for row in rows {
            let norm = sumOfSquares(gradient.pointer + row * size, count: size)
            values[row * fields] = norm > Self.least * Self.least && norm.isFinite ? 0 : 1
        }
        // Draws about the samples; the first of them with its gradient.
        var changes = [Double](repeating: 0, count: range.count)
        for draw in 0..<draws {
            for row in rows {
                var random = target.random(sample: samples.indices[range.lowerBound + row], use: "look", restart: draw)
                random.fillBall(moved.pointer + row * size, norm: .linf, radius: 25.5 * strength, count: size)
                addScaled(
                    moved.pointer + row * size, x.pointer + row * size, moved.pointer + row * size, scale: 1,
                    count: size)
            }
            if draw == 0 {
                try differentiate(moved, into: other)
                for row in rows { values[row * fields + 2] = Float(cosine(gradient, other, row, size)) }
            } else {
                let z = try target.outputs(rows, of: moved.pointer)
                for row in rows { losses[row] = loss(row, z + row * plan.outputs, nil) }
            }
            // A tiny loss may double and mean nothing.
            for row in rows { changes[row] += abs(losses[row] - here[row]) / max(here[row], 0.1) }
        }
        for row in rows { values[row * fields + 1] = Float(changes[row] / Double(draws)) }
        // PGD, its loss towards the end; the last look takes a step that nothing asks for.
        moved.pointer.update(from: x.pointer, count: count)
        try ProjectedAscent(target).climb(
            rows, moved.pointer, about: x.pointer, strength: strength, steps: steps + 1,
            length: { _ in 255 * strength / 30 }
        ) { step, row, z, zGradient in
            let loss = Float(loss(row, z, zGradient))
            if step == steps - 10 { values[row * fields + 3] = loss }
            if step == steps { values[row * fields + 4] = loss }
        }
        return (values, moving)
    }

    /// The cosine of two gradients; 0 where one is zero.
    private static func cosine(_ a: Buffer<Float>, _ b: Buffer<Float>, _ row: Int, _ size: Int) -> Double {
        var product = 0.0
        for i in 0..<size { product += Double(a.pointer[row * size + i]) * Double(b.pointer[row * size + i]) }
        let norms =
            (sumOfSquares(a.pointer + row * size, count: size) * sumOfSquares(b.pointer + row * size, count: size))
            .squareRoot()
        return norms > 0 && norms.isFinite ? product / norms : 0
    }
}

extension TargetModel {
    /// Of each hidden unit, the blocks' outputs but the last one's, whether it is anything but 0 on any of the first
    /// `rows` images that `outputs` was last called with.
    func activeUnits(_ rows: Int) throws -> [Bool] {
        // The target's own propagation keeps none of them.
        let propagation = Propagation(model, lanes: 1, laneCapacity: rows, backward: false, independentImages: true)
        propagation.input.pointer.update(from: wholeGroup().input.pointer, count: rows * plan.network.input.count)
        propagation.begin(images: rows)
        try propagation.forward(.running, reducer: nil)
        return plan.blocks.indices.dropLast().flatMap { block in
            let count = plan.blocks[block].output.count
            let values = propagation.blockOutput(block)
            return (0..<count).map { unit in (0..<rows).contains { values[$0 * count + unit] != 0 } }
        }
    }
}
