/// A dense array of numbers in row-major order, as a dataset of an HDF5 file holds it.
///
/// Two tensors are equal when shape, type and every bit agree: a NaN equals itself, 0 and -0 differ.
public struct Tensor: Equatable, Sendable {
    /// The extents, the last one contiguous. Empty for a scalar; an extent may be 0.
    public let shape: [Int]
    /// The numbers, `shape`'s product of them.
    public let elements: Elements

    /// Makes a tensor.
    ///
    /// - Precondition: `elements.count` is the product of `shape`.
    public init(shape: [Int], elements: Elements) {
        precondition(
            shape.allSatisfy { $0 >= 0 } && elements.count == shape.reduce(1, *),
            "\(elements.count) elements cannot fill the shape \(shape)")
        self.shape = shape
        self.elements = elements
    }

    /// Makes a float32 tensor.
    public init(shape: [Int], _ floats: [Float]) { self.init(shape: shape, elements: .float32(floats)) }

    /// The type and shape for people: `float32 [20, 1, 5, 5]`.
    public var summary: String { "\(elements.typeName) \(shape)" }
}

/// The numbers of a tensor, with their type.
public enum Elements: Equatable, Sendable {
    /// IEEE single precision.
    case float32([Float])
    /// IEEE double precision.
    case float64([Double])
    /// Signed, 8 bytes.
    case int64([Int64])
    /// Signed, 4 bytes.
    case int32([Int32])
    /// Signed, 2 bytes.
    case int16([Int16])
    /// Bytes.
    case uint8([UInt8])

    /// How many.
    public var count: Int {
        switch self {
        case .float32(let values): values.count
        case .float64(let values): values.count
        case .int64(let values): values.count
        case .int32(let values): values.count
        case .int16(let values): values.count
        case .uint8(let values): values.count
        }
    }

    /// The type's name: `float32`, `float64`, `int64`, `int32`, `int16` or `uint8`.
    public var typeName: String { type.rawValue }

    /// Lends the numbers as bytes in memory order (little-endian here).
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        switch self {
        case .float32(let values): try values.withUnsafeBytes(body)
        case .float64(let values): try values.withUnsafeBytes(body)
        case .int64(let values): try values.withUnsafeBytes(body)
        case .int32(let values): try values.withUnsafeBytes(body)
        case .int16(let values): try values.withUnsafeBytes(body)
        case .uint8(let values): try values.withUnsafeBytes(body)
        }
    }

    /// Same type, same bits.
    public static func == (a: Elements, b: Elements) -> Bool {
        guard a.type == b.type else { return false }
        return a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.elementsEqual(b) } }
    }

    var type: ElementType {
        switch self {
        case .float32: .float32
        case .float64: .float64
        case .int64: .int64
        case .int32: .int32
        case .int16: .int16
        case .uint8: .uint8
        }
    }
}

/// The number types that a dataset may have.
enum ElementType: String, CaseIterable {
    case float32, float64, int64, int32, int16, uint8

    /// Bytes of one number.
    var width: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .int16: 2
        case .uint8: 1
        }
    }
}
