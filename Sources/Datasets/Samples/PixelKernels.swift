import Kernels

/// values = Float(bytes moved) - mean: the image as a window sees it that lies `down` and `right` of it, its left and
/// right exchanged first where `mirrored`. What the image does not cover is the mean image, so 0; with `fill` `.zero`
/// black, so -mean.
func subtractMoved(
    _ mean: UnsafePointer<Float>, from bytes: UnsafePointer<UInt8>, shape: ImageShape, mirrored: Bool, down: Int,
    right: Int, fill: ShiftFill = .mean, into values: UnsafeMutablePointer<Float>
) {
    let (width, channels) = (shape.width, shape.channels)
    let columns = max(0, -right)..<max(max(0, -right), min(width, width - right))
    for y in 0..<shape.height {
        let target = values + y * width * channels
        let meanRow = mean + y * width * channels
        func leave(_ range: Range<Int>) {
            for i in range { target[i] = fill == .mean ? 0 : -meanRow[i] }
        }
        guard (0..<shape.height).contains(y + down), !columns.isEmpty else {
            leave(0..<width * channels)
            continue
        }
        let sourceRow = bytes + (y + down) * width * channels
        leave(0..<columns.lowerBound * channels)
        let first = columns.lowerBound + right
        var source = sourceRow + (mirrored ? width - 1 - first : first) * channels
        let stride = mirrored ? -channels : channels
        var i = columns.lowerBound * channels
        while i < columns.upperBound * channels {
            for c in 0..<channels { target[i + c] = Float(source[c]) - meanRow[i + c] }
            i += channels
            source += stride
        }
        leave(i..<width * channels)
    }
}

/// Sets a square of `side` pixels around a place to 0, the mean image, as far as it lies in the image.
func cutOut(_ values: UnsafeMutablePointer<Float>, shape: ImageShape, side: Int, row: Int, column: Int) {
    let rows = (row - side / 2..<row - side / 2 + side).clamped(to: 0..<shape.height)
    let columns = (column - side / 2..<column - side / 2 + side).clamped(to: 0..<shape.width)
    for y in rows {
        (values + (y * shape.width + columns.lowerBound) * shape.channels).update(
            repeating: 0, count: columns.count * shape.channels)
    }
}

/// Copies a box of an image into another one of the same shape.
func paste(
    _ rows: Range<Int>, _ columns: Range<Int>, of source: UnsafePointer<Float>, shape: ImageShape,
    into values: UnsafeMutablePointer<Float>
) {
    for y in rows {
        let start = (y * shape.width + columns.lowerBound) * shape.channels
        (values + start).update(from: source + start, count: columns.count * shape.channels)
    }
}

/// Exchanges left and right in place.
func mirror(_ values: UnsafeMutablePointer<Float>, shape: ImageShape) {
    for y in 0..<shape.height {
        var left = values + y * shape.width * shape.channels
        var right = left + (shape.width - 1) * shape.channels
        while left < right {
            for c in 0..<shape.channels { swap(&left[c], &right[c]) }
            left += shape.channels
            right -= shape.channels
        }
    }
}

/// Adds +amplitude or -amplitude to each value, by one random bit each.
func addSignNoise(_ random: inout Philox, amplitude: Float, to values: UnsafeMutablePointer<Float>, count: Int) {
    let pattern = amplitude.bitPattern
    // A random bit becomes the sign bit.
    func noise(_ word: UInt32, _ bit: Int) -> Float {
        Float(bitPattern: pattern ^ ((word &>> UInt32(truncatingIfNeeded: bit)) &<< 31))
    }
    var i = 0
    while i + 32 <= count {
        let word: UInt32 = random.next()
        for bit in 0..<32 { values[i + bit] += noise(word, bit) }
        i += 32
    }
    if i < count {
        let word: UInt32 = random.next()
        for bit in 0..<count - i { values[i + bit] += noise(word, bit) }
    }
}

/// Adds a number uniform in [-amplitude, amplitude) to each value.
func addUniformNoise(_ random: inout Philox, amplitude: Float, to values: UnsafeMutablePointer<Float>, count: Int) {
    for i in 0..<count { values[i] += amplitude * (2 * random.uniform() - 1) }
}
