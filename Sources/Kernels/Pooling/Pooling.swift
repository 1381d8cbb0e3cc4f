import COpenBLAS

/// The geometry of a pooling layer: windows of `size` x `size` every `stride`, cut off at the image's border. `padding`
/// adds rows at the bottom and columns at the right (as the paper's 3x3/2 pools do), `paddingBefore` rows at the top
/// and columns at the left; a cell outside the image is never the maximum and does not count in the average.
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
    /// Rows added at the top and columns added at the left; smaller than `size`.
    public let paddingBefore: Int

    /// Makes the geometry.
    public init(input: ImageShape, kind: Kind, size: Int, stride: Int, padding: Int = 0, paddingBefore: Int = 0) {
        precondition(
            size <= min(input.height, input.width) + padding + paddingBefore && padding < size && paddingBefore < size
                && size < 16,
            "a window of \(size)x\(size) on an image of \(input) padded by \(paddingBefore) and \(padding)")
        self.input = input
        self.kind = kind
        self.size = size
        self.stride = stride
        self.padding = padding
        self.paddingBefore = paddingBefore
    }

    /// `(input + padding on both sides - size) / stride + 1`, rounded down, in each direction.
    public var output: ImageShape {
        ImageShape(height: windows(input.height), width: windows(input.width), channels: input.channels)
    }

    private func windows(_ side: Int) -> Int { (side + paddingBefore + padding - size) / stride + 1 }

    /// The rows of a window, cut off at the border: the first one, and how many.
    @inline(__always) func rows(ofWindow row: Int) -> (first: Int, count: Int) { cut(row, input.height) }
    /// The columns of a window, cut off at the border.
    @inline(__always) func columns(ofWindow column: Int) -> (first: Int, count: Int) { cut(column, input.width) }

    @inline(__always)
    private func cut(_ window: Int, _ side: Int) -> (first: Int, count: Int) {
        let start = window * stride - paddingBefore
        let first = max(0, start)
        return (first, min(start + size, side) - first)
    }
}

/// y = the pooled x of one image. Where `winners` (one byte for each output element) is given, maximum pooling notes
/// there which cell of its window won, the first one in case of a tie.
///
/// Whole vectors are written: elements beyond a position's channels are overwritten by the next position.
public func pool(
    _ y: UnsafeMutablePointer<Float>, winners: UnsafeMutablePointer<UInt8>?, _ x: UnsafePointer<Float>,
    _ geometry: Pooling
) {
    let shape = geometry.output
    let (width, channels) = (geometry.input.width * geometry.input.channels, geometry.input.channels)
    for row in 0..<shape.height {
        let (top, rows) = geometry.rows(ofWindow: row)
        for column in 0..<shape.width {
            let (left, columns) = geometry.columns(ofWindow: column)
            let corner = x + top * width + left * channels
            let offset = (row * shape.width + column) * channels
            let (target, noted) = (y + offset, winners.map { $0 + offset })
            // The paper's windows, whole: compiled without loops.
            switch (geometry.kind, rows, columns) {
            case (.max, 2, 2): maximum(target, noted, corner, 2, 2, channels, width)
            case (.max, 3, 3): maximum(target, noted, corner, 3, 3, channels, width)
            case (.max, _, _): maximum(target, noted, corner, rows, columns, channels, width)
            case (.average, 3, 3): average(target, corner, 3, 3, channels, width)
            case (.average, _, _): average(target, corner, rows, columns, channels, width)
            }
        }
    }
}

/// The average of a window, for each channel. `width` floats are a row.
@inline(__always)
private func average(
    _ y: UnsafeMutablePointer<Float>, _ corner: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ channels: Int,
    _ width: Int
) {
    let share = 1 / Float(rows * columns)
    var c = 0
    while c < channels {
        var sum = Vector.zero
        for i in 0..<rows {
            for j in 0..<columns { sum += corner.vector(i &* width &+ j &* channels &+ c) }
        }
        y.store(sum * share, c)
        c &+= 16
    }
}

