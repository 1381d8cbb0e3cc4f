/// The geometry of a convolution (the field's cross-correlation): `output(y, x, k) = sum over (i, j, c) of
/// input(y stride + i - padding, x stride + j - padding, c) weight(i, j, c, k)`, zeros outside the image.
///
/// A weight is stored [kernelHeight, kernelWidth, channels, filters], row major (HWIO), `patchCount` x `filters` as a
/// matrix. A fully connected layer is the convolution whose kernel covers its whole input.
public struct Convolution: Hashable, Sendable {
    /// The input image.
    public let input: ImageShape
    /// Rows of the kernel.
    public let kernelHeight: Int
    /// Columns of the kernel.
    public let kernelWidth: Int
    /// The number of output channels.
    public let filters: Int
    /// The step between output positions, in both directions.
    public let stride: Int
    /// Rows and columns of zeros on each of the four sides.
    public let padding: Int

    /// Makes the geometry.
    public init(
        input: ImageShape, kernelHeight: Int, kernelWidth: Int, filters: Int, stride: Int = 1, padding: Int = 0
    ) {
        precondition(
            kernelHeight <= input.height + 2 * padding && kernelWidth <= input.width + 2 * padding,
            "a kernel of \(kernelHeight)x\(kernelWidth) on an image of \(input) padded by \(padding)")
        self.input = input
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.filters = filters
        self.stride = stride
        self.padding = padding
    }

    /// `(input + 2 padding - kernel) / stride + 1`, rounded down, in each direction; `filters` channels.
    public var output: ImageShape {
        ImageShape(
            height: (input.height + 2 * padding - kernelHeight) / stride + 1,
            width: (input.width + 2 * padding - kernelWidth) / stride + 1, channels: filters)
    }
    /// The elements of one patch, and the rows of the weight matrix.
    public var patchCount: Int { kernelHeight * kernelWidth * input.channels }
    /// The elements of the weight.
    public var weightCount: Int { patchCount * filters }
    /// Whether the kernel covers the whole input: one output position.
    public var isFullyConnected: Bool {
        padding == 0 && kernelHeight == input.height && kernelWidth == input.width
    }
    /// The floats of scratch memory that a call needs: the patches of one image, or one image between zeros.
    public var scratchCount: Int {
        if isFullyConnected { return 0 }
        func padded(_ shape: ImageShape, _ margin: Int) -> Int {
            (shape.height + 2 * margin) * (shape.width + 2 * margin) * shape.channels
        }
        return max(output.area * patchCount, padded(input, padding), padded(output, max(kernelHeight, kernelWidth)))
    }
    /// Whether the forward pass and the weight gradient go the direct way, by LIBXSMM: where filters fill its vectors (with
    /// 50 of them OpenBLAS is as fast).
    var isDirect: Bool {
        Convolution.hasDirect && stride == 1 && input.channels >= 3 && filters % 16 == 0 && !isFullyConnected
    }
    /// Whether the input gradient does too: where the zeros around the output's gradient cost next to nothing.
    var hasDirectInputGradient: Bool {
        isDirect && input.channels % 16 == 0 && kernelHeight == kernelWidth && padding < kernelHeight
            && 10 * output.area >= 9 * input.area
    }
    /// The floats that ``flipWeight`` writes: none where the input gradient needs no flipped weight.
    public var flippedCount: Int { hasDirectInputGradient ? weightCount : 0 }

    #if XSMM
        private static let hasDirect = true
    #else
        private static let hasDirect = false
    #endif

    /// Multiply-adds of the forward pass on one image.
    public var multiplyAdds: Int { output.area * weightCount }
}

