/// Convolutions of each channel with a filter of its own (as many groups as channels, one filter each), a vector of
/// channels at a time: output(y, x, c) = sum over the kernel's positions of input(there, c) weight(position, c).
///
/// Sums are chains of fused multiply-adds over the positions in ascending order. An element's bits depend on its own
/// image alone.
enum DepthwiseConvolution {
    /// output = weight * input for one image.
    static func forward(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
        _ g: Convolution
    ) {
        forEachPosition(g) { y, x, position in
            forEachVector(g.filters) { c, valid, _ in
                var sum = Vector.zero
                forEachTap(g, y, x) { tap, offset in
                    guard let offset else { return }
                    sum.addProduct(input.vector(offset + c), weight.vector(tap * g.filters + c))
                }
                store(sum, to: output + position + c, valid)
            }
        }
    }

    /// weightGradient += the sum over `images` images of input * outputGradient.
    static func weightGradient(
        _ weightGradient: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
        _ outputGradient: UnsafePointer<Float>, _ g: Convolution, images: Int
    ) {
        for image in 0..<images {
            let (x, yGradient) = (input + image * g.input.count, outputGradient + image * g.output.count)
            for i in 0..<g.kernelHeight {
                for j in 0..<g.kernelWidth {
                    let target = weightGradient + (i * g.kernelWidth + j) * g.filters
                    let (top, left) = (i * g.dilation.height - g.padding, j * g.dilation.width - g.padding)
                    let rows = inside(g.output.height, g.input.height, from: top, g.stride)
                    let columns = inside(g.output.width, g.input.width, from: left, g.stride)
                    forEachVector(g.filters) { c, valid, repeated in
                        var sum = Vector.zero
                        for y in rows {
                            let row = y * g.stride + top
                            for column in columns {
                                let place = column * g.stride + left
                                sum.addProduct(
                                    x.vector((row * g.input.width + place) * g.filters + c),
                                    yGradient.vector((y * g.output.width + column) * g.filters + c))
                            }
                        }
                        add(sum, to: target + c, valid, repeated)
                    }
                }
            }
        }
    }

    /// inputGradient += outputGradient * weight^T for one image.
    static func addInputGradient(
        _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
        _ weight: UnsafePointer<Float>, _ g: Convolution
    ) {
        forEachPosition(g) { y, x, position in
            forEachTap(g, y, x) { tap, offset in
                guard let offset else { return }
                forEachVector(g.filters) { c, valid, repeated in
                    let product = outputGradient.vector(position + c) * weight.vector(tap * g.filters + c)
                    add(product, to: inputGradient + offset + c, valid, repeated)
                }
            }
        }
    }

    /// Calls `body(row, column, offset in the output)` for each position.
    @inline(__always)
    private static func forEachPosition(_ g: Convolution, _ body: (Int, Int, Int) -> Void) {
        let shape = g.output
        for y in 0..<shape.height {
            for x in 0..<shape.width { body(y, x, (y * shape.width + x) * shape.channels) }
        }
    }

    /// Calls `body(first channel, how many there are, how many of them an earlier vector has)` for vectors that cover
    /// all channels.
    @inline(__always)
    private static func forEachVector(_ channels: Int, _ body: (Int, Int, Int) -> Void) {
        for first in stride(from: 0, to: channels, by: 16) {
            let start = max(0, min(first, channels - 16))
            body(start, min(16, channels), first - start)
        }
    }

    /// The outputs whose place, `from` and then `stride` apart, lies inside the image.
    private static func inside(_ outputs: Int, _ size: Int, from first: Int, _ stride: Int) -> Range<Int> {
        let start = first >= 0 ? 0 : (stride - 1 - first) / stride
        let end = size > first ? (size - 1 - first) / stride + 1 : 0
        return min(start, outputs)..<max(min(start, outputs), min(end, outputs))
    }

    /// target += the vector, but for the elements that an earlier one has added.
    @inline(__always)
    private static func add(
        _ vector: Vector, to target: UnsafeMutablePointer<Float>, _ valid: Int, _ repeated: Int
    ) {
        let before = target.vector(0)
        store((before + vector).replacing(with: before, where: firstElements(repeated)), to: target, valid)
    }
}
