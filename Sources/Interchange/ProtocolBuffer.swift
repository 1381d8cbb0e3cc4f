/// A message of Protocol Buffers, as its bytes: fields are appended in the order of the calls, 0 and empty ones too.
///
/// The encoding: https://protobuf.dev/programming-guides/encoding/.
struct ProtocolBuffer {
    private(set) var bytes: [UInt8] = []

    private enum WireType: UInt64 { case variable = 0, delimited = 2, fixed32 = 5 }

    /// Appends a field of type int32, int64 or enum, not negative.
    mutating func add(_ field: Int, _ value: Int) {
        tag(field, .variable)
        variable(UInt64(value))
    }

    /// Appends a field of type float.
    mutating func add(_ field: Int, _ value: Float) {
        tag(field, .fixed32)
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }

    /// Appends a field of type string.
    mutating func add(_ field: Int, _ text: String) { add(field, bytes: Array(text.utf8)) }

    /// Appends a field that is a message.
    mutating func add(_ field: Int, _ message: ProtocolBuffer) { add(field, bytes: message.bytes) }

    /// Appends a field of type bytes.
    mutating func add(_ field: Int, bytes content: [UInt8]) {
        tag(field, .delimited)
        variable(UInt64(content.count))
        bytes += content
    }

    private mutating func tag(_ field: Int, _ type: WireType) { variable(UInt64(field) << 3 | type.rawValue) }

    /// Seven bits a byte, the lowest first.
    private mutating func variable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
