import Essentials
import Foundation
import Kernels

/// The images of an array, as bytes.
struct ArrayPixels: Sendable {
    let images: DataArray
    let layout: PixelLayout
    let shape: ImageShape
    /// The values that become 0 and 255; nil for bytes.
    let range: ClosedRange<Double>?

    /// Refuses an array whose values are not understood.
    ///
    /// - Throws: `Failure` 65 naming the array: numbers without a range, bytes with one.
    static func checkRange(_ images: DataArray, _ range: ClosedRange<Double>?) throws {
        guard images.kind == .uint8 || range != nil else {
            throw Failure(
                .data,
                "\(images.label) holds \(images.kind.rawValue): say which values are black and white with "
                    + ":range=LOW..HIGH behind the path, as :range=0..1")
        }
        guard images.kind != .uint8 || range == nil else {
            throw Failure(.data, "\(images.label) holds bytes, which need no range: leave :range out")
        }
    }

    /// An image as bytes, height x width x channels: the row itself where it is that already.
    ///
    /// - Parameter scratch: a byte for each element, for a row that has to be converted.
    func bytes(
        _ row: UnsafeRawBufferPointer, index: Int, scratch: UnsafeMutableRawBufferPointer
    ) throws -> UnsafeRawBufferPointer {
        if images.kind == .uint8, layout == .nhwc { return row }
        let (h, w, c) = (shape.height, shape.width, shape.channels)
        let kind = images.kind
        let (low, scale) = (range?.lowerBound ?? 0, 255 / ((range?.upperBound ?? 255) - (range?.lowerBound ?? 0)))
        var target = 0
        for y in 0..<h {
            for x in 0..<w {
                for channel in 0..<c {
                    let place =
                        switch layout {
                        case .nhwc: target
                        case .nchw: (channel * h + y) * w + x
                        case .ncwh: (channel * w + x) * h + y
                        }
                    if kind == .uint8 {
                        scratch[target] = row[place]
                    } else {
                        let value = kind.real(row, place * kind.width)
                        let pixel = ((value - low) * scale).rounded()
                        // A NaN is in no range.
                        guard pixel >= 0, pixel <= 255 else { throw outside(value, index) }
                        scratch[target] = UInt8(pixel)
                    }
                    target += 1
                }
            }
        }
        return UnsafeRawBufferPointer(scratch)
    }

    private func outside(_ value: Double, _ index: Int) -> Failure {
        let bounds = range.map { "\($0.lowerBound)..\($0.upperBound)" } ?? ""
        return Failure(.data, "\(images.label): image \(index) holds the value \(value), outside of range=\(bounds)")
    }
}
