import CPNG
import CTurboJPEG
import Essentials
import Foundation
import HDF5Files

/// Decodes PNG and JPEG files, in a child process where there is a command for it: libpng and libjpeg-turbo parse bytes
/// from anywhere.
///
/// The rules, one for each case: palettes become colours; grey stays grey, and is three equal channels in a set that
/// has a coloured picture; alpha has to be opaque; 16 bits are scaled to 8; CMYK is refused; EXIF's orientation is not
/// looked at, as in torchvision.
public enum PictureDecoder {
    /// The endings of pictures.
    static let endings = ["png", "jpg", "jpeg"]

    /// The child's work: takes the paths of pictures from standard input, each ended by a NUL, and writes for each
    /// 0, its height and width (UInt32, little-endian) and its pixels as red, green, blue; or 1, a length and a
    /// sentence.
    ///
    /// - Returns: the exit code of the child's process.
    public static func run() -> Int32 {
        var limit = rlimit(rlim_cur: 4 << 30, rlim_max: 4 << 30)
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        limit = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        let paths = FileHandle.standardInput.readDataToEndOfFile().split(separator: 0)
        do {
            for path in paths {
                var record: [UInt8]
                do {
                    let picture = try decode(String(decoding: path, as: UTF8.self))
                    record = [0] + words(picture.height, picture.width) + picture.pixels
                } catch {
                    let message = Array(((error as? Failure)?.message ?? "\(error)").utf8)
                    record = [1] + words(message.count, 0) + message
                }
                try record.withUnsafeBytes { try AtomicFile.writeAll($0, to: STDOUT_FILENO, path: "standard output") }
            }
            return 0
        } catch {
            // Nobody reads any more.
            return ExitCode.inputOutput.rawValue
        }
    }

    /// A picture: red, green, blue for each pixel.
    struct Picture {
        let height: Int
        let width: Int
        let pixels: [UInt8]
    }

    /// Pixels of a picture at most.
    static let mostPixels = 1 << 26

    private static func words(_ a: Int, _ b: Int) -> [UInt8] {
        [a, b].flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    }

    /// Decodes one file in this process.
    ///
    /// - Throws: `Failure` 65 naming the file and what is wrong with it.
    static func decode(_ path: String) throws -> Picture {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw systemFailure(.noInput, "read", path)
        }
        return try data.withUnsafeBytes { bytes in
            if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return try png(bytes, path) }
            if bytes.starts(with: [0xFF, 0xD8]) { return try jpeg(bytes, path) }
            throw Failure(.data, "\(path) is neither a PNG nor a JPEG file")
        }
    }

    private static func png(_ bytes: UnsafeRawBufferPointer, _ path: String) throws -> Picture {
        var image = png_image()
        defer { png_image_free(&image) }
        func refuse() -> Failure {
            let reason = withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            return Failure(.data, "\(path) is damaged: \(reason); copy it again")
        }
        guard png_open(&image, bytes.baseAddress, bytes.count) != 0 else { throw refuse() }
        let (height, width) = (Int(image.height), Int(image.width))
        try demandSize(height, width, path)
        var pixels = [UInt8](repeating: 0, count: 4 * height * width)
        guard png_read_rgba(&image, &pixels) != 0 else { throw refuse() }
        for i in 0..<height * width {
            guard pixels[4 * i + 3] == 255 else {
                throw Failure(.data, "\(path) has pixels that are not opaque; flatten it onto a background")
            }
            for channel in 0..<3 { pixels[3 * i + channel] = pixels[4 * i + channel] }
        }
        pixels.removeLast(height * width)
        return Picture(height: height, width: width, pixels: pixels)
    }

    private static func jpeg(_ bytes: UnsafeRawBufferPointer, _ path: String) throws -> Picture {
        guard let decoder = tjInitDecompress() else { throw Failure(.unavailable, "libjpeg-turbo cannot start") }
        defer { tjDestroy(decoder) }
        func refuse() -> Failure {
            Failure(.data, "\(path) is damaged: \(String(cString: tjGetErrorStr2(decoder))); copy it again")
        }
        let start = bytes.bindMemory(to: UInt8.self).baseAddress
        var (width, height, subsampling, colors): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        guard
            tjDecompressHeader3(decoder, start, UInt(bytes.count), &width, &height, &subsampling, &colors) == 0
        else { throw refuse() }
        guard colors != Int32(TJCS_CMYK.rawValue), colors != Int32(TJCS_YCCK.rawValue) else {
            throw Failure(.data, "\(path) has the colours of print (CMYK); convert it to RGB")
        }
        try demandSize(Int(height), Int(width), path)
        var pixels = [UInt8](repeating: 0, count: 3 * Int(height) * Int(width))
        // A warning, as of a file that is cut off, is an error here.
        guard
            tjDecompress2(
                decoder, start, UInt(bytes.count), &pixels, width, 0, height, Int32(TJPF_RGB.rawValue),
                TJFLAG_ACCURATEDCT) == 0
        else { throw refuse() }
        return Picture(height: Int(height), width: Int(width), pixels: pixels)
    }

    /// Refuses a picture of no pixels, or of too many for memory.
    ///
    /// - Throws: `Failure` 65 naming the file and its size.
    static func demandSize(_ height: Int, _ width: Int, _ path: String) throws {
        guard height > 0, width > 0, height <= mostPixels, width <= mostPixels, height * width <= mostPixels else {
            throw Failure(.data, "\(path) claims \(height) x \(width) pixels; at most \(mostPixels) are read")
        }
    }

    // MARK: The parent's side

    /// Decodes files in order and hands over each picture.
    ///
    /// - Throws: `Failure` 65 naming the file that is damaged or that a library crashes on.
    static func decode(_ paths: [String], _ body: (Int, Picture) throws -> Void) throws {
        let command = UntrustedDecoder.command
        guard let program = command.first, !paths.isEmpty else {
            for (index, path) in paths.enumerated() { try body(index, decode(path)) }
            return
        }
        // The list goes through a file: a pipe might fill while the child waits to write.
        let list = try TemporaryFile.open()
        defer { close(list) }
        let text = Array(paths.joined(separator: "\0").utf8)
        try text.withUnsafeBytes { try AtomicFile.writeAll($0, to: list, path: "the list of pictures") }
        lseek(list, 0, SEEK_SET)
        let (child, pipe) = try spawnPiped(
            program, Array(command.dropFirst()) + ["--pictures"], input: .descriptor(list), reading: paths[0],
            purpose: " to decode pictures")
        defer {
            // A child that still writes ends.
            close(pipe)
            waitForEnd(of: child)
        }
        for (index, path) in paths.enumerated() {
            func take(_ count: Int) throws -> [UInt8] {
                var bytes = [UInt8](repeating: 0, count: count)
                guard try bytes.withUnsafeMutableBytes({ try readFully($0, from: pipe, path: "a pipe") }) == count
                else { throw Failure(.data, "\(path): decoding it crashes: it is damaged; copy it again") }
                return bytes
            }
            let head = try take(9)
            let (first, second) = (head.number(1, 4), head.number(5, 4))
            guard head[0] == 0 else { throw Failure(.data, String(decoding: try take(first), as: UTF8.self)) }
            try demandSize(first, second, path)
            try body(index, Picture(height: first, width: second, pixels: try take(3 * first * second)))
        }
    }
}
