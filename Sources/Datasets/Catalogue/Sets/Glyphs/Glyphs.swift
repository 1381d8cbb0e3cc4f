import Essentials
import Kernels

/// The built-in data set: digits of 28 x 28 pixels, drawn from strokes in several writing styles with random shapes,
/// sizes, places and pens. Image i of a split is always the same one; each is drawn when it is read.
struct Glyphs: DataFiles {
    enum Part: Int, Sendable {
        case train = 0
        case test = 1

        var count: Int { self == .train ? 12_000 : 2_000 }

        /// SHA-256 of all images and labels as the IDX files that `writeIDX` makes; a test draws them all to check it.
        var digest: String {
            switch self {
            case .train: "8644cb07af4d34f0c7777a95eb3680b51af932f8d1a18d506c4265b7c5bdfa69"
            case .test: "0947ca7b21e87c8daeabc1d49bcd67bc6839db6357fd755ca60295553df66ecc"
            }
        }
    }

    var shape: ImageShape { Self.shape }
    var classes: Int { 10 }
    var classNames: [String]? { nil }
    var trainCount: Int { Part.train.count }
    var testCount: Int { Part.test.count }
    var paths: [String] { [] }

    static let shape = ImageShape(height: GlyphPen.side, width: GlyphPen.side, channels: 1)

    /// Names the set of images; a change makes another data set.
    private static let seed: UInt64 = 0x676C_7970_6873

    /// Draws the images whose index is `wanted`, and hands them over.
    func stream(
        _ split: Split, wanted: (Int) -> Bool, image: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws -> StreamedImages {
        let part = split == .test ? Part.test : .train
        var indices: [Int32] = []
        var labels: [UInt8] = []
        var pixels = [UInt8](repeating: 0, count: shape.count)
        for index in (0..<part.count).filter(wanted) {
            var pen = GlyphPen(seed: Self.seed, index: index, part: part.rawValue)
            for i in pixels.indices { pixels[i] = 0 }
            pixels.withUnsafeMutableBufferPointer { pixels in
                if let base = pixels.baseAddress { labels.append(pen.draw(into: base)) }
            }
            indices.append(Int32(index))
            try pixels.withUnsafeBytes { try image(index, $0) }
        }
        return StreamedImages(indices: indices, labels: labels, contentDigest: part.digest, files: [])
    }
}
