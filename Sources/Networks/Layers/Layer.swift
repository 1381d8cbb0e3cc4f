import Essentials

/// A kind of layer with its settings: one type, in a file of its own, and an entry of ``Layer/kinds``.
public protocol LayerKind: Hashable, Sendable {
    /// The kind's key in YAML and JSON.
    static var key: String { get }
    /// How its settings are written, with their defaults.
    static var notation: LayerNotation<Self> { get }

    /// Appends the layer to a graph: its name, its operation, the shape of its result.
    ///
    /// - Throws: `Failure` 64 naming the layer, where it does not fit its inputs.
    func append(_ layer: Layer, to graph: inout GraphBuilder) throws

    /// Writes a node that the layer appended, in evaluation mode, as operators; returns the name of its result.
    ///
    /// - Throws: what a parameter that is not there throws.
    func write(_ node: WrittenNode, to graph: inout some OperatorGraph) throws -> String

    /// Appends what becomes of the layer in a robust network (section 4 of the paper); by default the layer as it is.
    func appendRobust(_ layer: Layer, to network: inout RobustLayers)
}

extension LayerKind {
    /// Appends the layer as it is.
    public func appendRobust(_ layer: Layer, to network: inout RobustLayers) { network.layers.append(layer) }

    /// The first setting out of its range, as a sentence's end: `a size of 0; allowed: ...`.
    var fault: String? {
        for setting in Self.notation.settings {
            if let value = setting.invalid(self) {
                return "a \(setting.key) of \(value.line); allowed: \(setting.allowed)"
            }
        }
        return nil
    }

    fileprivate static func read(_ text: LayerText, path: String) throws -> any LayerKind {
        try notation.read(text, path: path)
    }

    fileprivate var text: LayerText? { Self.notation.text(self) }
    fileprivate func isEqual(to other: any LayerKind) -> Bool { (other as? Self) == self }
}

/// A layer, as a person writes it: its kind with its own settings, without the sizes that follow from the layers before
/// it.
public struct Layer: Sendable {
    /// The kind and its settings.
    public var kind: any LayerKind
    /// The name that a person gave it; nil for one by its place.
    public var name: String?
    /// The names of the layers whose results it takes; empty for the layer before.
    public var inputs: [String]

    /// Makes a layer.
    public init(_ kind: some LayerKind, name: String? = nil, inputs: [String] = []) {
        self.kind = kind
        self.name = name
        self.inputs = inputs
    }

    /// All kinds.
    public static let kinds: [any LayerKind.Type] = [
        ConvolutionLayer.self, FullyConnectedLayer.self, BatchNormalizationLayer.self, ActivationLayer.self,
        PoolingLayer.self, GlobalAveragePoolingLayer.self, AffineLayer.self, AddLayer.self, MultiplyLayer.self,
        DivideLayer.self, ConcatenateLayer.self, FlattenLayer.self, ReshapeLayer.self, ResidualBlock.self,
        DropoutLayer.self,
    ]

    /// The network's image, as an input.
    static let image = "image"
}

extension Layer: Hashable {
    /// Equality of kind, settings, name and inputs.
    public static func == (a: Layer, b: Layer) -> Bool {
        a.kind.isEqual(to: b.kind) && a.name == b.name && a.inputs == b.inputs
    }

    /// Hashes all of it.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(AnyHashable(kind))
        hasher.combine(name)
        hasher.combine(inputs)
    }
}

// MARK: - Text

/// A layer is written as a mapping of its kind to its settings, `convolution: {channels: 20, size: 5}`, `activation:
/// relu`, or as the bare word where there are none, `batch_normalization`; beside the kind `name: a` and `inputs: [a,
/// b]`.
extension Layer {
    /// Reads a layer; `path` names it in sentences.
    ///
    /// - Throws: `Failure` 64 in one sentence: an unknown kind or setting (with the nearest one), a value that is not
    ///   allowed.
    public init(_ text: LayerText, path: String) throws {
        let keys = Self.kinds.map { $0.key }
        let entries: [(key: String, value: LayerText)]
        switch text {
        case .word(let word): entries = [(word, .null)]
        case .mapping(let all): entries = all
        default: throw Failure(.usage, "\(path): \(unknownName("layer", text.line, among: keys))")
        }
        let own = entries.filter { $0.key != "name" && $0.key != "inputs" }
        let names = own.filter { keys.contains($0.key) }
        guard let entry = own.first, names.count == own.count else {
            let unknown = own.first { !keys.contains($0.key) }?.key ?? ""
            throw Failure(.usage, "\(path): \(unknownName("layer", LayerText.word(unknown).line, among: keys))")
        }
        guard own.count == 1, let kind = Self.kinds.first(where: { $0.key == entry.key }) else {
            let kinds = own.map(\.key).joined(separator: " and ")
            throw Failure(
                .usage, "\(path) is \(kinds); a layer has one key of \(keys.joined(separator: ", "))")
        }
        self.kind = try kind.read(entry.value, path: "\(path).\(kind.key)")
        (name, inputs) = (nil, [])
        if let value = entries.first(where: { $0.key == "name" })?.value {
            guard case .word(let word) = value, Self.isLegal(word) else {
                throw Failure(.usage, "\(path).name is \(value.line); allowed: 1 to 100 of a-z, A-Z, 0-9, _ and -")
            }
            name = word
        }
        if let value = entries.first(where: { $0.key == "inputs" })?.value {
            guard case .list(let list) = value, !list.isEmpty else {
                throw Failure(.usage, "\(path).inputs is \(value.line); allowed: a list of layers' names")
            }
            inputs = try list.map { element in
                guard case .word(let word) = element else {
                    throw Failure(.usage, "\(path).inputs has \(element.line); allowed: layers' names")
                }
                return word
            }
        }
    }

    /// True of a name that files can hold.
    static func isLegal(_ name: String) -> Bool {
        (1...100).contains(name.utf8.count)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) }
    }

    /// The layer as a text; `init(_:path:)` of it gives an equal layer.
    public var text: LayerText {
        let key = type(of: kind).key
        let settings = kind.text
        if name == nil, inputs.isEmpty, settings == nil { return .word(key) }
        var entries: [(key: String, value: LayerText)] = [(key, settings ?? .null)]
        if let name { entries.append(("name", .word(name))) }
        if !inputs.isEmpty { entries.append(("inputs", .list(inputs.map { .word($0) }))) }
        return .mapping(entries)
    }
}

extension Layer: Codable {
    /// Reads a layer.
    public init(from decoder: any Decoder) throws {
        let place = decoder.codingPath.last?.intValue.map { "layers[\($0 + 1)]" } ?? "layer"
        do {
            try self.init(try LayerText(from: decoder), path: place)
        } catch let failure as Failure {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: failure.message))
        }
    }

    /// Writes a layer.
    public func encode(to encoder: any Encoder) throws { try text.encode(to: encoder) }
}
