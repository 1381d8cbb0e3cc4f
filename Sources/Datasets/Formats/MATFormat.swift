import Essentials
import Foundation

/// MATLAB's files of version 5, as SVHN is published: `train_32x32.mat` and `test_32x32.mat`, each with X [32, 32, 3,
/// N] and y [N, 1]; or one .mat file with named arrays. Label 10 of SVHN's is the digit 0. Version 7.3 is HDF5 with all
/// axes in reverse, and refused under any name. Source: MAT-File Format, MathWorks, "Level 5 MAT-File Format".
enum MATFormat: DataFormat {
    static let name = "MATLAB, version 5"
    static let endings = ["mat"]
    static let parameters = DataOptions.ofArrays

    static func open(_ request: DataRequest) throws -> DataOpening {
        guard (request.path as NSString).pathExtension.lowercased() == "mat" else {
            let names = ["train_32x32.mat", "test_32x32.mat"]
            for name in names where !FileManager.default.fileExists(atPath: request.file(name)) {
                return .missing("lacks \(name)")
            }
            let splits = try names.map { try split(MATFile(request.file($0)), request.options) }
            return .found(try ArrayFiles(splits[0], splits[1]))
        }
        let file = try MATFile(request.path)
        if request.options.images == nil, file.names.contains("X"), file.names.contains("y") {
            return .found(try ArrayFiles(split(file, request.options), nil))
        }
        return .found(try ArrayFiles(file, layout: .ncwh, request.options))
    }

    private static func split(_ file: MATFile, _ options: DataOptions) throws -> ArraySplit {
        let labels = try file.array("y")
        return try ArraySplit(
            images: try file.array("X"), labels: try labels.mapped(from: 10, to: 0), layout: .ncwh, options)
    }
}

extension DataArray {
    /// An array of bytes with one value replaced by another; one of another type as it is.
    fileprivate func mapped(from old: UInt8, to new: UInt8) throws -> DataArray {
        guard kind == .uint8 else { return self }
        let open = open
        return DataArray(label: label, path: path, kind: kind, isBigEndian: isBigEndian, shape: shape) {
            ReplacingStream(try open(), old, new)
        }
    }
}

private final class ReplacingStream: ByteStream {
    private let source: any ByteStream
    private let old: UInt8
    private let new: UInt8

    init(_ source: any ByteStream, _ old: UInt8, _ new: UInt8) {
        (self.source, self.old, self.new) = (source, old, new)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let got = try source.read(into: buffer)
        for i in 0..<got where buffer[i] == old { buffer[i] = new }
        return got
    }
}

/// The numeric arrays of a MAT file of version 5, little-endian, compressed or not. Axes are reversed, so that the
/// bytes are in row-major order. Own reader: a file from anywhere is parsed here.
struct MATFile: ArrayCollection {
    private struct Variable: Sendable {
        let kind: NumberKind
        /// Row-major, so MATLAB's extents in reverse.
        let shape: [Int]
        /// The element in the file, behind its tag.
        let offset: Int
        let stored: Int
        let isCompressed: Bool
        /// The place of the numbers in the element, decompressed.
        let dataOffset: Int
    }

    let path: String
    private let variables: [String: Variable]

    var label: String { path }
    var names: [String] { variables.keys.sorted() }

    /// Types of numbers (table 1-1), by their code.
    private static let kinds: [Int: NumberKind] = [
        1: .int8, 2: .uint8, 3: .int16, 4: .uint16, 5: .int32, 6: .uint32, 7: .float32, 9: .float64, 12: .int64,
        13: .uint64,
    ]
    private static let (matrix, compressed) = (14, 15)

    init(_ path: String) throws {
        self.path = path
        let file = try FileStream(path)
        func refuse(_ reason: String) -> Failure { Failure(.data, "\(path) \(reason)") }
        var head = [UInt8](repeating: 0, count: 128)
        guard try head.withUnsafeMutableBytes({ try file.readFully(into: $0) }) == 128,
            head.starts(with: Array("MATLAB".utf8)), head.number(126, 2) == 0x4D49, head.number(124, 2) == 0x0100
        else {
            try Self.refuseLater(head, path)
            throw refuse("is no MAT file of version 5, little-endian; save it with -v7")
        }
        var variables: [String: Variable] = [:]
        var at = 128
        while at < file.size {
            guard variables.count < 1_000 else { throw refuse("holds more than 1000 arrays") }
            let tag = try Self.bytes(path, at, 8, isCompressed: false, skipping: 0)
            let (type, count) = (tag.number(0, 4), tag.number(4, 4))
            guard tag.count == 8, type == Self.matrix || type == Self.compressed, at + 8 + count <= file.size else {
                throw refuse("is cut off or damaged; copy it again")
            }
            let isCompressed = type == Self.compressed
            let element = try Self.bytes(
                path, isCompressed ? at + 8 : at, isCompressed ? count : count + 8, isCompressed: isCompressed,
                skipping: 0, upTo: 4_096)
            if let (name, variable) = Self.variable(
                element, offset: isCompressed ? at + 8 : at, stored: isCompressed ? count : count + 8, isCompressed)
            {
                variables[name] = variable
            }
            at += 8 + count
        }
        self.variables = variables
    }

