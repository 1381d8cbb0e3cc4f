import Essentials
import Foundation

/// NumPy's files: one .npz (a zip archive of .npy members), or .npy files side by side, each named by its array.
/// Source: numpy.lib.format, versions 1 to 3.
enum NPYFormat: DataFormat {
    static let name = "NumPy (.npz, .npy)"
    static let endings = ["npz", "npy"]
    static let parameters = DataOptions.ofArrays

    static func open(_ request: DataRequest) throws -> DataOpening {
        let path = request.path
        switch (path as NSString).pathExtension.lowercased() {
        case "npz": return .found(try ArrayFiles(NPZArchive(path), request.options))
        case "npy":
            var options = request.options
            let own = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
            // A path of one array is that of the images, unless its siblings' names tell more.
            let folder = try NPYFolder((path as NSString).deletingLastPathComponent)
            if options.images == nil, let labels = options.labels {
                (options.images, options.labels) = (own, labels)
            }
            return .found(try ArrayFiles(folder, options))
        default:
            let folder = try NPYFolder(path)
            if folder.names.isEmpty { return .missing("lacks .npy files") }
            return .found(try ArrayFiles(folder, request.options))
        }
    }
}

/// The .npy files of a folder.
private struct NPYFolder: ArrayCollection {
    let label: String
    let names: [String]

    init(_ folder: String) throws {
        label = folder.isEmpty ? "." : folder
        let files = (try? FileManager.default.contentsOfDirectory(atPath: label)) ?? []
        names = files.filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }.sorted()
    }

    func array(_ name: String) throws -> DataArray {
        let path = (label as NSString).appendingPathComponent(name + ".npy")
        return try NPYHeader.array(label: path, path: path) { try FileStream(path) }
    }
}

/// The .npy members of a .npz file.
private struct NPZArchive: ArrayCollection {
    private let zip: ZipFile
    var label: String { zip.path }
    let names: [String]

    init(_ path: String) throws {
        zip = try ZipFile(path)
        names = zip.members.filter { $0.name.hasSuffix(".npy") }.map { String($0.name.dropLast(4)) }
    }

    func array(_ name: String) throws -> DataArray {
        guard let member = zip.members.first(where: { $0.name == name + ".npy" }) else {
            throw Failure(.data, "\(zip.path) has no array '\(name)'")
        }
        let zip = zip
        return try NPYHeader.array(label: "\(zip.path):\(name)", path: zip.path) { try zip.open(member) }
    }
}

/// The header of a .npy file: magic, version, and a Python literal of type, order and shape.
enum NPYHeader {
    /// Reads the header and describes the array behind it.
    ///
    /// - Throws: `Failure` 65: not of NumPy, Fortran order, pickled objects (which are never unpickled), another type.
    static func array(
        label: String, path: String, open: @escaping @Sendable () throws -> any ByteStream
    ) throws -> DataArray {
        func refuse(_ reason: String) -> Failure { Failure(.data, "\(label) \(reason)") }
        func take(_ count: Int, _ stream: any ByteStream) throws -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            do {
                guard try bytes.withUnsafeMutableBytes({ try stream.readFully(into: $0) }) == count else {
                    throw refuse("ends in its header; copy it again")
                }
            } catch let damage as StreamDamage { throw refuse("is damaged: \(damage.reason)") }
            return bytes
        }
        let stream: any ByteStream
        do { stream = try open() } catch let damage as StreamDamage { throw refuse("is damaged: \(damage.reason)") }
        let magic = try take(8, stream)
        guard magic.starts(with: [0x93] + Array("NUMPY".utf8)), (1...3).contains(magic[6]) else {
            throw refuse("is no NumPy file")
        }
        let lengthBytes = magic[6] == 1 ? 2 : 4
        let length = try take(lengthBytes, stream).number(0, lengthBytes)
        guard length <= 1 << 16 else { throw refuse("has a header of \(length) bytes") }
        let text = String(decoding: try take(length, stream), as: UTF8.self)
        guard let descr = value("descr", text), let shapeText = value("shape", text),
            let order = value("fortran_order", text), let shape = shape(shapeText)
        else { throw refuse("has a header that is no NumPy header: \(text.prefix(80))") }
        guard !descr.contains("O") else {
            throw refuse("holds pickled Python objects, which are never read; save numbers")
        }
        guard let (kind, isBig) = type(descr) else {
            throw refuse("holds the type \(descr.prefix(40)); integers and floats of up to 64 bits are read")
        }
        guard order != "True" || shape.count < 2 else {
            throw refuse("is in Fortran order; save it with numpy.ascontiguousarray")
        }
        let header = 8 + lengthBytes + length
        return try DataArray(label: label, path: path, kind: kind, isBigEndian: isBig, shape: shape) {
            let stream = try open()
            var skipped = [UInt8](repeating: 0, count: header)
            _ = try skipped.withUnsafeMutableBytes { try stream.readFully(into: $0) }
            return stream
        }.checked()
    }

    /// The value of a key of the literal: up to the comma or bracket that ends it.
    private static func value(_ key: String, _ text: String) -> String? {
        guard let found = text.range(of: "'\(key)':") ?? text.range(of: "\"\(key)\":") else { return nil }
        let rest = text[found.upperBound...].drop { $0 == " " }
        switch rest.first {
        case "(":
            guard let close = rest.firstIndex(of: ")") else { return nil }
            return String(rest[rest.index(after: rest.startIndex)..<close])
        case "[":
            return String(rest.prefix { $0 != "]" })
        default:
            return rest.prefix { $0 != "," && $0 != "}" }.trimmingCharacters(in: .whitespaces)
                .trimmingCharacters(in: ["'", "\""])
        }
    }

    private static func shape(_ text: String) -> [Int]? {
        let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        let extents = parts.compactMap { Int($0.hasSuffix("L") ? String($0.dropLast()) : $0) }
        return extents.count == parts.count && extents.count <= 8 && extents.allSatisfy { $0 >= 0 } ? extents : nil
    }

    private static func type(_ text: String) -> (NumberKind, Bool)? {
        guard let order = text.first, "<>|=".contains(order) else { return nil }
        let kinds: [String: NumberKind] = [
            "u1": .uint8, "b1": .uint8, "i1": .int8, "u2": .uint16, "i2": .int16, "u4": .uint32, "i4": .int32,
            "u8": .uint64, "i8": .int64, "f4": .float32, "f8": .float64,
        ]
        return kinds[String(text.dropFirst())].map { ($0, order == ">") }
    }
}
