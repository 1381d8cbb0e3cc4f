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
        if geometry.method == .panels {
            return DirectProduct.multiply(output, input, weight, rows: images, columns: n, depth: k)
        }
    #endif
    if geometry.isFullyConnected {
        gemm(images, n, k, Matrix(input, stride: k), Matrix(weight, stride: n), output, stride: n)
        return
    }
    let area = geometry.output.area
    for image in 0..<images {
        let (x, y) = (input + image * geometry.input.count, output + image * area * n)
        if geometry.method == .depthwise {
            DepthwiseConvolution.forward(y, x, weight, geometry)
            continue
        }
        #if XSMM
            let isDone =
                switch geometry.method {
                case .winograd:
                    geometry.winograd?.forward(y, x, packed: packed, geometry, scratch: scratch) ?? false
                case .direct: DirectConvolution.forward(y, x, weight, packed: packed, geometry, scratch: scratch)
                case .patches, .panels, .depthwise: false
                }
            if isDone { continue }
        #endif
        for group in 0..<geometry.groups {
            let first = group * geometry.groupFilters
            gatherPatches(scratch, x, geometry, group: group)
            gemm(
                area, geometry.groupFilters, k, Matrix(scratch, stride: k), Matrix(weight + first, stride: n),
                y + first, stride: n)
        }
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
    if geometry.method == .depthwise {
        return DepthwiseConvolution.weightGradient(weightGradient, input, outputGradient, geometry, images: images)
    }
    #if XSMM
        let isDone =
            switch geometry.method {
            case .winograd:
                geometry.winograd?.weightGradient(
                    weightGradient, input, outputGradient, geometry, images: images, scratch: scratch) ?? false
            case .direct:
                DirectConvolution.weightGradient(
                    weightGradient, input, outputGradient, geometry, images: images, scratch: scratch)
            case .patches, .panels, .depthwise: false
            }
        if isDone { return }
    #endif
    let area = geometry.output.area
    for image in 0..<images {
        for group in 0..<geometry.groups {
            let first = group * geometry.groupFilters
            gatherPatches(scratch, input + image * geometry.input.count, geometry, group: group)
            gemm(
                k, geometry.groupFilters, area, Matrix(scratch, stride: k, transposed: true),
                Matrix(outputGradient + image * area * n + first, stride: n), adding: true, weightGradient + first,
                stride: n)
        }
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
        if geometry.method == .panels {
            return DotProduct.multiply(inputGradient, outputGradient, weight, rows: images, columns: k, depth: n)
        }
    #endif
    if geometry.isFullyConnected {
        gemm(
            images, k, n, Matrix(outputGradient, stride: n), Matrix(weight, stride: n, transposed: true),
            inputGradient, stride: k)
        return
    }
    let area = geometry.output.area
    for image in 0..<images {
        let (x, y) = (inputGradient + image * geometry.input.count, outputGradient + image * area * n)
        #if XSMM
            let transposed = packed + geometry.packedForwardCount
            let isDone =
                switch geometry.inputGradientMethod {
                case .winograd:
                    geometry.winograd?.inputGradient(x, y, transposed, geometry, scratch: scratch) ?? false
                case .winogradOfFewChannels:
                    geometry.winograd?.inputGradientOfFewChannels(
                        x, y, transposed, geometry, scratch: scratch) ?? false
                case .correlation: DirectConvolution.correlate(x, y, flipped: transposed, geometry, scratch: scratch)
                case .rowsOfPatches: DirectConvolution.sumPatches(x, y, transposed, geometry, scratch: scratch)
                case .patches, .dotProducts, .depthwise: false
                }
            if isDone { continue }
        #endif
        x.update(repeating: 0, count: geometry.input.count)
        if geometry.method == .depthwise {
            DepthwiseConvolution.addInputGradient(x, y, weight, geometry)
            continue
        }
        for group in 0..<geometry.groups {
            let first = group * geometry.groupFilters
            gemm(
                area, k, geometry.groupFilters, Matrix(y + first, stride: n),
                Matrix(weight + first, stride: n, transposed: true), scratch, stride: k)
            addPatches(x, scratch, geometry, rows: 0..<geometry.output.height, group: group)
        }
    }
}

/// gradient = inputs^T * outputGradients, or gradient += that: the weight gradient of a fully connected layer, or
/// `rows` rows of it, from the factors of `images` images.
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
        Matrix(outputGradients, stride: columns), adding: adding, gradient, stride: columns)
}
