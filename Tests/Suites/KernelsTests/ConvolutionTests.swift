import Kernels
import TestSupport
import Testing

@Suite("Convolution against plain loops") struct ConvolutionTests {
    static let geometries: [Convolution] = [
        make(28, 28, 1, kernel: 5, filters: 20),
        make(12, 12, 20, kernel: 5, filters: 50),
        make(4, 4, 50, kernel: 4, filters: 500),
        make(1, 1, 500, kernel: 1, filters: 12),
        make(32, 32, 3, kernel: 5, filters: 32, padding: 2),
        make(8, 8, 32, kernel: 5, filters: 64, padding: 2),
        make(3, 3, 7, kernel: 3, filters: 90),
        make(12, 8, 17, kernel: 5, filters: 33, padding: 2),
        make(8, 16, 5, kernel: 5, filters: 17),
        make(8, 72, 3, kernel: 5, filters: 18),
        make(20, 44, 15, kernel: 5, filters: 19, padding: 4),
        make(8, 8, 64, kernel: 3, filters: 64, padding: 1),
        make(12, 4, 16, kernel: 3, filters: 16, padding: 1),
        make(6, 10, 17, kernel: 3, filters: 33),
        make(4, 76, 19, kernel: 3, filters: 18, padding: 1),
        make(8, 6, 33, kernel: 3, filters: 17, padding: 2),
        make(9, 8, 16, kernel: 3, filters: 32, stride: 2, padding: 1),
        make(7, 9, 17, kernel: 1, filters: 48, stride: 2),
        make(6, 7, 32, kernel: 4, filters: 16, stride: 2, padding: 1),
        make(5, 7, 32, kernel: 1, filters: 32),
        make(9, 11, 16, kernel: 3, filters: 20, padding: 1),
        make(6, 17, 33, kernel: 4, filters: 33),
        make(7, 6, 17, kernel: 1, filters: 19),
        make(10, 9, 2, kernel: 3, filters: 37, padding: 2),
        make(9, 7, 16, kernel: 3, filters: 16, stride: 3),
        make(5, 5, 20, kernel: 3, filters: 1, padding: 3),
        make(6, 6, 12, kernel: 2, filters: 16, stride: 2),
        make(11, 6, 3, kernel: 4, filters: 17, stride: 3, padding: 2),
        make(3, 3, 2, kernel: 1, filters: 5, stride: 2, padding: 2),
        make(1, 1, 3, kernel: 1, filters: 5),
        make(1, 1, 5, kernel: 3, filters: 3, padding: 1),
        make(9, 8, 16, kernel: 3, filters: 32, padding: 2, dilation: 2),
        make(10, 11, 32, kernel: 3, filters: 16, stride: 2, padding: 1, dilation: 2),
        make(9, 9, 3, kernel: 3, filters: 20, padding: 3, dilation: 3),
        make(9, 8, 16, kernel: 3, filters: 32, padding: 2, dilation: Extent(1, 2)),
        make(10, 11, 32, kernel: 3, filters: 16, stride: 2, padding: 1, dilation: Extent(3, 1)),
        make(8, 9, 3, kernel: 2, filters: 5, dilation: Extent(7, 8)),
        make(7, 8, 8, kernel: 3, filters: 4, padding: 2, dilation: Extent(2, 3), groups: 2),
        make(9, 10, 17, kernel: 3, filters: 17, stride: 2, padding: 3, dilation: Extent(1, 4), groups: 17),
        make(7, 9, 6, kernel: 3, filters: 8, padding: 1, groups: 2),
        make(8, 8, 32, kernel: 3, filters: 48, stride: 2, padding: 2, dilation: 2, groups: 4),
        make(1, 1, 8, kernel: 1, filters: 4, groups: 4),
        make(10, 9, 37, kernel: 3, filters: 37, padding: 1, groups: 37),
        make(9, 10, 16, kernel: 4, filters: 16, stride: 3, padding: 3, dilation: 2, groups: 16),
        make(5, 6, 3, kernel: 2, filters: 3, groups: 3),
        make(2, 1, 2, kernel: 1, filters: 2, stride: 4, padding: 3, groups: 2),
        Convolution(
            input: ImageShape(height: 7, width: 5, channels: 3), kernelHeight: 3, kernelWidth: 2, filters: 5, stride: 2,
            padding: 1),
        Convolution(
            input: ImageShape(height: 5, width: 6, channels: 1), kernelHeight: 5, kernelWidth: 6, filters: 1),
    ]

    static func make(
        _ height: Int, _ width: Int, _ channels: Int, kernel: Int, filters: Int, stride: Int = 1, padding: Int = 0,
        dilation: Extent = 1, groups: Int = 1
    ) -> Convolution {
        Convolution(
            input: ImageShape(height: height, width: width, channels: channels), kernelHeight: kernel,
            kernelWidth: kernel, filters: filters, stride: stride, padding: padding, dilation: dilation,
            groups: groups)
    }

    private let images = 3