/// output = weight * input for `images` images, without bias. One product an image, or one over all images where the
/// layer is fully connected: bits depend on `images` in that case only.
///
/// - Parameters: `output` [images, output shape], `input` [images, input shape], `weight` HWIO, `scratch` of
///   `scratchCount` floats.
public func convolution(
    _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
    _ geometry: Convolution, images: Int, scratch: UnsafeMutablePointer<Float>
) {
    let (k, n) = (geometry.patchCount, geometry.filters)
    if geometry.isFullyConnected {
        gemm(images, n, k, Matrix(input, stride: k), Matrix(weight, stride: n), beta: 0, output, stride: n)
        return
    }
    let area = geometry.output.area
    for image in 0..<images {
        #if XSMM
            if geometry.isDirect
                && DirectConvolution.forward(
                    output + image * area * n, input + image * geometry.input.count, weight, geometry, scratch: scratch)
            {
                continue
            }
        #endif
        gatherPatches(scratch, input + image * geometry.input.count, geometry)
        gemm(
            area, n, k, Matrix(scratch, stride: k), Matrix(weight, stride: n), beta: 0, output + image * area * n,
            stride: n)
    }
}

/// weightGradient += the sum over `images` images of input^T * outputGradient. Shapes as in ``convolution``.
public func convolutionWeightGradient(
    _ weightGradient: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
    _ outputGradient: UnsafePointer<Float>, _ geometry: Convolution, images: Int,
    scratch: UnsafeMutablePointer<Float>
) {
    let (k, n) = (geometry.patchCount, geometry.filters)
    if geometry.isFullyConnected {
        gemm(
            k, n, images, Matrix(input, stride: k, transposed: true), Matrix(outputGradient, stride: n), beta: 1,
            weightGradient, stride: n)
        return
    }
    let area = geometry.output.area
    for image in 0..<images {
        #if XSMM
            if geometry.isDirect
                && DirectConvolution.weightGradient(
                    weightGradient, input + image * geometry.input.count, outputGradient + image * area * n, geometry,
                    scratch: scratch)
            {
                continue
            }
        #endif
        gatherPatches(scratch, input + image * geometry.input.count, geometry)
        gemm(
            k, n, area, Matrix(scratch, stride: k, transposed: true),
            Matrix(outputGradient + image * area * n, stride: n), beta: 1, weightGradient, stride: n)
    }
}

/// The weight as the direct input gradient takes it, for many calls: flipped = [kernelHeight, kernelWidth, filters,
/// channels] of weight(kernelHeight - 1 - i, kernelWidth - 1 - j, c, k), `flippedCount` floats; nothing where that is 0.
public func flipWeight(
    _ flipped: UnsafeMutablePointer<Float>, _ weight: UnsafePointer<Float>, _ geometry: Convolution
) {
    guard geometry.flippedCount > 0 else { return }
    let (channels, filters) = (geometry.input.channels, geometry.filters)
    let positions = geometry.kernelHeight * geometry.kernelWidth
    for position in 0..<positions {
        let source = weight + (positions - 1 - position) * channels * filters
        let target = flipped + position * channels * filters
        for k in 0..<filters {
            for c in 0..<channels { target[k * channels + c] = source[c * filters + k] }
        }
    }
}

/// inputGradient = outputGradient * weight^T for `images` images. Shapes as in ``convolution``; `flipped` by
/// ``flipWeight``.
public func convolutionInputGradient(
    _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
    _ weight: UnsafePointer<Float>, flipped: UnsafePointer<Float>, _ geometry: Convolution, images: Int,
    scratch: UnsafeMutablePointer<Float>
) {
    let (k, n) = (geometry.patchCount, geometry.filters)
    if geometry.isFullyConnected {
        gemm(
            images, k, n, Matrix(outputGradient, stride: n), Matrix(weight, stride: n, transposed: true), beta: 0,
            inputGradient, stride: k)
        return
    }
    let area = geometry.output.area
    for image in 0..<images {
        #if XSMM
            if geometry.hasDirectInputGradient
                && DirectConvolution.inputGradient(
                    inputGradient + image * geometry.input.count, outputGradient + image * area * n, flipped: flipped,
                    geometry, scratch: scratch)
            {
                continue
            }
        #endif
        gemm(
            area, k, n, Matrix(outputGradient + image * area * n, stride: n),
            Matrix(weight, stride: n, transposed: true), beta: 0, scratch, stride: k)
        scatterPatches(inputGradient + image * geometry.input.count, scratch, geometry)
    }
}

