import Essentials

/// The value of a scalar attribute.
public enum HDF5Attribute: Equatable, Sendable {
    /// UTF-8 text without NUL.
    case string(String)
    /// A signed integer (narrower ones of a file are widened).
    case int64(Int64)
    /// An unsigned integer of 8 bytes, such as a seed.
    case uint64(UInt64)
    /// A real number (float32 of a file is widened).
    case float64(Double)
}

/// The content of an HDF5 file as a value: datasets and attributes, each keyed by the path of its object.
///
/// A path is written without a leading slash: `model/conv1/weight`; the root group is the empty path. Groups are those
/// that the paths imply; one with neither attributes nor datasets is nothing. Two trees are equal when every bit is.
public struct HDF5Tree: Equatable, Sendable {
    /// The attributes of each object that has some: path, then name.
    public var attributes: [String: [String: HDF5Attribute]]
    /// The datasets by path.
    public var tensors: [String: Tensor]

    /// Makes a tree.
    public init(attributes: [String: [String: HDF5Attribute]] = [:], tensors: [String: Tensor] = [:]) {
        self.attributes = attributes.filter { !$0.value.isEmpty }
        self.tensors = tensors
    }

    /// The attributes of the root group.
    public var rootAttributes: [String: HDF5Attribute] {
        get { attributes[""] ?? [:] }
        set { attributes[""] = newValue.isEmpty ? nil : newValue }
    }

    /// The SHA-256, in hexadecimal, over every dataset and attribute but the root attribute `content_digest`.
    ///
    /// The bytes that are hashed: first each attribute, objects by path and then attributes by name (in order of their
    /// UTF-8): "A", text path, text name, then "s" text, "i" int64, "u" uint64 or "f" float64; then each dataset by
    /// path: "D", text path, text type name, int64 rank, int64 extents, the elements. A text is its count of UTF-8
    /// bytes as int64 and the bytes; numbers are little-endian.
    public var contentDigest: String {
        let digest = Digest()
        for path in attributes.keys.sorted(by: utf8Order) {
            let named = attributes[path] ?? [:]
            for name in named.keys.sorted(by: utf8Order) where !(path.isEmpty && name == "content_digest") {
                guard let value = named[name] else { continue }
                digest.update("A")
                digest.update(counted: path)
                digest.update(counted: name)
                switch value {
                case .string(let text):
                    digest.update("s")
                    digest.update(counted: text)
                case .int64(let number):
                    digest.update("i")
                    digest.update([number.littleEndian])
                case .uint64(let number):
                    digest.update("u")
                    digest.update([number.littleEndian])
                case .float64(let number):
                    digest.update("f")
                    digest.update([number.bitPattern.littleEndian])
                }
            }
        }
        for path in tensors.keys.sorted(by: utf8Order) {
            if let tensor = tensors[path] { digest.update(tensor, at: path) }
        }
        return digest.finish().hexadecimal
    }
}

/// Paths in the order of their UTF-8, the same on every machine.
package func utf8Order(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

extension Digest {
    package func update(counted text: String) {
        update([Int64(text.utf8.count).littleEndian])
        update(text)
    }

    package func update(_ tensor: Tensor, at path: String) {
        update("D")
        update(counted: path)
        update(counted: tensor.elements.typeName)
        update([Int64(tensor.shape.count).littleEndian])
        update(tensor.shape.map { Int64($0).littleEndian })
        tensor.elements.withUnsafeBytes { update($0) }
    }
}
