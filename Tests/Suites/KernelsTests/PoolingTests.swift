import Kernels
import TestSupport
import Testing

@Suite("Pooling against plain loops") struct PoolingTests {
    static let geometries: [Pooling] = [Pooling.Kind.max, .average].flatMap { kind in
        [
            make(kind, 24, 24, 20, size: 2, stride: 2),
            make(kind, 8, 8, 50, size: 2, stride: 2),
            make(kind, 32, 32, 32, size: 3, stride: 2, padding: 1),
            make(kind, 8, 8, 64, size: 3, stride: 2, padding: 1),
            make(kind, 7, 5, 1, size: 3, stride: 1, padding: 2),
            make(kind, 5, 7, 3, size: 2, stride: 3),
            make(kind, 6, 6, 5, size: 4, stride: 1, padding: 3),
            make(kind, 3, 4, 12, size: 3, stride: 2),
            make(kind, 1, 1, 16, size: 1, stride: 1),
            make(kind, 1, 1, 500, size: 2, stride: 2, padding: 1),
            make(kind, 16, 15, 3, size: 15, stride: 1),
            make(kind, 16, 16, 64, size: 3, stride: 2, padding: 1, paddingBefore: 1),
            make(kind, 5, 7, 3, size: 4, stride: 3, padding: 0, paddingBefore: 3),
            make(kind, 2, 1, 17, size: 3, stride: 1, padding: 2, paddingBefore: 2),
        ]
    }

    static func make(
        _ kind: Pooling.Kind, _ height: Int, _ width: Int, _ channels: Int, size: Int, stride: Int, padding: Int = 0,
        paddingBefore: Int = 0
    ) -> Pooling {
        Pooling(
            input: ImageShape(height: height, width: width, channels: channels), kind: kind, size: size, stride: stride,
            padding: padding, paddingBefore: paddingBefore)
    }

    @Test(
        "output, winners and gradient are those of the definition, and nothing is written beyond the slack",
        arguments: geometries)
    func agrees(_ g: Pooling) {
        // A few distinct values, so that most windows have ties: the first maximum wins.
        let x = gaussians(g.input.count, 1).map { ($0 * 1.5).rounded() - 3 }
        let dy = gaussians(g.output.count, 2)
        let (xs, dys) = (GuardedBuffer(x, guard: .nan), GuardedBuffer(dy, guard: .nan))
        let y = GuardedBuffer<Float>(g.output.count, 7)
        let winners = GuardedBuffer<UInt8>(g.output.count, 255)
        pool(y.pointer, winners: g.kind == .max ? winners.pointer : nil, xs.pointer, g)
        #expect(deviation(y.elements, Naive.pool(x.doubles, g)) < 1e-6)
        #expect(y.overrun < 16)
        if g.kind == .max {
            #expect(winners.elements.map { Int($0) } == Naive.winners(x.doubles, g))
            #expect(winners.overrun < 16)
        }

        let dx = GuardedBuffer<Float>(g.input.count, 7)
        poolGradient(dx.pointer, dys.pointer, winners: g.kind == .max ? winners.pointer : nil, g)
        #expect(
            deviation(
                dx.elements, Naive.poolGradient(x.doubles, dy.doubles, g),
                scale: Naive.poolGradient(x.doubles, dy.doubles.sizes, g)) < 1e-6)
        #expect(dx.overrun == 0)
    }

    @Test("a NaN anywhere in a window comes out, whichever cell it is", arguments: [Pooling.Kind.max, .average])
    func passesNaN(_ kind: Pooling.Kind) {
        let g = Self.make(kind, 2, 2, 1, size: 2, stride: 2)
        for place in 0..<4 {
            var x: [Float] = [1, 2, 3, 4]
            x[place] = .nan
            let (input, y) = (Buffer(x), Buffer<Float>(1))
            pool(y.pointer, winners: nil, input.pointer, g)
            #expect(y.pointer[0].isNaN, "at \(place)")
        }
    }
}
