import Kernels

extension Corruption {
    static let brightness = Corruption("brightness", .any, [0.1, 0.2, 0.3, 0.4, 0.5]) { image, amount, _ in
        image.map { $0 + Float(255 * amount) }
    }
    static let contrast = Corruption("contrast", .colour, [0.75, 0.5, 0.4, 0.3, 0.15]) { image, amount, _ in
        image.lowerContrast(to: amount)
    }
    static let fog = Corruption("fog", .any, [0.3, 0.5, 0.7, 1, 1.4]) { $0.addFog($1, &$2) }
}

extension Raster {
    /// Moves each channel towards its mean: a share of the distance stays.
    mutating func lowerContrast(to share: Double) {
        let source = self
        let means = (0..<shape.channels).map { channel in
            stride(from: channel, to: source.pixels.count, by: source.shape.channels)
                .reduce(Float(0)) { $0 + source.pixels[$1] } / Float(source.shape.area)
        }
        self = source.redrawn { y, x, channel in
            means[channel] + Float(share) * (source[y, x, channel] - means[channel])
        }
    }

    /// Adds a cloud of several scales, and darkens what it hides.
    mutating func addFog(_ amount: Double, _ random: inout Philox) {
        let fog = cloud(&random)
        let share = Float(1 / (1 + amount))
        let width = shape.width
        let source = self
        self = source.redrawn { y, x, channel in
            share * (source[y, x, channel] + Float(255 * amount) * fog[y * width + x])
        }
    }

    /// A height field in 0...1: octaves of smoothly interpolated random lattices, each of half the cell and half the
    /// height.
    func cloud(_ random: inout Philox) -> [Float] {
        var field = [Float](repeating: 0, count: shape.area)
        var (cell, height) = (16, Float(1))
        while cell >= 2 {
            let (rows, columns) = (shape.height / cell + 2, shape.width / cell + 2)
            let lattice = (0..<rows * columns).map { _ in random.uniform() }
            for y in 0..<shape.height {
                for x in 0..<shape.width {
                    let (row, column) = (y / cell, x / cell)
                    let (v, u) = (smooth(y % cell, cell), smooth(x % cell, cell))
                    let at = { (i: Int, j: Int) in lattice[(row + i) * columns + column + j] }
                    let upper = (1 - u) * at(0, 0) + u * at(0, 1)
                    let lower = (1 - u) * at(1, 0) + u * at(1, 1)
                    field[y * shape.width + x] += height * ((1 - v) * upper + v * lower)
                }
            }
            cell /= 2
            height /= 2
        }
        let (low, high) = (field.min() ?? 0, field.max() ?? 1)
        return field.map { high > low ? ($0 - low) / (high - low) : 0 }
    }

    private func smooth(_ offset: Int, _ cell: Int) -> Float {
        let t = Float(offset) / Float(cell)
        return t * t * (3 - 2 * t)
    }
}
