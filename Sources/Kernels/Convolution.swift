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
    /// The floats of scratch memory that a call needs: the patches of one image, or one image between zeros, and the
    /// gradients of the filters that are left behind the last whole vector.
    public var scratchCount: Int {
        if isFullyConnected { return 0 }
        func padded(_ shape: ImageShape, _ margin: Int) -> Int {
            (shape.height + 2 * margin) * (shape.width + 2 * margin) * shape.channels
        }
        let image = max(
            output.area * patchCount, padded(input, padding), padded(output, max(kernelHeight, kernelWidth)))
        return image + remainingFilters * patchCount
    }
    /// Whether forward pass and weight gradient go the direct way, by LIBXSMM: where filters fill its vectors, but for a few that
    /// are left, or where the input has so few channels that its patches would be the larger part of the work.
    var isDirect: Bool {
        Convolution.hasDirect && stride == 1 && filters >= 16 && !isFullyConnected
            && (filters % 16 == 0 || remainingFilters > 0 || hasPatchRows)
    }
    /// Whether a direct pass multiplies whole rows of patches: the channels of one position would be too short a product.
    var hasPatchRows: Bool { input.channels < 16 }
    /// The filters behind the last whole vector, where they are few enough to be computed apart (``FilterRemainder``).
    var remainingFilters: Int {
        let rest = filters % 16
        return Convolution.hasDirect && stride == 1 && filters > 16 && rest <= 4 && !hasPatchRows && !isFullyConnected
            ? rest : 0
    }
    /// Whether the input gradient is a direct convolution too: where the zeros around the output's gradient cost next to nothing.
    var correlatesInputGradient: Bool {
        isDirect && input.channels % 16 == 0 && filters % 16 == 0 && kernelHeight == kernelWidth
            && padding < kernelHeight
            && 10 * output.area >= 9 * input.area
    }
    /// Whether the bits of an output or input gradient depend on that image alone, and not on those that are computed beside it.
    public var imagesAreIndependent: Bool { !isFullyConnected || isDirectProduct }
    /// Whether a fully connected layer's products are LIBXSMM's.
    var isDirectProduct: Bool {
        #if XSMM
            isFullyConnected && DirectProduct.suits(columns: filters) && DirectProduct.suits(columns: patchCount)
                && DirectProduct.isAvailable
        #else
            false
        #endif
    }
    /// The floats that `packWeight` writes: none where all is OpenBLAS's.
    public func packedCount(backward: Bool) -> Int {
        remainingFilters * patchCount + (backward && (isDirect || isDirectProduct) ? weightCount : 0)
    }

    #if XSMM
        private static let hasDirect = true
    #else
        private static let hasDirect = false
    #endif

    /// Multiply-adds of the forward pass on one image.
    public var multiplyAdds: Int { output.area * weightCount }
}

/// output = weight * input for `images` images, without bias. One product an image, or one over all images where the
/// layer is fully connected: where ``Convolution/imagesAreIndependent`` is false bits depend on `images`.
///
/// - Parameters:
///   - output: [images, output shape], written.
///   - input: [images, input shape].
///   - weight: HWIO, as ``Convolution`` says.
///   - packed: the weight as `packWeight` writes it, for this geometry.
///   - geometry: the shapes.
///   - images: at least 1.
///   - scratch: `scratchCount` floats, overwritten.
public func convolution(
    _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
    packed: UnsafePointer<Float>, _ geometry: Convolution, images: Int, scratch: UnsafeMutablePointer<Float>
) {
    let (k, n) = (geometry.patchCount, geometry.filters)
    #if XSMM
        if geometry.isDirectProduct {
            return DirectProduct.multiply(output, input, weight, rows: images, columns: n, depth: k)
        }
    #endif
    if geometry.isFullyConnected {
        gemm(images, n, k, Matrix(input, stride: k), Matrix(weight, stride: n), beta: 0, output, stride: n)
        return
    }
    let area = geometry.output.area
    for image in 0..<images {
        #if XSMM
            if geometry.isDirect
                && DirectConvolution.forward(
                    output + image * area * n, input + image * geometry.input.count, weight, packed: packed, geometry,
                    scratch: scratch)
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

/// weightGradient += the sum over `images` images of input^T * outputGradient. Shapes as in `convolution`.
public func convolutionWeightGradient(
    _ weightGradient: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
    _ outputGradient: UnsafePointer<Float>, _ geometry: Convolution, images: Int,
    scratch: UnsafeMutablePointer<Float>
) {
    let (k, n) = (geometry.patchCount, geometry.filters)
    if geometry.isFullyConnected {
        return factorProduct(
            weightGradient, inputs: input, stride: k, outputGradient, rows: k, columns: n, images: images, adding: true)
    }
    #if XSMM
        if geometry.isDirect
            && DirectConvolution.weightGradient(
                weightGradient, input, outputGradient, geometry, images: images, scratch: scratch)
        {
            return
        }
    #endif
    let area = geometry.output.area
    for image in 0..<images {
        gatherPatches(scratch, input + image * geometry.input.count, geometry)
        gemm(
            k, n, area, Matrix(scratch, stride: k, transposed: true),
            Matrix(outputGradient + image * area * n, stride: n), beta: 1, weightGradient, stride: n)
    }
}

/// inputGradient = outputGradient * weight^T for `images` images. Shapes as in `convolution`.
public func convolutionInputGradient(
    _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
    _ weight: UnsafePointer<Float>, packed: UnsafePointer<Float>, _ geometry: Convolution, images: Int,
    scratch: UnsafeMutablePointer<Float>
) {
    let (k, n) = (geometry.patchCount, geometry.filters)
    #if XSMM
        if geometry.isDirectProduct {
            return DirectProduct.multiply(inputGradient, outputGradient, packed, rows: images, columns: k, depth: n)
        }
    #endif
    if geometry.isFullyConnected {
        gemm(
            images, k, n, Matrix(outputGradient, stride: n), Matrix(weight, stride: n, transposed: true), beta: 0,
            inputGradient, stride: k)
        return
    }
    let area = geometry.output.area
    for image in 0..<images {
        #if XSMM
            if geometry.isDirect
                && DirectConvolution.inputGradient(
                    inputGradient + image * geometry.input.count, outputGradient + image * area * n, packed: packed,
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

/// gradient = inputs^T * outputGradients, or gradient += that: the weight gradient of a fully connected layer, or `rows` rows
/// of it, from the factors of `images` images.
///
/// - Parameters: `gradient` [rows, columns], `inputs` [images, rows] with `stride` floats an image, `outputGradients`
///   [images, columns].
public func factorProduct(
    _ gradient: UnsafeMutablePointer<Float>, inputs: UnsafePointer<Float>, stride: Int,
    _ outputGradients: UnsafePointer<Float>, rows: Int, columns: Int, images: Int, adding: Bool
) {
    #if XSMM
        if DirectProduct.suits(columns: columns), DirectProduct.isAvailable {
            return DirectProduct.multiplyTransposed(
                gradient, inputs, stride: stride, outputGradients, rows: rows, columns: columns, depth: images,
                adding: adding)
        }
    #endif
    gemm(
        rows, columns, images, Matrix(inputs, stride: stride, transposed: true),
        Matrix(outputGradients, stride: columns), beta: adding ? 1 : 0, gradient, stride: columns)
}