    /// Refuses a file of version 7.3 by its first bytes. Read as other HDF5 files are, its images would be transposed.
    ///
    /// - Throws: `Failure` 65 saying what to do.
    static func refuseLater(_ head: [UInt8], _ path: String) throws {
        guard head.starts(with: Array("MATLAB 7.3".utf8)) else { return }
        throw Failure(
            .data,
            "\(path) is a MAT file of version 7.3, whose axes are in reverse: save it with -v7, or its arrays as .npz")
    }

    func array(_ name: String) throws -> DataArray {
        guard let variable = variables[name] else {
            throw Failure(
                .data, "\(path) has no array '\(name)'; it holds \(names.prefix(20).joined(separator: ", "))")
        }
        let path = path
        return try DataArray(label: "\(path):\(name)", path: path, kind: variable.kind, shape: variable.shape) {
            let count = variable.shape.reduce(variable.kind.width, *)
            guard variable.isCompressed else {
                guard variable.dataOffset + count <= variable.stored else {
                    throw StreamDamage(reason: "its numbers go beyond its element")
                }
                return try SectionStream(path, offset: variable.offset + variable.dataOffset, count: count)
            }
            let section = try SectionStream(path, offset: variable.offset, count: variable.stored)
            let stream = try InflateStream(section, .zlib)
            try stream.skip(variable.dataOffset)
            return CutStream(stream, count: count)
        }.checked()
    }

    /// The first bytes of an element's content.
    private static func bytes(
        _ path: String, _ offset: Int, _ count: Int, isCompressed: Bool, skipping: Int, upTo most: Int = 8
    ) throws -> [UInt8] {
        do {
            let section = try SectionStream(path, offset: offset, count: count)
            let stream: any ByteStream = isCompressed ? try InflateStream(section, .zlib) : section
            var bytes = [UInt8](repeating: 0, count: isCompressed ? most : min(most, count))
            let got = try bytes.withUnsafeMutableBytes { try stream.readFully(into: $0) }
            return Array(bytes.prefix(got))
        } catch let damage as StreamDamage {
            throw Failure(.data, "\(path) is damaged: \(damage.reason); copy it again")
        }
    }

    /// Understands a matrix element: flags, extents, name, numbers. Nil for what is no dense array of real numbers.
    private static func variable(
        _ element: [UInt8], offset: Int, stored: Int, _ isCompressed: Bool
    ) -> (String, Variable)? {
        guard element.count >= 8, element.number(0, 4) == matrix else { return nil }
        var at = 8
        /// A part: its type, where its content begins, its length; a short one has all in its tag.
        func part() -> (type: Int, start: Int, count: Int)? {
            guard at + 8 <= element.count else { return nil }
            if element.number(at + 2, 2) != 0 {
                defer { at += 8 }
                return (element.number(at, 2), at + 4, min(4, element.number(at + 2, 2)))
            }
            let count = element.number(at + 4, 4)
            defer { at += 8 + (count + 7) / 8 * 8 }
            return (element.number(at, 4), at + 8, count)
        }
        guard let flags = part(), flags.count == 8, let extents = part(), extents.type == 5,
            (2...8).contains(extents.count / 4), extents.start + extents.count <= element.count,
            let name = part(), name.count <= 256, name.start + name.count <= element.count, let numbers = part(),
            let kind = kinds[numbers.type]
        else { return nil }
        // Classes 6 to 15 are arrays of numbers; complex ones have bit 0x0800.
        guard (6...15).contains(element.number(flags.start, 1)), element.number(flags.start, 4) & 0x0800 == 0 else {
            return nil
        }
        let shape = (0..<extents.count / 4).map { element.number(extents.start + 4 * $0, 4) }
        guard let text = String(validating: element[name.start..<name.start + name.count], as: UTF8.self) else {
            return nil
        }
        return (
            text,
            Variable(
                kind: kind, shape: Self.rowMajor(shape), offset: offset, stored: stored, isCompressed: isCompressed,
                dataOffset: numbers.start)
        )
    }

    /// MATLAB has no arrays of one axis: [1, N] and [N, 1] are N numbers.
    private static func rowMajor(_ shape: [Int]) -> [Int] {
        if shape.count == 2, shape.contains(1) { return [shape[0] * shape[1]] }
        return shape.reversed()
    }
}
