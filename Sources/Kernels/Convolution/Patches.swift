// Patches: for each output position of a convolution the part of the image that its kernel covers.

/// Row `i` of the patch at (y, x): the kernel columns that fall inside the image, and the offset of the first; or nil.
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

/// The output rows, and the output columns, whose patches lie inside the image whole.
private func innerPositions(_ g: Convolution) -> (rows: Range<Int>, columns: Range<Int>) {
    func range(_ size: Int, _ kernel: Int, _ output: Int) -> Range<Int> {
        let first = min((g.padding + g.stride - 1) / g.stride, output)
        return first..<max(first, min((size + g.padding - kernel + g.stride) / g.stride, output))
    }
    return (range(g.input.height, g.kernelHeight, g.output.height), range(g.input.width, g.kernelWidth, g.output.width))
}

/// patches = [output positions, kernelHeight, kernelWidth, channels] of one image. Each patch row is a run of
/// consecutive floats of the image, copied in whole vectors: what is written beyond a run is overwritten by the next
/// one.
func gatherPatches(_ patches: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, _ g: Convolution) {
    let (shape, channels) = (g.output, g.input.channels)
    let (run, rowCount) = (g.kernelWidth * channels, g.input.width * channels)
    let (step, inner) = (g.stride * channels, innerPositions(g))
    var patch = patches
    for y in 0..<shape.height {
        var x = 0
        while x < shape.width {
            if x == inner.columns.lowerBound, inner.rows.contains(y) {
                var corner = image + ((y * g.stride - g.padding) * g.input.width + x * g.stride - g.padding) * channels
                for _ in inner.columns {
                    var row = corner
                    for _ in 0..<g.kernelHeight {
                        copyVectors(patch, row, run)
                        patch += run
                        row += rowCount
                    }
                    corner += step
                }
                x += inner.columns.count
                if x == shape.width { break }
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
            x += 1
        }
    }
}

/// image = the sum of all patches at their places; the transpose of ``gatherPatches``.
func scatterPatches(_ image: UnsafeMutablePointer<Float>, _ patches: UnsafePointer<Float>, _ g: Convolution) {
    image.update(repeating: 0, count: g.input.count)
    addPatches(image, patches, g, rows: 0..<g.output.height)
}

/// image += the patches of some rows of output positions, at their places.
func addPatches(
    _ image: UnsafeMutablePointer<Float>, _ patches: UnsafePointer<Float>, _ g: Convolution, rows: Range<Int>
) {
    let (shape, channels) = (g.output, g.input.channels)
    let (run, rowCount) = (g.kernelWidth * channels, g.input.width * channels)
    let inner = innerPositions(g)
    var patch = patches
    for y in rows {
        for x in 0..<shape.width {
            if inner.rows.contains(y), inner.columns.contains(x) {
                var row = image + ((y * g.stride - g.padding) * g.input.width + x * g.stride - g.padding) * channels
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
