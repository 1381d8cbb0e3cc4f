// Patches: for each output position of a convolution the part of the image that its kernel covers, of one group's
// channels. Those of one group without dilation are made of runs of the image, row by row.

extension Convolution {
    /// True where a row of a patch is no run of consecutive floats of the image.
    var isSpread: Bool { groups > 1 || dilation != 1 }
}

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

/// Calls `body(position of the kernel, offset in the image or nil outside of it)` for each float run of the patch at
/// (y, x), for a geometry whose patch rows are no runs. The offset is that of the first channel.
@inline(__always)
func forEachTap(_ g: Convolution, _ y: Int, _ x: Int, _ body: (_ tap: Int, _ offset: Int?) -> Void) {
    for i in 0..<g.kernelHeight {
        let row = y * g.stride + i * g.dilation.height - g.padding
        for j in 0..<g.kernelWidth {
            let column = x * g.stride + j * g.dilation.width - g.padding
            let isInside = row >= 0 && row < g.input.height && column >= 0 && column < g.input.width
            body(i * g.kernelWidth + j, isInside ? (row * g.input.width + column) * g.input.channels : nil)
        }
    }
}

/// patches = [output positions, kernelHeight, kernelWidth, channels / groups] of one image. Each run of consecutive
/// floats of the image is copied in whole vectors: what is written beyond a run is overwritten by the next one.
func gatherPatches(
    _ patches: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, _ g: Convolution, group: Int = 0
) {
    guard !g.isSpread else { return gatherTaps(patches, image + group * g.groupChannels, g) }
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

private func gatherTaps(
    _ patches: UnsafeMutablePointer<Float>, _ channels: UnsafePointer<Float>, _ g: Convolution
) {
    let run = g.groupChannels
    var patch = patches
    for y in 0..<g.output.height {
        for x in 0..<g.output.width {
            forEachTap(g, y, x) { _, offset in
                if let offset { copyVectors(patch, channels + offset, run) } else { fillZero(patch, run) }
                patch += run
            }
        }
    }
}

/// image += the patches of some rows of output positions, at their places; the transpose of ``gatherPatches``.
func addPatches(
    _ image: UnsafeMutablePointer<Float>, _ patches: UnsafePointer<Float>, _ g: Convolution, rows: Range<Int>,
    group: Int = 0
) {
    guard !g.isSpread else { return addTaps(image + group * g.groupChannels, patches, g, rows: rows) }
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

private func addTaps(
    _ channels: UnsafeMutablePointer<Float>, _ patches: UnsafePointer<Float>, _ g: Convolution, rows: Range<Int>
) {
    let run = g.groupChannels
    var patch = patches
    for y in rows {
        for x in 0..<g.output.width {
            forEachTap(g, y, x) { _, offset in
                if let offset { addVectors(channels + offset, patch, run) }
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
