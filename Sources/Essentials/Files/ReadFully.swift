import Foundation

/// Reads an open file until a buffer is full or the file ends.
///
/// - Parameters:
///   - offset: where in the file; nil: at the descriptor's position, which moves on.
///   - path: for the message.
///   - code: of the failure.
/// - Returns: the bytes read.
/// - Throws: `Failure` of that code where a read fails.
package func readFully(
    _ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int? = nil, path: String,
    failingWith code: ExitCode = .inputOutput
) throws -> Int {
    var filled = 0
    while filled < buffer.count {
        let (start, left) = (buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
        let got = offset.map { pread(descriptor, start, left, off_t($0 + filled)) } ?? read(descriptor, start, left)
        if got < 0 && errno == EINTR { continue }
        guard got >= 0 else { throw systemFailure(code, "read", path) }
        if got == 0 { break }
        filled += got
    }
    return filled
}
