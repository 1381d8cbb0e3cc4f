/// A message of Protocol Buffers, as its bytes: fields are appended in the order of the calls, 0 and empty ones too.
///
/// The encoding: https://protobuf.dev/programming-guides/encoding/.
package struct ProtocolBuffer {
    /// The fields so far.
    package private(set) var bytes: [UInt8] = []

    private enum WireType: UInt64 { case variable = 0, fixed64 = 1, delimited = 2, fixed32 = 5 }

    /// Makes an empty message.
    package init() {}

    /// Appends a field of type int32, int64 or enum, not negative.
    package mutating func add(_ field: Int, _ value: Int) {
        tag(field, .variable)
        variable(UInt64(value))
    }

    /// Appends a field of type float.
    package mutating func add(_ field: Int, _ value: Float) {
        tag(field, .fixed32)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
    }

    /// Appends a field of type double.
    package mutating func add(_ field: Int, _ value: Double) {
        tag(field, .fixed64)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
    }

    /// Appends a field of type string.
    package mutating func add(_ field: Int, _ text: String) { add(field, bytes: Array(text.utf8)) }

    /// Appends a field that is a message.
    package mutating func add(_ field: Int, _ message: ProtocolBuffer) { add(field, bytes: message.bytes) }

    /// Appends a field of type bytes.
    package mutating func add(_ field: Int, bytes content: [UInt8]) {
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
