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
            do {
                return try Layer(element.layerText, path: "\(network.name("layers"))[\(index + 1)]")
            } catch let failure as Failure {
                throw Failure(.usage, "\(element.origin): \(failure.message)")
            }
        }
    }

    static func node(of layer: Layer) -> RecipeNode { RecipeNode(layer.text) }
}

extension RecipeNode {
    /// The value as a layer's text.
    fileprivate var layerText: LayerText {
        if isNull { return .null }
        if let elements { return .list(elements.map(\.layerText)) }
        if let entries { return .mapping(entries.map { ($0.key, $0.value.layerText) }) }
        if let number = word.flatMap({ Int($0.filter { $0 != "_" }) }) { return .integer(number) }
        if let real { return .real(real) }
        if let word, let flag, ["true", "false", "yes", "no"].contains(word.lowercased()) { return .flag(flag) }
        return .word(text ?? "")
    }

    /// A layer's text as a value.
    fileprivate init(_ text: LayerText) {
        switch text {
        case .null: self = .null
        case .flag(let flag): self = .word(flag ? "true" : "false")
        case .integer(let number): self = .number(number)
        case .real(let number): self = .number(number)
        case .word(let word): self = .text(word)
        case .list(let list): self = .list(list.map { RecipeNode($0) })
        case .mapping(let entries): self = .mapping(entries.map { ($0.key, RecipeNode($0.value)) })
        }
    }
}
