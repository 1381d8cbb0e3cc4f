/// The fields of a message of Protocol Buffers, read one after another; nothing is copied.
///
/// The encoding: https://protobuf.dev/programming-guides/encoding/. Lengths are checked against the bytes that are
/// there.
struct ProtocolReader {
    /// A field's value, by its wire type.
    enum Value {
        case variable(UInt64)
        case fixed64(UInt64)
        case delimited(ArraySlice<UInt8>)
        case fixed32(UInt32)
    }

    /// A message that is not well-formed, or a field of another type than its number has; the sentence ends with it.
    struct Malformed: Error {
        let reason: String
    }

    fileprivate var rest: ArraySlice<UInt8>

    /// Starts at the first field.
    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// Calls `body` with each field's number and value.
    static func forEachField(_ bytes: ArraySlice<UInt8>, _ body: (Int, Value) throws -> Void) throws {
        var reader = ProtocolReader(bytes)
        while let (field, value) = try reader.next() { try body(field, value) }
    }

    /// The next field, or nil behind the last one.
    mutating func next() throws -> (field: Int, value: Value)? {
        guard !rest.isEmpty else { return nil }
        let tag = try variable()
        let field = tag >> 3
        guard (1...536_870_911).contains(field) else { throw Malformed(reason: "a field has the number \(field)") }
        switch tag & 7 {
        case 0: return (Int(field), .variable(try variable()))
        case 1: return (Int(field), .fixed64(try fixed(8)))
        case 2:
            let count = try variable()
            guard count <= UInt64(rest.count) else {
                throw Malformed(reason: "a field of \(count) bytes goes beyond the end")
            }
            let bytes = rest.prefix(Int(count))
            rest = rest[bytes.endIndex...]
            return (Int(field), .delimited(bytes))
        case 5: return (Int(field), .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
        case let type: throw Malformed(reason: "a field has the unknown wire type \(type)")
        }
    }

    fileprivate mutating func variable() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw Malformed(reason: "it ends within a number") }
            let bits = UInt64(byte & 0x7F)
            guard shift < 63 || bits < 2 else { break }
            value |= bits << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw Malformed(reason: "a number has more than 64 bits")
    }

    fileprivate mutating func fixed(_ count: Int) throws -> UInt64 {
        guard rest.count >= count else { throw Malformed(reason: "it ends within a number") }
        var value: UInt64 = 0
        for i in 0..<count { value |= UInt64(rest[rest.startIndex + i]) << UInt64(8 * i) }
        rest = rest[(rest.startIndex + count)...]
        return value
    }
}

extension ProtocolReader.Value {
    /// A field of type bytes, or a message.
    func bytes(_ name: String) throws -> ArraySlice<UInt8> {
        guard case .delimited(let bytes) = self else { throw wrongType(name) }
        return bytes
    }

    /// A field of type string.
    func text(_ name: String) throws -> String {
        guard let text = String(validating: try bytes(name), as: UTF8.self) else {
            throw ProtocolReader.Malformed(reason: "\(name) is no UTF-8 text")
        }
        return text
    }

    /// A field of type int32, int64 or enum.
    func integer(_ name: String) throws -> Int {
        guard case .variable(let bits) = self else { throw wrongType(name) }
        return Int(truncatingIfNeeded: bits)
    }

    /// A field of type float.
    func real(_ name: String) throws -> Float {
        guard case .fixed32(let bits) = self else { throw wrongType(name) }
        return Float(bitPattern: bits)
    }

    /// Appends the elements of a repeated field of type int32 or int64, packed or not.
    func append(to integers: inout [Int], _ name: String) throws {
        guard case .delimited(let bytes) = self else { return integers.append(try integer(name)) }
        var reader = ProtocolReader(bytes)
        while !reader.rest.isEmpty {
            // A byte becomes eight: lists of integers are shapes and the like, never weights.
            guard integers.count < 1 << 20 else {
                throw ProtocolReader.Malformed(reason: "\(name) has more than a million integers")
            }
            integers.append(Int(truncatingIfNeeded: try reader.variable()))
        }
    }

    /// Appends the elements of a repeated field of type float, packed or not.
    func append(to reals: inout [Float], _ name: String) throws {
        guard case .delimited(let bytes) = self else { return reals.append(try real(name)) }
        var reader = ProtocolReader(bytes)
        while !reader.rest.isEmpty { reals.append(Float(bitPattern: UInt32(truncatingIfNeeded: try reader.fixed(4)))) }
    }

    /// Appends the elements of a repeated field of type double, packed or not.
    func append(to doubles: inout [Double], _ name: String) throws {
        if case .fixed64(let bits) = self { return doubles.append(Double(bitPattern: bits)) }
        var reader = ProtocolReader(try bytes(name))
        while !reader.rest.isEmpty { doubles.append(Double(bitPattern: try reader.fixed(8))) }
    }

    private func wrongType(_ name: String) -> ProtocolReader.Malformed {
        ProtocolReader.Malformed(reason: "\(name) has another type")
    }
}
