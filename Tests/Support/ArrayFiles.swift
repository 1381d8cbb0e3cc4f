/// Files of NumPy and zip, written byte by byte.
public enum NumPy {
    /// An array of a type, as NumPy writes it (`<f4`), and a shape.
    public static func npy(_ type: String, _ shape: [Int], _ content: [UInt8], fortran: Bool = false) -> [UInt8] {
        let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var text = "{'descr': '\(type)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(extents)), }"
        while (10 + text.utf8.count + 1) % 64 != 0 { text += " " }
        text += "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0] + bytes(of: text.utf8.count, 2) + Array(text.utf8) + content
    }

    /// An archive of members, stored or in one stored block of deflate each.
    ///
    /// - Parameters:
    ///   - claimed: the size that each member claims to have, nil for its own.
    ///   - flags: the members' flags.
    public static func zip(
        _ members: [(name: String, content: [UInt8])], claimed: Int? = nil, flags: Int = 0, isDeflated: Bool = false
    ) -> [UInt8] {
        var (file, directory): ([UInt8], [UInt8]) = ([], [])
        for (name, content) in members {
            let block = [1] + bytes(of: content.count, 2) + bytes(of: ~content.count, 2)
            let stored = isDeflated ? block + content : content
            let facts =
                bytes(of: flags, 2) + bytes(of: isDeflated ? 8 : 0, 2) + bytes(of: 0, 4)
                + bytes(of: Int(checksum(content)), 4) + bytes(of: stored.count, 4)
                + bytes(of: claimed ?? content.count, 4) + bytes(of: name.utf8.count, 2) + bytes(of: 0, 2)
            directory += bytes(of: 0x0201_4B50, 4) + bytes(of: 20, 2) + bytes(of: 20, 2) + facts
            directory += bytes(of: 0, 10) + bytes(of: file.count, 4) + Array(name.utf8)
            file += bytes(of: 0x0403_4B50, 4) + bytes(of: 20, 2) + facts + Array(name.utf8) + stored
        }
        let end =
            bytes(of: 0x0605_4B50, 4) + bytes(of: 0, 4) + bytes(of: members.count, 2) + bytes(of: members.count, 2)
        return file + directory + end + bytes(of: directory.count, 4) + bytes(of: file.count, 4) + bytes(of: 0, 2)
    }
}

/// Files of MATLAB, version 5.
public enum MATLAB {
    /// A file of matrices of bytes: shapes with the fastest axis first.
    public static func file(_ matrices: [(name: String, shape: [Int], content: [UInt8])]) -> [UInt8] {
        func part(_ type: Int, _ content: [UInt8]) -> [UInt8] {
            bytes(of: type, 4) + bytes(of: content.count, 4) + content
                + [UInt8](repeating: 0, count: (8 - content.count % 8) % 8)
        }
        let text = Array("MATLAB 5.0 MAT-file".utf8)
        let head = text + [UInt8](repeating: 0x20, count: 124 - text.count) + [0, 1, 0x49, 0x4D]
        return head
            + matrices.flatMap { name, shape, content -> [UInt8] in
                let body =
                    part(6, bytes(of: 9, 4) + bytes(of: 0, 4)) + part(5, shape.flatMap { bytes(of: $0, 4) })
                    + part(1, Array(name.utf8)) + part(2, content)
                return bytes(of: 14, 4) + bytes(of: body.count, 4) + body
            }
    }
}

/// The CRC-32 of gzip and zip.
public func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { crc, byte in crc >> 8 ^ remainders[Int((crc ^ UInt32(byte)) & 255)] }
}

private let remainders: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
}

/// A number's low bytes, the lowest first; 0 above 64 bits.
private func bytes(of value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
