/// The checksum of gzip files (RFC 1952, section 8), eight bytes at a time.
struct CRC32 {
    private var register: UInt32 = 0xFFFF_FFFF

    /// The checksum of the bytes so far.
    var value: UInt32 { ~register }

    /// Adds bytes.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        CRC32.tables.withUnsafeBufferPointer { table in
            var crc = register
            var i = 0
            while i + 8 <= bytes.count {
                let word =
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)) ^ UInt64(crc)
                crc = 0
                for k in 0..<8 { crc ^= table[(7 - k) * 256 + Int(truncatingIfNeeded: (word >> UInt64(8 * k)) & 255)] }
                i += 8
            }
            while i < bytes.count {
                crc = (crc >> 8) ^ table[Int((crc ^ UInt32(bytes[i])) & 255)]
                i += 1
            }
            register = crc
        }
    }

    /// Row k: the effect of a byte that k further bytes follow.
    private static let tables: [UInt32] = {
        var table: [UInt32] = []
        for byte in UInt32(0)..<256 {
            var crc = byte
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
            table.append(crc)
        }
        for i in 256..<2048 { table.append((table[i - 256] >> 8) ^ table[Int(table[i - 256] & 255)]) }
        return table
    }()
}
