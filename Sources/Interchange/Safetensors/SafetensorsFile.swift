import Essentials
import Foundation
import HDF5Files

/// A file of the format safetensors (https://github.com/huggingface/safetensors): the length of a JSON header, the
/// header, the numbers. Sizes are compared with the bytes that are there before memory is taken; numbers are decoded on
/// demand.
struct SafetensorsFile {
    /// A tensor: its type, its shape, where its bytes are.
    struct Entry {
        let type: String
        let shape: [Int]
        fileprivate let range: Range<Int>
    }

    /// The tensors by name.
    let entries: [String: Entry]
    private let bytes: [UInt8]

    /// The longest header that is read.
    private static let headerBytes = 16 << 20
    /// Bytes of a number of the types that are known.
    private static let widths = [
        "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2,
        "U8": 1, "BOOL": 1,
    ]

    /// Reads the header; the sentence of a failure is a sentence's end.
    ///
    /// - Throws: `Failure` 65 where it is not of the format, a tensor's size is not that of its bytes, or two tensors
    ///   share bytes.
    init(_ bytes: [UInt8]) throws {
        let isNoFile = Failure(.data, "it is no file of the format safetensors, or cut off")
        guard bytes.count >= 8 else { throw isNoFile }
        let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << UInt64(8 * $1) }
        guard length <= UInt64(Self.headerBytes), Int(length) <= bytes.count - 8 else { throw isNoFile }
        let start = 8 + Int(length)
        guard let header = try? JSONSerialization.jsonObject(with: Data(bytes[8..<start])) as? [String: Any] else {
            throw isNoFile
        }
        var entries: [String: Entry] = [:]
        for (name, value) in header where name != "__metadata__" {
            let title = "tensor '\(shortened(name))'"
            guard let fields = value as? [String: Any], let type = fields["dtype"] as? String,
                let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int],
                offsets.count == 2, shape.count <= 16
            else { throw Failure(.data, "\(title) has no dtype, shape and data_offsets") }
            guard let width = Self.widths[type] else {
                throw Failure(.data, "\(title) has elements of '\(shortened(type))', which is no known type")
            }
            var size = width
            for extent in shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: extent)
                guard extent >= 0, !overflow else { throw Failure(.data, "\(title) has the shape \(shape)") }
                size = product
            }
            guard offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= bytes.count - start,
                offsets[1] - offsets[0] == size
            else {
                throw Failure(
                    .data,
                    "\(title) of shape \(shape) lies at \(offsets[0])..<\(offsets[1]) of \(bytes.count - start) "
                        + "bytes, which does not fit")
            }
            entries[name] = Entry(type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
        }
        // The format has no shared bytes: offsets that overlap are wrong ones, and so would be the numbers.
        let places = entries.filter { !$0.value.range.isEmpty }.sorted {
            ($0.value.range.lowerBound, $0.key) < ($1.value.range.lowerBound, $1.key)
        }
        for (one, next) in zip(places, places.dropFirst()) where one.value.range.overlaps(next.value.range) {
            throw Failure(.data, "tensors '\(shortened(one.key))' and '\(shortened(next.key))' lie on the same bytes")
        }
        self.entries = entries
        self.bytes = bytes
    }

    /// The numbers of a tensor of floats.
    ///
    /// - Throws: `Failure` 65 naming the tensor: another type, a number that is not finite.
    func floats(_ name: String) throws -> [Float] {
        guard let entry = entries[name] else { throw Failure(.data, "it has no tensor '\(shortened(name))'") }
        let values: [Float]
        switch entry.type {
        case "F32": values = numbers(entry) { Float(bitPattern: UInt32(littleEndian: $0)) }
        case "F64": values = numbers(entry) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
        case "F16": values = numbers(entry) { Float(Float16(bitPattern: UInt16(littleEndian: $0))) }
        case "BF16":
            values = numbers(entry) { Float(bitPattern: UInt32(UInt16(littleEndian: $0)) << 16) }
        default:
            throw Failure(
                .data, "tensor '\(shortened(name))' has elements of \(entry.type), not of F32, F64, F16 or BF16")
        }
        guard values.allSatisfy(\.isFinite) else {
            throw Failure(.data, "tensor '\(shortened(name))' holds numbers that are not finite in float32")
        }
        return values
    }

    private func numbers<Bits: FixedWidthInteger>(_ entry: Entry, _ number: (Bits) -> Float) -> [Float] {
        bytes.withUnsafeBytes { bytes in
            stride(from: entry.range.lowerBound, to: entry.range.upperBound, by: MemoryLayout<Bits>.size).map {
                number(bytes.loadUnaligned(fromByteOffset: $0, as: Bits.self))
            }
        }
    }
}

/// The format safetensors, as files of it are read.
public enum SafetensorsFormat: ForeignFormat {
    /// `safetensors`.
    public static let name = "safetensors"
    /// The largest file, as of a checkpoint.
    private static let fileBytes = 4 << 30

    /// Reads the bytes of a file.
    ///
    /// - Throws: `Failure` 65 for a file that is too large, 66 or 74 where it cannot be read.
    static func bytes(_ path: String) throws -> [UInt8] { try SealedFile.readWhole(path, atMost: fileBytes) }

    /// Reads a file with all its tensors of floats: the work of a child process.
    public static func decode(_ path: String) throws {
        let file = try SafetensorsFile(try bytes(path))
        for (name, entry) in file.entries where entry.type.hasPrefix("F") || entry.type == "BF16" {
            _ = try file.floats(name)
        }
    }
}
