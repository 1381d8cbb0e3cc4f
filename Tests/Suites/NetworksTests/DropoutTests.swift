import Kernels
import Networks
import TestSupport
import Testing

@Suite("Dropout") struct DropoutTests {
    private static let shape = ImageShape(height: 5, width: 4, channels: 2)
    private static let rate = 0.4
    private static let ids: [Int32] = [12, 7, 1_000_000]

    /// The image's elements that stay in layer `number`, by the definition.
    private func stays(_ id: Int32, epoch: Int, update: Int, number: Int, count: Int) -> [Bool] {
        var random = Philox(seed: 3, purpose: .dropout, Int(id), epoch, part: update << 12 | number)
        return (0..<count).map { _ in Double(random.next() as UInt32) >= Self.rate * 0x1p32 }
    }

    @Test("the kernel keeps what its numbers say, divided by their share, in both directions; rate 0 keeps all")
    func kernel() {
        for (rate, count) in [(0.4, 1), (0.4, 1003), (0.99, 64), (0, 17)] {
            let (y, mask, x) = (Buffer<Float>(count), Buffer<UInt8>(count), Buffer<Float>(gaussians(count, 5)))
            let gradient = Buffer<Float>(gaussians(count, 6))
            let settings = Dropout(rate: rate, number: 0)
            var random = Philox(seed: 9, purpose: .dropout, 4, 2)
            dropout(y.pointer, mask: mask.pointer, x.pointer, count: count, settings, random)
            dropoutGradient(gradient.pointer, mask: mask.pointer, count: count, settings)
            let slopes = gaussians(count, 6)
            for i in 0..<count {
                let stays = Double(random.next() as UInt32) >= rate * 0x1p32
                #expect(y.pointer[i] == (stays ? Float(1 / (1 - rate)) * x.pointer[i] : 0))
                #expect(gradient.pointer[i] == (stays ? Float(1 / (1 - rate)) * slopes[i] : 0))
            }
            if count > 1000 {
                let kept = Double(mask.elements.reduce(0) { $0 + Int($1) })
                #expect(abs(kept / Double(count) - 0.6) < 5 * (0.24 / Double(count)).squareRoot())
            }
        }
    }

    @Test("each image has its own draws, by sample, epoch, update and layer; evaluation drops nothing")
    func network() throws {
        let network = Network(
            input: Self.shape, classes: 3,
            layers: [
                .dropout(Self.rate), .fullyConnected(.init(channels: 6)), .dropout(Self.rate),
                .fullyConnected(.init(channels: 3)),
            ])
        let model = Model(try NetworkPlan(network))
        model.randomize(1)
        let (count, images) = (Self.shape.count, Self.ids.count)
        let propagation = Propagation(model, lanes: 2, laneCapacity: 2, backward: true, inputGradient: true)
        let pixels = gaussians(images * count, 2)
        let weights = try [0, 1].map { try #require(model.layout.entry(.weight, ofBlock: $0 + 1)) }
        let ids = Buffer<Int32>(Self.ids)

        /// The outputs and the image's gradient for an output gradient of ones, of some draws.
        func run(_ mode: NormalizationMode, _ draws: DropoutDraws?) throws -> (outputs: [Float], slopes: [Float]) {
            propagation.dropout = draws
            propagation.input.pointer.update(from: pixels, count: pixels.count)
            propagation.begin(counts: [1, 2], globalImages: images)
            let reducer = GradientCollector(model, lanes: 2)
            try propagation.forward(mode, reducer: reducer)
            let outputs = (0..<3 * images).map { propagation.outputs[$0] }
            propagation.outputGradient.update(repeating: 1, count: 3 * images)
            try propagation.backward(reducer: reducer)
            return (outputs, Array(propagation.inputGradient.elements[..<(images * count)]))
        }
        /// The same by plain loops.
        func expected(epoch: Int?, update: Int = 0) -> (outputs: [Double], slopes: [Double]) {
            var (outputs, slopes): ([Double], [Double]) = ([], [])
            let w = weights.map { entry in
                // HWIO.
                UnsafeBufferPointer(start: model.parameters.pointer + entry.offset, count: entry.count).map(Double.init)
            }
            let b = [1, 2].map { block in
                (model.pointer(.bias, ofBlock: block), block == 1 ? 6 : 3)
            }.map { bias, count in (0..<count).map { Double(bias?[$0] ?? 0) } }
            for image in 0..<images {
                func factors(_ number: Int, _ count: Int) -> [Double] {
                    guard let epoch else { return [Double](repeating: 1, count: count) }
                    return stays(Self.ids[image], epoch: epoch, update: update, number: number, count: count)
                        .map { $0 ? 1 / (1 - Self.rate) : 0 }
                }
                let (first, second) = (factors(0, count), factors(1, 6))
                let x = (0..<count).map { i -> Double in first[i] * Double(pixels[image * count + i]) }
                var hidden = b[0]
                for h in 0..<6 {
                    for i in 0..<count { hidden[h] += x[i] * w[0][i * 6 + h] }
                    hidden[h] *= second[h]
                }
                var (z, back) = (b[1], [Double](repeating: 0, count: 6))
                for h in 0..<6 {
                    for o in 0..<3 {
                        z[o] += hidden[h] * w[1][h * 3 + o]
                        back[h] += second[h] * w[1][h * 3 + o]
                    }
                }
                outputs += z
                for i in 0..<count {
                    var slope = 0.0
                    for h in 0..<6 { slope += back[h] * w[0][i * 6 + h] }
                    slopes.append(first[i] * slope)
                }
            }
            return (outputs, slopes)
        }
        func draws(_ epoch: Int, _ update: Int) -> DropoutDraws {
            DropoutDraws(seed: 3, epoch: epoch, update: update, ids: ids.pointer)
        }
        for (found, exact) in [
            (try run(.batch, draws(0, 0)), expected(epoch: 0)), (try run(.batch, draws(5, 0)), expected(epoch: 5)),
            (try run(.batch, draws(5, 2)), expected(epoch: 5, update: 2)), (try run(.batch, nil), expected(epoch: nil)),
            (try run(.running, draws(5, 2)), expected(epoch: nil)),
        ] {
            #expect(zip(found.outputs, exact.outputs).allSatisfy { abs(Double($0) - $1) < 1e-5 * (1 + abs($1)) })
            #expect(zip(found.slopes, exact.slopes).allSatisfy { abs(Double($0) - $1) < 1e-5 * (1 + abs($1)) })
        }
    }
}
