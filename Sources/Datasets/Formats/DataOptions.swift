import Essentials
import Foundation

/// The parameters of a data set that is named by a path, `PATH:key=value:key=value`, in the syntax of attacks.
///
/// - `images`, `labels`, `test-images`, `test-labels`: the names of the arrays in a file that holds several.
/// - `layout`: `nhwc` or `nchw`, where the shape of the images allows both.
/// - `range`: `LOW..HIGH`, the values that become 0 and 255, for images that are not bytes.
/// - `first-label`: the label of the first class, 0 by default.
/// - `test-share`: the share of the images that becomes the test split where the files have none, drawn by `seed` (1).
/// - `test-split`: `stratified`, the same share of each class, or `random`, among all images alike.
/// - `size`: `HEIGHTxWIDTH` that pictures are cropped and scaled to.
/// - `part`: a part of a set that is for evaluation alone, `fog/3`.
struct DataOptions: Equatable, Sendable {
    var images: String?
    var labels: String?
    var testImages: String?
    var testLabels: String?
    var layout: PixelLayout?
    var range: ClosedRange<Double>?
    var firstLabel: Int?
    var testShare: Double?
    var testSplit = SplitRule.stratified
    var seed: UInt64 = 1
    var size: PictureSize?
    var part: String?

    private static let keys = [
        "images", "labels", "test-images", "test-labels", "layout", "range", "first-label", "test-share", "test-split",
        "seed", "size", "part",
    ]
    /// The parameters of arrays in files.
    static let ofArrays: Set = [
        "images", "labels", "test-images", "test-labels", "layout", "range", "first-label",
    ]
    /// The parameters of every format: a test split is drawn whatever the files are.
    static let ofAll: Set = ["test-share", "test-split", "seed"]

    /// The parameters that the name has.
    private(set) var given: Set<String> = []

    init() {}

    /// Cuts the parameters off a name.
    ///
    /// - Throws: `Failure` 64 naming the parameter that is wrong.
    init(cutFrom name: inout String) throws {
        var parts = name.split(separator: ":", omittingEmptySubsequences: false)
        var pairs: [(key: String, value: String)] = []
        while parts.count > 1, let last = parts.last, let equals = last.firstIndex(of: "="),
            !last.contains("/") || Self.isKey(last)
        {
            pairs.append((String(last[..<equals]), String(last[last.index(after: equals)...])))
            parts.removeLast()
        }
        name = parts.joined(separator: ":")
        for (key, value) in pairs.reversed() { try set(key, value, of: name) }
    }

    /// A name without the parameter `part`.
    static func withoutPart(_ name: String) throws -> String {
        var rest = name
        guard try DataOptions(cutFrom: &rest).part != nil else { return name }
        return name.split(separator: ":", omittingEmptySubsequences: false).filter { !$0.hasPrefix("part=") }
            .joined(separator: ":")
    }

    private static func isKey(_ part: Substring) -> Bool { keys.contains { part.hasPrefix($0 + "=") } }

    private mutating func set(_ key: String, _ value: String, of name: String) throws {
        func refuse(_ wanted: String) -> Failure {
            Failure(.usage, "data set '\(name)': \(key)=\(value) should be \(wanted)")
        }
        given.insert(key)
        switch key {
        case "images": images = value
        case "labels": labels = value
        case "test-images": testImages = value
        case "test-labels": testLabels = value
        case "layout":
            guard let found = PixelLayout(rawValue: value) else { throw refuse("nhwc or nchw") }
            layout = found
        case "range":
            let bounds = value.components(separatedBy: "..").compactMap(Double.init)
            guard bounds.count == 2, bounds.allSatisfy(\.isFinite), bounds[0] < bounds[1] else {
                throw refuse("LOW..HIGH, as 0..1")
            }
            range = bounds[0]...bounds[1]
        case "first-label":
            guard let number = Int(value), (-1_000_000...1_000_000).contains(number) else {
                throw refuse("a whole number")
            }
            firstLabel = number
        case "test-share":
            guard let share = Double(value), share > 0, share < 1 else { throw refuse("between 0 and 1") }
            testShare = share
        case "test-split":
            guard let rule = SplitRule(rawValue: value) else { throw refuse("stratified or random") }
            testSplit = rule
        case "size":
            let sides = value.split(separator: "x", omittingEmptySubsequences: false).compactMap { Int($0) }
            guard sides.count == 2, sides.allSatisfy({ (1...4096).contains($0) }) else {
                throw refuse("HEIGHTxWIDTH in pixels, as 96x96")
            }
            size = PictureSize(height: sides[0], width: sides[1])
        case "part": part = value
        case "seed":
            guard let number = UInt64(value) else { throw refuse("a whole number of at least 0") }
            seed = number
        default: throw Failure(.usage, "data set '\(name)': " + unknownName("parameter", key, among: Self.keys))
        }
    }
}

/// The order of the axes of images in a file.
enum PixelLayout: String, Sendable {
    /// Images, rows, columns, channels.
    case nhwc
    /// Images, channels, rows, columns.
    case nchw
    /// Images, channels, columns, rows: MATLAB's order of an array [rows, columns, channels, images].
    case ncwh
}