    /// Of the sum of the sizes of what is added up. Evaluating polynomials at six or eight points enlarges rounding
    /// some thirty times.
    private func tolerance(_ g: Convolution) -> Double { g.method == .winograd ? 2e-5 : 2e-6 }

    @Test(
        "the paper's layers go the way that was measured to be the fastest",
        .enabled(if: BLAS.kernel.contains("LIBXSMM"), "all goes by OpenBLAS"))
    func methods() {
        let ways = Self.geometries[..<6].map(\.method)
        #expect(ways == [.direct, .winograd, .panels, .patches, .winograd, .winograd])
        // Those of a residual network: equal sizes, the half, and the shortcut.
        let residual = [(16, 16, 3, 1), (32, 64, 3, 2), (32, 64, 1, 2), (64, 64, 1, 1), (3, 16, 3, 1)].map {
            Self.make(16, 16, $0.0, kernel: $0.2, filters: $0.1, stride: $0.3, padding: $0.2 / 2).method
        }
        #expect(residual == [.winograd, .direct, .direct, .direct, .direct])
    }

    @Test(
        "output, weight gradient and input gradient are those of the definition, and nothing else is written",
        arguments: geometries)
    func agrees(_ g: Convolution) {
        BLAS.useOneThread()
        let (rows, columns) = Naive.convolutionOutput(g)
        #expect(g.output == ImageShape(height: rows, width: columns, channels: g.filters))
        let x = gaussians(images * g.input.count, 1)
        let w = gaussians(g.weightCount, 2)
        let dy = gaussians(images * g.output.count, 3)
        // What lies behind an image is read at most, and must not matter.
        let (xs, ws, dys) = (
            GuardedBuffer(x, guard: .nan), GuardedBuffer(w, guard: .nan), GuardedBuffer(dy, guard: .nan)
        )
        let scratch = GuardedBuffer<Float>(g.scratchCount, 7)

        let packed = GuardedBuffer<Float>(g.packedCount(backward: true), 7)
        packWeight(packed.pointer, ws.pointer, g, backward: true)
        let y = GuardedBuffer<Float>(images * g.output.count, 7)
        convolution(
            y.pointer, xs.pointer, ws.pointer, packed: packed.pointer, g, images: images, scratch: scratch.pointer)
        #expect(
            deviation(
                y.elements, Naive.convolution(x.doubles, w.doubles, g, images: images),
                scale: Naive.convolution(x.doubles.sizes, w.doubles.sizes, g, images: images)) < tolerance(g))

