import Kernels

/// values = Float(bytes, left and right exchanged) - mean.
func subtractMirrored(
    _ mean: UnsafePointer<Float>, from bytes: UnsafePointer<UInt8>, shape: ImageShape,
    into values: UnsafeMutablePointer<Float>
) {
    let row = shape.width * shape.channels
    for y in 0..<shape.height {
        let target = values + y * row
        let meanRow = mean + y * row
        var source = bytes + (y + 1) * row - shape.channels
        var i = 0
        while i < row {
            for c in 0..<shape.channels { target[i + c] = Float(source[c]) - meanRow[i + c] }
            i += shape.channels
            source -= shape.channels
        }
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
