import Essentials
import Foundation
import Kernels

/// The images and labels of one split, each an array of a file.
struct ArraySplit: Sendable {
    let images: DataArray
    let labels: DataArray
    let layout: PixelLayout
    let shape: ImageShape
    /// The values that become 0 and 255; nil for bytes.
    let range: ClosedRange<Double>?
    /// The label that becomes class 0.
    let firstLabel: Int

    var count: Int { images.shape[0] }

    /// Understands two arrays as a split.
    ///
    /// - Parameter layout: as the options say, or as the format has it; nil: told from the shape.
    /// - Throws: `Failure` 65 naming the array and what to say where it cannot be understood.
    init(images: DataArray, labels: DataArray, layout: PixelLayout?, _ options: DataOptions) throws {
        self.images = try images.checked()
        self.labels = try labels.checked()
        range = options.range
        firstLabel = options.firstLabel ?? 0
        let s = images.shape
        guard s.count == 3 || s.count == 4, s.dropFirst().allSatisfy({ $0 > 0 }) else {
            throw Failure(
                .data, "\(images.label) has the shape \(s); images are [N, H, W], [N, H, W, C] or [N, C, H, W]")
        }
        guard labels.rowCount == 1, labels.shape.count >= 1 else {
            throw Failure(
                .data, "\(labels.label) has the shape \(labels.shape); labels are [N] or [N, 1], one class an image")
        }
        guard labels.shape[0] == s[0] else {
            throw Failure(
                .data, "\(images.label) holds \(s[0]) images but \(labels.label) \(labels.shape[0]) labels")
        }
        try ArrayPixels.checkRange(images, range)
        if s.count == 3 {
            self.layout = layout == .ncwh ? .ncwh : .nhwc
            shape =
                layout == .ncwh
                ? ImageShape(height: s[2], width: s[1], channels: 1)
                : ImageShape(height: s[1], width: s[2], channels: 1)
            return
        }
        self.layout = try layout ?? ArraySplit.layout(of: s, images.label)
        shape =
            switch self.layout {
            case .nhwc: ImageShape(height: s[1], width: s[2], channels: s[3])
            case .nchw: ImageShape(height: s[2], width: s[3], channels: s[1])
            case .ncwh: ImageShape(height: s[3], width: s[2], channels: s[1])
            }
    }

    /// The layout that a shape of four axes tells: pictures have 1 to 4 channels.
    private static func layout(of shape: [Int], _ label: String) throws -> PixelLayout {
        let (first, last) = ((1...4).contains(shape[1]), (1...4).contains(shape[3]))
        guard first != last else {
            throw Failure(
                .data,
                "\(label) has the shape \(shape), which does not tell the channels: say :layout=nhwc or :layout=nchw "
                    + "behind the data set's path")
        }
        return first ? .nchw : .nhwc
    }

    /// The classes of the split's images, from `firstLabel` on.
    ///
    /// - Throws: `Failure` 65 where a label is below the first or beyond 256 classes.
    func classes() throws -> [UInt8] {
        try labels.integers().enumerated().map { index, label in
            guard let label = UInt8(exactly: label &- firstLabel) else {
                throw Failure(
                    .data,
                    "\(labels.label): the label of image \(index) is \(label), expected \(firstLabel)..."
                        + "\(firstLabel + 255): a data set has at most 256 classes; labels are class numbers, the "
                        + "first one \(firstLabel) (:first-label=N says another)")
            }
            return label
        }
    }

    /// Reads and verifies both arrays whole and hands over the images whose index is `wanted`.
    func stream(
        classes: Int, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        let before = try FileState(images.path)
        let digest = RunningDigest()
        let labelDigest = RunningDigest()
        let count = shape.count
        let reader = ArrayPixels(images: images, layout: layout, shape: shape, range: range)
        let converted = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { converted.deallocate() }
        let rowBytes = images.rowCount * images.kind.width
        var indices: [Int32] = []
        try images.streamRows { first, bytes in
            for row in 0..<bytes.count / rowBytes {
                let source = UnsafeRawBufferPointer(rebasing: bytes[row * rowBytes..<(row + 1) * rowBytes])
                let pixels = try reader.bytes(source, index: first + row, scratch: converted)
                digest.update(pixels)
                guard wanted(first + row) else { continue }
                indices.append(Int32(first + row))
                try image(first + row, pixels)
            }
        }
        let imageDigest = digest.soFar
        let all = try self.classes()
        if let bad = all.firstIndex(where: { Int($0) >= classes }) {
            throw Failure(
                .data,
                "\(labels.label): the label of image \(bad) is \(Int(all[bad]) + firstLabel), expected "
                    + "\(firstLabel)...\(firstLabel + classes - 1)")
        }
        all.withUnsafeBytes {
            digest.update($0)
            labelDigest.update($0)
        }
        guard try FileState(images.path) == before else {
            throw Failure(.data, "\(images.path) changed while it was read; run again when it is complete")
        }
        return StreamedImages(
            indices: indices, labels: indices.map { all[Int($0)] }, contentDigest: digest.finish(),
            files: [
                FileReport(path: images.label, digest: imageDigest, isOfficial: nil),
                FileReport(path: labels.label, digest: labelDigest.finish(), isOfficial: nil),
            ])
    }
}

/// The state of a file by which a change is noticed.
struct FileState: Equatable {
    private let size: Int
    private let inode: UInt64
    private let seconds: Int
    private let nanoseconds: Int

    init(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw systemFailure(.noInput, "read", path) }
        size = Int(status.st_size)
        inode = UInt64(status.st_ino)
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
}
