import Essentials
import Kernels
import Networks

// The layers of a custom network, as a recipe writes them.

extension Recipe {
    static func readLayers(_ network: RecipeSection, _ architecture: Architecture) throws -> [Layer]? {
        let value = network.said("layers").flatMap { $0.isNull ? nil : $0 }
        guard architecture == .custom else {
            guard value == nil else {
                throw network.fault(
                    "layers", "belong to a network of the recipe's own: set network.architecture to custom")
            }
            return nil
        }
        guard let value else {
            throw network.fault(
                "layers", "are missing: network.architecture is custom, so list the plain network's layers")
        }
        guard let elements = value.elements, (1...1000).contains(elements.count) else {
            throw network.fault("layers", "is \(shortened(value.flow)); allowed: a list of 1 to 1000 layers")
        }
        return try elements.enumerated().map { index, element in
            // One entry of the list, as a section whose only key is the layer's kind.
            let kind = element.text ?? element.entries?.first?.key ?? ""
            let settings = element.entries?.first?.value
            let name = "\(network.name("layers"))[\(index + 1)]"
            guard element.text != nil || element.entries?.count == 1, layerKeys[kind] != nil else {
                let sentence = unknownName("layer", shortened(kind), among: layerKeys.keys.sorted())
                throw Failure(.usage, "\(element.origin): \(name): \(sentence)")
            }
            let node = RecipeNode.mapping([(kind, settings ?? .null)]).said(at: element.origin)
            return try readLayer(kind, RecipeSection(node: node, path: name, source: network.source))
        }
    }

    /// The keys of each kind of layer.
    private static let layerKeys: [String: [String]] = [
        "convolution": ["channels", "size", "padding", "stride", "deviation"],
        "fully_connected": ["channels", "deviation"], "batch_normalization": [], "activation": [],
        "pooling": ["kind", "size", "stride", "padding"],
    ]

    private static func readLayer(_ kind: String, _ layer: RecipeSection) throws -> Layer {
        if kind == "activation" {
            let names = Activation.allCases
            guard let word = layer.said(kind), !word.isNull else {
                throw layer.fault(kind, "has no function; allowed: \(names.map(\.rawValue).joined(separator: ", "))")
            }
            if let activation = word.text.flatMap(Activation.init) { return .activation(activation) }
            return .activation(try layer.choice(kind, among: names, default: .identity))
        }
        let section = try layer.section(kind)
        let known = RecipeNode.mapping((layerKeys[kind] ?? []).map { ($0, .null) })
        try section.node?.checkKeys(against: known, path: layer.name(kind))
        func required(_ key: String, _ allowed: ClosedRange<Int>) throws -> Int {
            guard section.said(key) != nil else { throw layer.fault(kind, "has no \(key)") }
            return try section.integer(key, allowed, default: 0)
        }
        func deviation() throws -> Double { try section.real("deviation", .closed(0, 1000), default: 0.01) }
        switch kind {
        case "convolution":
            return .convolution(
                ConvolutionLayer(
                    channels: try required("channels", 1...65_536), size: try required("size", 1...1024),
                    padding: try section.integer("padding", 0...1023, default: 0),
                    stride: try section.integer("stride", 1...1024, default: 1), deviation: try deviation()))
        case "fully_connected":
            return .fullyConnected(
                FullyConnectedLayer(channels: try required("channels", 1...65_536), deviation: try deviation()))
        case "pooling":
            let size = try required("size", 1...15)
            guard section.said("kind") != nil else { throw layer.fault(kind, "has no kind; allowed: max, average") }
            return .pooling(
                PoolingLayer(
                    try section.choice("kind", among: Pooling.Kind.allCases, default: .max), size: size,
                    stride: try section.integer("stride", 1...1024, default: size),
                    padding: try section.integer("padding", 0...14, default: 0)))
        default: return .batchNormalization
        }
    }

    static func node(of layer: Layer) -> RecipeNode {
        switch layer {
        case .convolution(let layer):
            .mapping([
                (
                    "convolution",
                    .mapping([
                        ("channels", .number(layer.channels)), ("size", .number(layer.size)),
                        ("padding", .number(layer.padding)), ("stride", .number(layer.stride)),
                        ("deviation", .number(layer.deviation)),
                    ])
                )
            ])
        case .fullyConnected(let layer):
            .mapping([
                (
                    "fully_connected",
                    .mapping([("channels", .number(layer.channels)), ("deviation", .number(layer.deviation))])
                )
            ])
        case .batchNormalization: .word("batch_normalization")
        case .activation(let function): .mapping([("activation", .word(function.rawValue))])
        case .pooling(let layer):
            .mapping([
                (
                    "pooling",
                    .mapping([
                        ("kind", .word(layer.kind.rawValue)), ("size", .number(layer.size)),
                        ("stride", .number(layer.stride)), ("padding", .number(layer.padding)),
                    ])
                )
            ])
        }
    }
}
