import Essentials
import Foundation
import Kernels

/// Images without labels, of one shape: pictures (PNG, JPEG), folders of pictures, and arrays of images (IDX, NPY).
///
/// A name is a path with parameters, as that of a data set: `PATH:layout=nchw:range=0..1`.
public struct UnlabelledImages: Sendable {
    /// A file with its images.
    private enum Source {
        case picture(String)
        case array(ArrayPixels, count: Int)
    }

    /// The shape of all images.
    public let shape: ImageShape
    private let sources: [Source]

    /// Finds the images of some names and looks at their headers.
    ///
    /// - Throws: `Failure` 66 where there is no such file or folder; 65 naming a file that is damaged, of no such
    ///   format or of another shape; 64 for a parameter that is none.
    public init(_ names: [String], shape: ImageShape) throws {
        self.shape = shape
        sources = try names.flatMap { try Self.sources($0, shape) }
    }

    /// The number of images.
    public var count: Int {
        sources.reduce(0) { sum, source in
            if case .array(_, let count) = source { sum + count } else { sum + 1 }
        }
    }

    /// Reads all images in order. `body` takes the path of an image's file, its number in the file from 0 on (nil for a
    /// picture), and its pixels, height x width x channels.
    ///
    /// - Throws: `Failure` 65 naming the file that is damaged, and what `body` throws.
    public func forEach(_ body: (_ path: String, _ index: Int?, _ pixels: UnsafeRawBufferPointer) throws -> Void) throws
    {
        var rest = sources[...]
        while let source = rest.first {
            if case .array(let reader, let count) = source {
                try Self.read(reader, count: count) { try body(reader.images.path, $0, $1) }
                rest.removeFirst()
                continue
            }
            // Pictures in a row are decoded by one process.
            let paths = rest.prefix { if case .picture = $0 { true } else { false } }.compactMap {
                if case .picture(let path) = $0 { path } else { nil }
            }
            try PictureDecoder.decode(paths) { index, picture in
                try Self.withPixels(picture, shape, paths[index]) { try body(paths[index], nil, $0) }
            }
            rest.removeFirst(paths.count)
        }
    }

    // MARK: Headers

    private static func sources(_ name: String, _ shape: ImageShape) throws -> [Source] {
        var cut = name
        let options = try DataOptions(cutFrom: &cut)
        let path = cut
        guard FileManager.default.fileExists(atPath: path) else { throw systemFailure(.noInput, "read", path) }
        if FileManager.default.isDirectory(path) {
            let pictures = try pictures(in: path)
            guard !pictures.isEmpty else { throw Failure(.data, "\(path) holds no pictures (PNG, JPEG)") }
            for picture in pictures { try check(try PictureHeader(picture), picture, shape) }
            return pictures.map { .picture($0) }
        }
        let bare = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
        let ending = (bare as NSString).pathExtension.lowercased()
        if PictureDecoder.endings.contains(ending) {
            try check(try PictureHeader(path), path, shape)
            return [.picture(path)]
        }
        let array: DataArray
        if ending == "npy" {
            array = try NPYHeader.array(label: path, path: path) { try FileStream(path) }
        } else {
            let file = ContentFile(path: path)
            guard let magic = try? file.head(4), magic[0] == 0, magic[1] == 0 else {
                throw Failure(.data, "\(path) is no picture (PNG, JPEG) and no array of images (IDX, NPY)")
            }
            array = try IDXHeader.array(file)
        }
        return [try source(array, shape, options)]
    }

    /// The pictures of a folder, in the order of their names.
    private static func pictures(in folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter {
                PictureDecoder.endings.contains(($0 as NSString).pathExtension.lowercased())
            }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(folder)/\($0)" }
        } catch { throw Failure(.noInput, "cannot list the directory \(folder): \(error.localizedDescription)") }
    }

    private static func check(_ header: PictureHeader, _ path: String, _ shape: ImageShape) throws {
        guard header.height == shape.height, header.width == shape.width else {
            throw Failure(
                .data,
                "\(path) has \(header.height) x \(header.width) pixels, the network takes \(shape.height) x "
                    + "\(shape.width): bring it to that size")
        }
        guard shape.channels == 3 || shape.channels == 1 && !header.isColoured else {
            throw Failure(
                .data,
                "\(path) is a picture \(header.isColoured ? "in colour" : "of grey"), the network takes images of "
                    + "\(shape.channels) \(shape.channels == 1 ? "channel: convert it to grey" : "channels")")
        }
    }

    /// An array of images of the shape, or one such image.
    private static func source(_ array: DataArray, _ shape: ImageShape, _ options: DataOptions) throws -> Source {
        let (h, w, c) = (shape.height, shape.width, shape.channels)
        var forms: [(PixelLayout, [Int])] = [(.nhwc, [h, w, c]), (.nchw, [c, h, w])]
        if c == 1 { forms.append((.nhwc, [h, w])) }
        forms = forms.filter { options.layout == nil || $0.0 == options.layout || c == 1 }
        var images = array
        var fitting = forms.filter { $0.1 == Array(array.shape.dropFirst()) }
        if fitting.isEmpty {
            fitting = forms.filter { $0.1 == array.shape }
            images = array.asOneRow
        }
        let layouts = Set(fitting.map(\.0))
        guard let layout = layouts.first else {
            throw Failure(
                .data,
                "\(array.label) has the shape \(array.shape); the network takes images of \(shape): [N, \(h), \(w), "
                    + "\(c)] or [N, \(c), \(h), \(w)]")
        }
        guard layouts.count == 1 || c == 1 else {
            throw Failure(
                .data,
                "\(array.label) has the shape \(array.shape), which does not tell the channels: say :layout=nhwc or "
                    + ":layout=nchw behind the path")
        }
        try ArrayPixels.checkRange(array, options.range)
        return .array(
            ArrayPixels(images: images, layout: c == 1 ? .nhwc : layout, shape: shape, range: options.range),
            count: images.shape[0])
    }

    // MARK: Content

    private static func read(
        _ reader: ArrayPixels, count: Int, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let before = try FileState(reader.images.path)
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: reader.shape.count, alignment: 16)
        defer { scratch.deallocate() }
        let rowBytes = reader.shape.count * reader.images.kind.width
        try reader.images.streamRows { first, bytes in
            for row in 0..<bytes.count / rowBytes {
                let source = UnsafeRawBufferPointer(rebasing: bytes[row * rowBytes..<(row + 1) * rowBytes])
                try body(first + row, try reader.bytes(source, index: first + row, scratch: scratch))
            }
        }
        guard try FileState(reader.images.path) == before else {
            throw Failure(.data, "\(reader.images.path) changed while it was read; run again when it is complete")
        }
    }

    /// A picture's red, green and blue, or its grey.
    private static func withPixels(
        _ picture: PictureDecoder.Picture, _ shape: ImageShape, _ path: String,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard picture.height == shape.height, picture.width == shape.width else {
            throw Failure(.data, "\(path) changed while it was read; run again when it is complete")
        }
        guard shape.channels == 1 else { return try picture.pixels.withUnsafeBytes(body) }
        try (0..<shape.area).map { picture.pixels[3 * $0] }.withUnsafeBytes(body)
    }
}

extension DataArray {
    /// The array as the only row of another.
    fileprivate var asOneRow: DataArray {
        DataArray(label: label, path: path, kind: kind, isBigEndian: isBigEndian, shape: [1] + shape, open: open)
    }
}