        let before = gaussians(g.weightCount, 4)
        let dw = GuardedBuffer(before, guard: 7)
        convolutionWeightGradient(dw.pointer, xs.pointer, dys.pointer, g, images: images, scratch: scratch.pointer)
        let sum = Naive.convolutionWeightGradient(x.doubles, dy.doubles, g, images: images)
        let size = Naive.convolutionWeightGradient(x.doubles.sizes, dy.doubles.sizes, g, images: images)
        #expect(
            deviation(
                dw.elements, zip(before, sum).map { Double($0) + $1 },
                scale: zip(before, size).map { abs(Double($0)) + $1 }) < tolerance(g))

        let dx = GuardedBuffer<Float>(images * g.input.count, 7)
        convolutionInputGradient(
            dx.pointer, dys.pointer, ws.pointer, packed: packed.pointer, g, images: images, scratch: scratch.pointer)
        #expect(
            deviation(
                dx.elements, Naive.convolutionInputGradient(dy.doubles, w.doubles, g, images: images),
                scale: Naive.convolutionInputGradient(dy.doubles.sizes, w.doubles.sizes, g, images: images))
                < tolerance(g))

        #expect(y.overrun == 0 && dw.overrun == 0 && dx.overrun == 0)
        #expect(scratch.overrun < 16 && packed.overrun == 0)
    }

    @Test(
        "one image's output has the same bits alone and in any place of a batch, except in fully connected layers",
        arguments: geometries.filter { !$0.isFullyConnected })
    func independentOfTheBatch(_ g: Convolution) {
        BLAS.useOneThread()
        let x = GuardedBuffer(gaussians(images * g.input.count, 5), guard: 0)
        let w = GuardedBuffer(gaussians(g.weightCount, 6), guard: 0)
        let scratch = Buffer<Float>(g.scratchCount)
        let (together, alone) = (Buffer<Float>(images * g.output.count), Buffer<Float>(g.output.count))
        let packed = Buffer<Float>(g.packedCount(backward: true))
        packWeight(packed.pointer, w.pointer, g, backward: true)
        convolution(
            together.pointer, x.pointer, w.pointer, packed: packed.pointer, g, images: images, scratch: scratch.pointer)
        for image in 0..<images {
            convolution(
                alone.pointer, x.pointer + image * g.input.count, w.pointer, packed: packed.pointer, g, images: 1,
                scratch: scratch.pointer)
            #expect(alone.elements == Array(together.elements[image * g.output.count..<(image + 1) * g.output.count]))
        }
    }

    // Its place matters: OpenBLAS computes the first and the last rows of a product by unlike code.
    @Test(
        "a fully connected layer's row has the same bits whatever the other rows of the batch hold",
        arguments: [(4, 4, 50, 500), (1, 1, 500, 12), (1, 1, 500, 5), (4, 4, 64, 64), (1, 1, 64, 7)], [1, 7, 16, 50])
    func independentOfOtherRows(_ shape: (Int, Int, Int, Int), _ rows: Int) {
        BLAS.useOneThread()
        let g = Self.make(shape.0, shape.1, shape.2, kernel: shape.0, filters: shape.3)
        let count = g.input.count
        let w = Buffer(gaussians(g.weightCount, 6))
        let packed = Buffer<Float>(g.packedCount(backward: true))
        packWeight(packed.pointer, w.pointer, g, backward: true)
        var x = gaussians(rows * count, 7)
        let (full, y) = (Buffer(x), Buffer<Float>(rows * g.filters))
        convolution(y.pointer, full.pointer, w.pointer, packed: packed.pointer, g, images: rows, scratch: y.pointer)
        for row in 0..<rows {
            x = gaussians(rows * count, 100 + row)
            x.replaceSubrange(row * count..<(row + 1) * count, with: full.elements[row * count..<(row + 1) * count])
            let (others, z) = (Buffer(x), Buffer<Float>(rows * g.filters))
            convolution(
                z.pointer, others.pointer, w.pointer, packed: packed.pointer, g, images: rows, scratch: z.pointer)
            let range = row * g.filters..<(row + 1) * g.filters
            #expect(z.elements[range] == y.elements[range], "row \(row)")
        }
    }

    // Lanes are multiplied together where this holds, however many a rank has (invariant 1), and images one by one or
    // in batches (invariant 3).
    @Test(
        "where images are independent, a row's output and input gradient have the same bits alone and in any batch",
        arguments: [(4, 4, 50, 500), (4, 4, 64, 64), (1, 1, 500, 84), (1, 1, 96, 81), (3, 3, 7, 90)],
        [1, 3, 12, 13, 31, 130])
    func independentRows(_ shape: (Int, Int, Int, Int), _ rows: Int) {
        BLAS.useOneThread()
        let g = Self.make(shape.0, shape.1, shape.2, kernel: shape.0, filters: shape.3)
        guard g.imagesAreIndependent else { return }
        let w = Buffer(gaussians(g.weightCount, 6))
        let packed = Buffer<Float>(g.packedCount(backward: true))
        packWeight(packed.pointer, w.pointer, g, backward: true)
        let (x, dy) = (Buffer(gaussians(rows * g.input.count, 7)), Buffer(gaussians(rows * g.filters, 8)))
        func results(_ first: Int, _ images: Int) -> (y: [Float], dx: [Float]) {
            let (y, dx) = (Buffer<Float>(images * g.filters), Buffer<Float>(images * g.input.count))
            convolution(
                y.pointer, x.pointer + first * g.input.count, w.pointer, packed: packed.pointer, g, images: images,
                scratch: y.pointer)
            convolutionInputGradient(
                dx.pointer, dy.pointer + first * g.filters, w.pointer, packed: packed.pointer, g, images: images,
                scratch: y.pointer)
            return (y.elements, dx.elements)
        }
        let together = results(0, rows)
        for row in 0..<rows {
            let alone = results(row, 1)
            #expect(alone.y[...] == together.y[row * g.filters..<(row + 1) * g.filters], "row \(row)")
            #expect(alone.dx[...] == together.dx[row * g.input.count..<(row + 1) * g.input.count], "row \(row)")
        }
    }

    @Test(
        "some rows of a fully connected layer's weight gradient, from the factors of a batch",
        arguments: [(rows: 37, columns: 500), (rows: 13, columns: 64), (rows: 5, columns: 12)], [true, false])
    func factors(_ shape: (rows: Int, columns: Int), _ adding: Bool) {
        BLAS.useOneThread()
        let (images, inputs, first) = (29, 60, 11)
        let (x, dy) = (gaussians(images * inputs, 1), gaussians(images * shape.columns, 2))
        let before = gaussians(shape.rows * shape.columns, 3)
        let gradient = GuardedBuffer(before, guard: 7)
        withExtendedLifetime((Buffer(x), Buffer(dy))) { x, dy in
            factorProduct(
                gradient.pointer, inputs: x.pointer + first, stride: inputs, dy.pointer, rows: shape.rows,
                columns: shape.columns, images: images, adding: adding)
        }
        for row in 0..<shape.rows {
            for column in 0..<shape.columns {
                var (sum, size) = (0.0, 1.0)
                for image in 0..<images {
                    let term = Double(x[image * inputs + first + row]) * Double(dy[image * shape.columns + column])
                    sum += term
                    size += abs(term)
                }
                if adding { sum += Double(before[row * shape.columns + column]) }
                #expect(abs(Double(gradient.pointer[row * shape.columns + column]) - sum) < 2e-6 * size)
            }
        }
        #expect(gradient.overrun == 0)
    }
}