/// The maximum of a window, for each channel, and in `winners` where it stands.
@inline(__always)
private func maximum(
    _ y: UnsafeMutablePointer<Float>, _ winners: UnsafeMutablePointer<UInt8>?, _ corner: UnsafePointer<Float>,
    _ rows: Int, _ columns: Int, _ channels: Int, _ width: Int
) {
    var c = 0
    while c < channels {
        var best = corner.vector(c)
        var winner = SIMD16<Int32>.zero
        for i in 0..<rows {
            for j in 0..<columns where i + j > 0 {
                let value = corner.vector(i &* width &+ j &* channels &+ c)
                // A NaN wins, so that it reaches the loss.
                let better = (value .> best) .| (value .!= value)
                best.replace(with: value, where: better)
                winner.replace(with: SIMD16(repeating: Int32(truncatingIfNeeded: i &* columns &+ j)), where: better)
            }
        }
        y.store(best, c)
        if let winners {
            store_low_bytes(winners + c, winner)
        }
        c &+= 16
    }
}

/// xGradient = the gradient of one image's input, from that of its pooled output and the winners noted by `pool`.
public func poolGradient(
    _ xGradient: UnsafeMutablePointer<Float>, _ yGradient: UnsafePointer<Float>, winners: UnsafePointer<UInt8>?,
    _ geometry: Pooling
) {
    let shape = geometry.output
    let (width, channels) = (geometry.input.width * geometry.input.channels, geometry.input.channels)
    xGradient.update(repeating: 0, count: geometry.input.count)
    for row in 0..<shape.height {
        let (top, rows) = geometry.rows(ofWindow: row)
        // One vector of channels for all windows before the next one: a vector that reaches into the next position
        // would have to wait for the last write there.
        for c in stride(from: 0, to: channels, by: 16) {
            for column in 0..<shape.width {
                let (left, columns) = geometry.columns(ofWindow: column)
                let corner = xGradient + (top * width + left * channels + c)
                let offset = (row * shape.width + column) * channels + c
                let (gradient, noted) = (yGradient + offset, winners.map { $0 + offset })
                switch (rows, columns) {
                case (2, 2): spread(gradient, noted, over: corner, 2, 2, channels, width, valid: channels - c)
                case (3, 3): spread(gradient, noted, over: corner, 3, 3, channels, width, valid: channels - c)
                case (_, _): spreadCut(gradient, noted, over: corner, rows, columns, channels, width, channels - c)
                }
            }
        }
    }
}

/// ``spread`` of any window. Not inlined: the compiler would merge its loop with those of the fixed windows.
@inline(never)
private func spreadCut(
    _ gradient: UnsafePointer<Float>, _ winners: UnsafePointer<UInt8>?, over corner: UnsafeMutablePointer<Float>,
    _ rows: Int, _ columns: Int, _ channels: Int, _ width: Int, _ valid: Int
) {
    spread(gradient, winners, over: corner, rows, columns, channels, width, valid: valid)
}

/// Adds the gradients of a window's outputs, one vector of channels of which `valid` count, to the cells that won them,
/// or to each its share where nothing won.
@inline(__always)
private func spread(
    _ gradient: UnsafePointer<Float>, _ winners: UnsafePointer<UInt8>?, over corner: UnsafeMutablePointer<Float>,
    _ rows: Int, _ columns: Int, _ channels: Int, _ width: Int, valid: Int
) {
    let value = gradient.vector(0).replacing(with: 0, where: .!firstElements(valid))
    guard let winners else {
        let share = value * (1 / Float(rows * columns))
        for i in 0..<rows {
            for j in 0..<columns {
                let offset = i &* width &+ j &* channels
                corner.store(corner.vector(offset) + share, offset)
            }
        }
        return
    }
    let winner = load_bytes(winners)
    for i in 0..<rows {
        for j in 0..<columns {
            let offset = i &* width &+ j &* channels
            let isOther = winner .!= Vector(repeating: Float(i &* columns &+ j))
            corner.store(corner.vector(offset) + value.replacing(with: 0, where: isOther), offset)
        }
    }
}
