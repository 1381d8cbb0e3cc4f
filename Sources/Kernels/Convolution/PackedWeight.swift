import COpenBLAS

/// The weight as the kernels take it, once for many calls, `packedCount` floats. For the forward pass: the transformed
/// weight (Winograd's filtering), or the filters behind the last whole vector, where they are few, each [kernelHeight,
/// kernelWidth, channels]. Behind it, for the input gradient (`backward`): the transformed weight's transpose; where
/// that is a direct convolution [kernelHeight, kernelWidth, filters, channels] of weight(kernelHeight - 1 - i,
/// kernelWidth - 1 - j, c, k); by rows of patches the transposed matrix, filters x `patchCount`. Nothing for fully
/// connected layers, and where all is OpenBLAS's.
public func packWeight(
    _ packed: UnsafeMutablePointer<Float>, _ weight: UnsafePointer<Float>, _ geometry: Convolution, backward: Bool
) {
    let (patch, filters, channels) = (geometry.patchCount, geometry.filters, geometry.input.channels)
    let rest = geometry.remainingFilters
    #if XSMM
        geometry.winograd?.transform(packed, weight, geometry)
    #endif
    transpose(packed, weight + (filters - rest), rows: patch, columns: rest, stride: filters)
    guard backward else { return }
    let target = packed + geometry.packedForwardCount
    switch geometry.inputGradientMethod {
    case .patches, .dotProducts, .depthwise: break
    case .rowsOfPatches: transpose(target, weight, rows: patch, columns: filters, stride: filters)
    case .correlation:
        let positions = geometry.kernelHeight * geometry.kernelWidth
        for position in 0..<positions {
            transpose(
                target + position * channels * filters, weight + (positions - 1 - position) * channels * filters,
                rows: channels, columns: filters, stride: filters)
        }
    case .winograd:
        #if XSMM
            geometry.winograd?.transposePoints(target, packed, geometry)
        #endif
    case .winogradOfFewChannels:
        #if XSMM
            geometry.winograd?.gatherPoints(target, packed, geometry)
        #endif
    }
}

/// target = source^T, `columns` x `rows`, of a matrix of `rows` x `columns` with `stride` floats a row.
func transpose(
    _ target: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int
) {
    guard columns > 0 else { return }
    cblas_somatcopy(
        CblasRowMajor, CblasTrans, blasint(rows), blasint(columns), 1, source, blasint(stride), target, blasint(rows))
}
