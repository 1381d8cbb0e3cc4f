import COpenBLAS

/// The weight as the direct kernels take it, once for many calls, `packedCount` floats: first the filters behind the last
/// whole vector, where they are few, each [kernelHeight, kernelWidth, channels]; then, for the input gradient (`backward`),
/// [kernelHeight, kernelWidth, filters, channels] of weight(kernelHeight - 1 - i, kernelWidth - 1 - j, c, k) where that is a
/// direct convolution, or the transposed matrix, filters x `patchCount`. Nothing where `packedCount` is 0.
public func packWeight(
    _ packed: UnsafeMutablePointer<Float>, _ weight: UnsafePointer<Float>, _ geometry: Convolution, backward: Bool
) {
    let (patch, filters, rest) = (geometry.patchCount, geometry.filters, geometry.remainingFilters)
    transpose(packed, weight + (filters - rest), rows: patch, columns: rest, stride: filters)
    guard geometry.packedCount(backward: backward) > rest * patch else { return }
    let target = packed + rest * patch
    guard geometry.correlatesInputGradient else {
        return transpose(target, weight, rows: patch, columns: filters, stride: filters)
    }
    let channels = geometry.input.channels
    let positions = geometry.kernelHeight * geometry.kernelWidth
    for position in 0..<positions {
        transpose(
            target + position * channels * filters, weight + (positions - 1 - position) * channels * filters,
            rows: channels, columns: filters, stride: filters)
    }
}

/// target = source^T, `columns` x `rows`, of a matrix of `rows` x `columns` with `stride` floats a row.
private func transpose(
    _ target: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int
) {
    guard columns > 0 else { return }
    cblas_somatcopy(
        CblasRowMajor, CblasTrans, blasint(rows), blasint(columns), 1, source, blasint(stride), target, blasint(rows))
}
