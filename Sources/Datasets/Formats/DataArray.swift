import Essentials
import Foundation
import Kernels

/// The type of an array's numbers.
enum NumberKind: String, Codable, Sendable {
    case uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64

    /// Bytes of one number.
    var width: Int {
        switch self {
        case .uint8, .int8: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        }
    }

    var isFloat: Bool { self == .float32 || self == .float64 }
}

/// An array of numbers in a file: type, shape, and a way to its bytes in row-major order.
struct DataArray: Sendable {
    /// How messages name it: `shapes.npz:train_images`.
    let label: String
    /// The file that it lies in.
    let path: String
    let kind: NumberKind
    var isBigEndian = false
    let shape: [Int]
    /// Opens the bytes; each call starts at the first.
    let open: @Sendable () throws -> any ByteStream

    /// Numbers behind the first axis.
    var rowCount: Int { shape.dropFirst().reduce(1, *) }

    /// Checks that the sizes can be computed with.
    ///
    /// - Throws: `Failure` 65 where the shape is beyond counting or its first axis beyond a sample's index.
    func checked() throws -> DataArray {
        var total = kind.width
        for extent in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: max(extent, 1))
            guard extent >= 0, !overflow else { throw impossible }
            total = product
        }
        guard (shape.first ?? 0) <= Int(Int32.max), rowCount <= 1 << 28 else { throw impossible }
        return self
    }

    private var impossible: Failure { Failure(.data, "\(label) claims an impossible shape, \(shape)") }

    /// Some of the rows as an array of their own, of a plain file.
    ///
    /// - Parameter part: how messages name it, behind this one's name.
    func rows(_ range: Range<Int>, part: String) -> DataArray {
        let skipped = range.lowerBound * rowCount * kind.width
        let bytes = range.count * rowCount * kind.width
        return DataArray(
            label: "\(label), \(part)", path: path, kind: kind, isBigEndian: isBigEndian,
            shape: [range.count] + shape.dropFirst()
        ) {
            let stream = try open()
            try stream.skip(skipped)
            return CutStream(stream, count: bytes)
        }
    }

    /// Streams the rows whole: takes the index of the first row of a piece, and the bytes of its rows.
    ///
    /// - Throws: `Failure` 65 where the content is shorter or longer than the shape says, or does not decompress.
    func streamRows(_ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        let (count, rowBytes) = (shape.first ?? 1, rowCount * kind.width)
        let rowsAtOnce = max(1, min(count, chunkBytes / max(1, rowBytes)))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, rowsAtOnce * rowBytes), alignment: 16)
        defer { buffer.deallocate() }
        do {
            let stream = try open()
            var first = 0
            while first < count {
                let bytes = min(rowsAtOnce, count - first) * rowBytes
                let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<bytes])
                guard try stream.readFully(into: piece) == bytes else {
                    throw StreamDamage(reason: "it ends before its \(count) rows")
                }
                if isBigEndian { swapBytes(piece) }
                try body(first, UnsafeRawBufferPointer(piece))
                first += rowsAtOnce
            }
            guard try stream.drain() == 0 else { throw StreamDamage(reason: "it goes on after its \(count) rows") }
        } catch let damage as StreamDamage {
            throw Failure(.data, "\(label) is damaged: \(damage.reason); copy or fetch it again")
        }
    }

    private func swapBytes(_ bytes: UnsafeMutableRawBufferPointer) {
        let width = kind.width
        guard width > 1, let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        for start in stride(from: 0, to: bytes.count, by: width) {
            for i in 0..<width / 2 {
                let (a, b) = (base + start + i, base + start + width - 1 - i)
                (a.pointee, b.pointee) = (b.pointee, a.pointee)
            }
        }
    }

    /// The numbers as integers: labels.
    ///
    /// - Throws: `Failure` 65 where the type is not one of integers.
    func integers() throws -> [Int] {
        guard !kind.isFloat else {
            throw Failure(.data, "\(label) holds \(kind.rawValue), and labels are integers; convert them")
        }
        var values: [Int] = []
        try streamRows { _, bytes in
            for start in stride(from: 0, to: bytes.count, by: kind.width) {
                values.append(kind.integer(bytes, start))
            }
        }
        return values
    }
}

extension NumberKind {
    /// A number at an offset; unsigned ones beyond Int are clamped, far outside any label.
    fileprivate func integer(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        switch self {
        case .uint8: Int(bytes[at])
        case .int8: Int(Int8(bitPattern: bytes[at]))
        case .uint16: Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self))
        case .int16: Int(bytes.loadUnaligned(fromByteOffset: at, as: Int16.self))
        case .uint32: Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
        case .int32: Int(bytes.loadUnaligned(fromByteOffset: at, as: Int32.self))
        case .uint64: Int(clamping: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        case .int64: Int(bytes.loadUnaligned(fromByteOffset: at, as: Int64.self))
        case .float32, .float64: preconditionFailure("floats are no labels")
        }
    }

    /// A number at an offset as a real one.
    func real(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Double {
        switch self {
        case .float32: Double(bytes.loadUnaligned(fromByteOffset: at, as: Float.self))
        case .float64: bytes.loadUnaligned(fromByteOffset: at, as: Double.self)
        default: Double(integer(bytes, at))
        }
    }
}
