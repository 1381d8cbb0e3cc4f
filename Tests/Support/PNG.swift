/// Pictures of the format PNG, written byte by byte.
public enum PNG {
    /// A PNG file of stored deflate blocks: kind 0 grey, 2 colour, 4 and 6 with alpha; 8 or 16 bits.
    public static func file(_ width: Int, _ height: Int, kind: UInt8, bits: UInt8 = 8, _ samples: [UInt8]) -> [UInt8] {
        func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
            word(content.count) + Array(name.utf8) + content + word(Int(checksum(Array(name.utf8) + content)))
        }
        let row = samples.count / height
        let raw = (0..<(row > 0 ? height : 0)).flatMap { [0] + samples[$0 * row..<($0 + 1) * row] }
        var (a, b) = (1, 0)
        for byte in raw {
            a = (a + Int(byte)) % 65_521
            b = (b + a) % 65_521
        }
        let (low, high) = (UInt8(raw.count & 255), UInt8(raw.count >> 8))
        let packed = [0x78, 0x01, 1, low, high, ~low, ~high] + raw + word(b << 16 | a)
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            + chunk("IHDR", word(width) + word(height) + [bits, kind, 0, 0, 0]) + chunk("IDAT", packed)
            + chunk("IEND", [])
    }
}
