import CCrypto

/// A running message digest, by OpenSSL's libcrypto.
public struct Digest: ~Copyable {
    /// The algorithms in use: SHA-256 for our own files, MD5 where a data set's publisher gives nothing else.
    public enum Algorithm: Sendable { case sha256, md5 }

    private let context: OpaquePointer

    /// Starts a digest.
    public init(_ algorithm: Algorithm = .sha256) {
        guard let context = EVP_MD_CTX_new(),
            EVP_DigestInit_ex(context, algorithm == .sha256 ? EVP_sha256() : EVP_md5(), nil) == 1
        else { preconditionFailure("libcrypto has no \(algorithm)") }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// Adds the bytes of a contiguous collection of trivial elements, in memory order (little-endian here).
    public func update<Element: BitwiseCopyable>(_ elements: [Element]) {
        elements.withUnsafeBytes { update($0) }
    }

    /// Adds a string's UTF-8.
    public func update(_ text: String) { update(Array(text.utf8)) }

    /// The digest of what was added so far; more may be added.
    public func soFar() -> [UInt8] {
        let copy = Digest()
        guard EVP_MD_CTX_copy_ex(copy.context, context) == 1 else { preconditionFailure("libcrypto copies no digest") }
        return copy.finish()
    }

    /// Ends the digest and returns its bytes: 32 for SHA-256, 16 for MD5.
    public consuming func finish() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        EVP_DigestFinal_ex(context, &bytes, &count)
        return Array(bytes.prefix(Int(count)))
    }

    /// The digest of some bytes.
    public static func of(_ bytes: UnsafeRawBufferPointer, _ algorithm: Algorithm = .sha256) -> [UInt8] {
        let digest = Digest(algorithm)
        digest.update(bytes)
        return digest.finish()
    }
}

extension Sequence<UInt8> {
    /// The bytes in hexadecimal, lower case.
    public var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
