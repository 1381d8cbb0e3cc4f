import Essentials
import Foundation

/// A tensor of an ONNX model: its shape, and where its elements are. They are decoded on demand, after their number has
/// been compared with the bytes that are there.
struct ONNXTensor {
    private(set) var name = ""
    private(set) var shape: [Int] = []
    /// The number of elements.
    private(set) var count = 1

    /// The most elements of a tensor, and of all constants of a model: 2 GiB of float32, which the format's own file
    /// can have.
    static let mostElements = Int(Int32.max) / 4

    private var type = 0
    private var raw: ArraySlice<UInt8>?
    private var reals: [Float] = []
    private var integers: [Int] = []
    private var doubles: [Double] = []
    private var external: [String: String]?

    private enum ElementType: Int {
        case float32 = 1
        case int32 = 6
        case int64 = 7
        case bool = 9
        case float64 = 11
    }

    init(_ bytes: ArraySlice<UInt8>) throws {
        var (entries, isExternal): ([String: String], Bool) = ([:], false)
        try ProtocolReader.forEachField(bytes) { field, value in
            switch field {
            case 1: try value.append(to: &shape, "a tensor's shape")
            case 2: type = try value.integer("a tensor's type")
            case 4: try value.append(to: &reals, "a tensor")
            case 5, 7: try value.append(to: &integers, "a tensor")
            case 8: name = try value.text("a tensor's name")
            case 9: raw = try value.bytes("a tensor")
            case 10: try value.append(to: &doubles, "a tensor")
            case 13:
                let (key, text) = try ONNXFile.pair(value)
                entries[key] = text
            case 14: isExternal = try value.integer("a tensor's place") == 1
            default: break
            }
        }
        external = isExternal ? entries : nil
        guard shape.count <= 16 else {
            throw ProtocolReader.Malformed(reason: "\(title) has \(shape.count) dimensions")
        }
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow, product <= Self.mostElements else {
                throw ProtocolReader.Malformed(reason: "\(title) has the shape \(shape)")
            }
            count = product
        }
    }

    /// The tensor in sentences.
    var title: String { "tensor '\(shortened(name))'" }

    /// The elements of a tensor of float32 or float64.
    ///
    /// - Parameter folder: where the model's file is, for data that lies beside it.
    /// - Throws: `Failure` 65 naming the tensor: another type, another number of bytes than its shape needs, a number
    ///   that is not finite, a path out of the folder. 66 or 74 where a data file cannot be read.
    func floats(folder: String) throws -> [Float] {
        let values: [Float]
        switch ElementType(rawValue: type) {
        case .float32 where raw == nil && external == nil: values = reals
        case .float32:
            values = try elements(of: UInt32.self, folder).map { Float(bitPattern: UInt32(littleEndian: $0)) }
        case .float64 where raw == nil && external == nil: values = doubles.map { Float($0) }
        case .float64:
            values = try elements(of: UInt64.self, folder).map { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
        default: throw fault("has elements of \(typeName), not of float32 or float64")
        }
        guard values.count == count else { throw wrongCount(values.count) }
        guard values.allSatisfy(\.isFinite) else { throw fault("holds numbers that are not finite in float32") }
        return values
    }

    /// The elements of a tensor of int64, int32 or bool; nil where it is of another type.
    func integers(folder: String) throws -> [Int]? {
        let values: [Int]
        switch ElementType(rawValue: type) {
        case .int32 where raw == nil && external == nil, .int64 where raw == nil && external == nil,
            .bool where raw == nil && external == nil:
            values = integers
        case .int32:
            values = try elements(of: UInt32.self, folder).map { Int(Int32(bitPattern: UInt32(littleEndian: $0))) }
        case .int64:
            values = try elements(of: UInt64.self, folder).map { Int(Int64(bitPattern: UInt64(littleEndian: $0))) }
        case .bool: values = try elements(of: UInt8.self, folder).map { Int($0) }
        default: return nil
        }
        guard values.count == count else { throw wrongCount(values.count) }
        return values
    }

    private func elements<Element: FixedWidthInteger>(of: Element.Type, _ folder: String) throws -> [Element] {
        let size = MemoryLayout<Element>.size
        let bytes = try external.map { try readExternal($0, count: count * size, folder) } ?? raw ?? []
        guard bytes.count == count * size else { throw wrongCount(bytes.count / size) }
        return bytes.withUnsafeBytes { bytes in
            (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * size, as: Element.self) }
        }
    }

    /// Reads `count` bytes of a data file, which has to be beside the model or below.
    private func readExternal(_ entries: [String: String], count: Int, _ folder: String) throws -> ArraySlice<UInt8> {
        let location = entries["location"] ?? ""
        let parts = location.split(separator: "/", omittingEmptySubsequences: false)
        guard !location.hasPrefix("/"), !location.contains("\0"),
            parts.allSatisfy({ !$0.isEmpty && $0 != ".." && $0 != "." })
        else { throw fault("has its data in '\(shortened(location))', which is no file beside the model") }
        let path = "\(folder)/\(location)"
        guard let place = realpath(path, nil), let root = realpath(folder, nil) else {
            throw systemFailure(.noInput, "read", path)
        }
        defer {
            free(place)
            free(root)
        }
        let inside = String(cString: root)
        guard String(cString: place).hasPrefix(inside.hasSuffix("/") ? inside : inside + "/") else {
            throw fault("has its data in '\(shortened(location))', which leads out of the model's folder")
        }
        guard let offset = entries["offset"].map({ Int($0) }) ?? 0, offset >= 0,
            entries["length"].map({ Int($0) == count }) ?? true
        else { throw fault("has another length or offset in its data file than its shape needs") }
        let descriptor = open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { throw systemFailure(.noInput, "read", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            offset <= Int(status.st_size), count <= Int(status.st_size) - offset
        else { throw fault("has its data in '\(shortened(location))', which ends before it") }
        let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            done = 0
            while done < count {
                let got = pread(
                    descriptor, buffer.baseAddress?.advanced(by: done), count - done, off_t(offset + done))
                if got < 0 && errno == EINTR { continue }
                guard got > 0 else { throw systemFailure(.inputOutput, "read", path) }
                done += got
            }
        }
        return bytes[...]
    }

    private func wrongCount(_ found: Int) -> Failure { fault("of shape \(shape) holds \(found) numbers") }
    private func fault(_ sentence: String) -> Failure { Failure(.data, "\(title) \(sentence)") }

    private var typeName: String {
        let names = [
            1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "text", 9: "bool",
            10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
        ]
        return names[type] ?? "type \(type)"
    }
}
