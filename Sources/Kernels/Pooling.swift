/// The geometry of a pooling layer: windows of `size` x `size` every `stride`, cut off at the image's border. `padding`
/// adds rows at the bottom and columns at the right (as the paper's 3x3/2 pools do); a cell outside the image is never
/// the maximum and does not count in the average.
public struct Pooling: Hashable, Sendable {
    /// The kinds of pooling.
    public enum Kind: String, Codable, Hashable, Sendable, CaseIterable { case max, average }

    /// The input image.
    public let input: ImageShape
    /// Maximum or average.
    public let kind: Kind
    /// Rows and columns of the window, at most 15.
    public let size: Int
    /// The step between windows.
    public let stride: Int
    /// Rows added at the bottom and columns added at the right; smaller than `size`.
    public let padding: Int

    /// Makes the geometry.
    public init(input: ImageShape, kind: Kind, size: Int, stride: Int, padding: Int = 0) {
        precondition(
            size <= min(input.height, input.width) + padding && padding < size && size < 16,
            "a window of \(size)x\(size) on an image of \(input) padded by \(padding)")
        self.input = input
        self.kind = kind
        self.size = size
        self.stride = stride
        self.padding = padding
    }

    /// `(input + padding - size) / stride + 1`, rounded down, in each direction.
    public var output: ImageShape {
        ImageShape(
            height: (input.height + padding - size) / stride + 1, width: (input.width + padding - size) / stride + 1,
            channels: input.channels)
    }

    /// Rows of a window, cut off at the border.
    @inline(__always) func rows(ofWindow row: Int) -> Int { min(size, input.height - row * stride) }
    /// Columns of a window, cut off at the border.
    @inline(__always) func columns(ofWindow column: Int) -> Int { min(size, input.width - column * stride) }

    /// Calls `body(output position, rows, columns)` for each window, cut off at the border.
    @inline(__always)
    fileprivate func forEachWindow(_ body: (Int, Range<Int>, Range<Int>) -> Void) {
        let shape = output
        for y in 0..<shape.height {
            let rows = y * stride..<min(y * stride + size, input.height)
            for x in 0..<shape.width {
                body(y * shape.width + x, rows, x * stride..<min(x * stride + size, input.width))
            }
        }
    }
}

/// y = the pooled x of one image. Where `winners` (one byte for each output element) is given, maximum pooling notes
/// there which cell of its window won, the first one in case of a tie.
///
/// Whole vectors are written: what lies beyond a position's channels is overwritten by the next position.
public func pool(
    _ y: UnsafeMutablePointer<Float>, winners: UnsafeMutablePointer<UInt8>?, _ x: UnsafePointer<Float>,
    _ geometry: Pooling
) {
    for row in 0..<geometry.output.height { poolRow(y, winners: winners, x, geometry, row: row) }
}

/// One row of the output of ``pool``.
@inline(__always)
private func poolRow(
    _ y: UnsafeMutablePointer<Float>, winners: UnsafeMutablePointer<UInt8>?, _ x: UnsafePointer<Float>,
    _ geometry: Pooling, row: Int
) {
    let (channels, width) = (geometry.input.channels, geometry.input.width * geometry.input.channels)
    let rows = geometry.rows(ofWindow: row)
    var target = y + row * geometry.output.width * channels
    var noted = winners.map { $0 + row * geometry.output.width * channels }
    for position in 0..<geometry.output.width {
        let columns = geometry.columns(ofWindow: position)
        let corner = x + row * geometry.stride * width + position * geometry.stride * channels
        for c in stride(from: 0, to: channels, by: 16) {
            if geometry.kind == .max {
                target.store(maximum(corner + c, noted.map { $0 + c }, rows, columns, geometry), c)
            } else {
                var sum = Vector.zero
                for i in 0..<rows {
                    for j in 0..<columns { sum += corner.vector(i * width + j * channels + c) }
                }
                target.store(sum * (1 / Float(rows * columns)), c)
            }
        }
        target += channels
        noted = noted.map { $0 + channels }
    }
}

/// The maximum of a window, and in `winners` where it stands.
@inline(__always)
private func maximum(
    _ corner: UnsafePointer<Float>, _ winners: UnsafeMutablePointer<UInt8>?, _ rows: Int, _ columns: Int,
    _ geometry: Pooling
) -> Vector {
    let (channels, width) = (geometry.input.channels, geometry.input.width * geometry.input.channels)
    var best = corner.vector(0)
    var winner = SIMD16<Int32>.zero
    var cell = SIMD16<Int32>.zero
    for i in 0..<rows {
        for j in 0..<columns {
            let value = corner.vector(i &* width &+ j &* channels)
            // A NaN wins, so that it reaches the loss.
            let better = (value .> best) .| (value .!= value)
            best.replace(with: value, where: better)
            winner.replace(with: cell, where: better)
            cell &+= 1
        }
    }
    if let winners {
        UnsafeMutableRawPointer(winners)
            .storeBytes(of: narrowed(winner), as: SIMD16<UInt8>.self)
    }
    return best
}

/// xGradient = the gradient of one image's input, from that of its pooled output and the winners noted by `pool`.
public func poolGradient(
    _ xGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, winners: UnsafePointer<UInt8>?,
    _ geometry: Pooling
) {
    let (channels, width) = (geometry.input.channels, geometry.input.width)
    xGradient.update(repeating: 0, count: geometry.input.count)
    geometry.forEachWindow { position, rows, columns in
        let share = 1 / Float(rows.count * columns.count)
        var c = 0
        while c < channels {
            // Beyond the last channel zeros are added.
            let gradient = yGradient.vector(position * channels + c)
                .replacing(with: 0, where: .!firstElements(channels - c))
            var winner = SIMD16<UInt8>(repeating: 0)
            if let winners {
                winner = UnsafeRawPointer(winners + position * channels + c).loadUnaligned(as: SIMD16<UInt8>.self)
            }
            let wide = widened(winner)
            var cell: Int32 = 0
            for row in rows {
                for column in columns {
                    let offset = (row * width + column) * channels + c
                    let added =
                        geometry.kind == .max
                        ? gradient.replacing(with: 0, where: wide .!= SIMD16<Int32>(repeating: cell)) : gradient * share
                    xGradient.store(xGradient.vector(offset) + added, offset)
                    cell += 1
                }
            }
            c += 16
        }
    }
}