/// Where row `i` of the patch at (y, x) lies: the run of kernel columns that fall inside the image, or none.
@inline(__always)
private func patchRow(_ g: Convolution, _ y: Int, _ x: Int, _ i: Int) -> (columns: Range<Int>, offset: Int)? {
    let row = y * g.stride + i - g.padding
    guard row >= 0, row < g.input.height else { return nil }
    let left = x * g.stride - g.padding
    let first = max(0, -left)
    let end = min(g.kernelWidth, g.input.width - left)
    guard first < end else { return nil }
    return (first..<end, (row * g.input.width + left + first) * g.input.channels)
}

/// Where the patch at (y, x) begins, if it lies inside the image whole.
@inline(__always)
private func innerPatch(_ g: Convolution, _ y: Int, _ x: Int) -> Int? {
    let (top, left) = (y * g.stride - g.padding, x * g.stride - g.padding)
    guard top >= 0, left >= 0, top + g.kernelHeight <= g.input.height, left + g.kernelWidth <= g.input.width
    else { return nil }
    return (top * g.input.width + left) * g.input.channels
}

/// patches = [output positions, kernelHeight, kernelWidth, channels] of one image. Each patch row is a run of
/// consecutive floats of the image, copied in whole vectors: what is written beyond a run is overwritten by the next one.
func gatherPatches(_ patches: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, _ g: Convolution) {
    let (shape, channels) = (g.output, g.input.channels)
    let (run, rowCount) = (g.kernelWidth * channels, g.input.width * channels)
    var patch = patches
    for y in 0..<shape.height {
        for x in 0..<shape.width {
            if let offset = innerPatch(g, y, x) {
                var row = image + offset
                for _ in 0..<g.kernelHeight {
                    copyVectors(patch, row, run)
                    patch += run
                    row += rowCount
                }
                continue
            }
            for i in 0..<g.kernelHeight {
                if let row = patchRow(g, y, x, i) {
                    let lead = row.columns.lowerBound * channels
                    fillZero(patch, lead)
                    copyVectors(patch + lead, image + row.offset, row.columns.count * channels)
                    let end = row.columns.upperBound * channels
                    fillZero(patch + end, run - end)
                } else {
                    fillZero(patch, run)
                }
                patch += run
            }
        }
    }
}

/// image = the sum of all patches at their places; the transpose of ``gatherPatches``.
func scatterPatches(_ image: UnsafeMutablePointer<Float>, _ patches: UnsafePointer<Float>, _ g: Convolution) {
    let (shape, channels) = (g.output, g.input.channels)
    let (run, rowCount) = (g.kernelWidth * channels, g.input.width * channels)
    image.update(repeating: 0, count: g.input.count)
    var patch = patches
    for y in 0..<shape.height {
        for x in 0..<shape.width {
            if let offset = innerPatch(g, y, x) {
                var row = image + offset
                for _ in 0..<g.kernelHeight {
                    addVectors(row, patch, run)
                    patch += run
                    row += rowCount
                }
                continue
            }
            for i in 0..<g.kernelHeight {
                if let row = patchRow(g, y, x, i) {
                    addVectors(
                        image + row.offset, patch + row.columns.lowerBound * channels, row.columns.count * channels)
                }
                patch += run
            }
        }
    }
}

/// Copies `count` floats in whole vectors, and so up to 15 more.
@inline(__always)
private func copyVectors(_ target: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, _ count: Int) {
    var i = 0
    while i < count {
        target.store(source.vector(i), i)
        i += 16
    }
}

/// Zeroes `count` floats in whole vectors, and so up to 15 more.
@inline(__always)
private func fillZero(_ target: UnsafeMutablePointer<Float>, _ count: Int) {
    var i = 0
    while i < count {
        target.store(.zero, i)
        i += 16
    }
}

/// target += source over `count` floats; up to 15 more are rewritten with what they hold.
@inline(__always)
private func addVectors(_ target: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, _ count: Int) {
    var i = 0
    while i + 16 <= count {
        target.store(target.vector(i) + source.vector(i), i)
        i += 16
    }
    if i < count {
        let added = source.vector(i).replacing(with: 0, where: .!firstElements(count - i))
        target.store(target.vector(i) + added, i)
    }
}
