import Essentials
import Kernels
import Networks

extension Recipe {
    /// The recipe's network on images of this shape: the plain network of its architecture and variant, or its own
    /// layers; robust where the activation is a symmetric one; with outputs for nonsense where there is mean training
    /// (one, and another one for a noise class).
    ///
    /// - Throws: `Failure` 64 where the layers do not fit the images or the classes; it names the layer.
    public func network(input: ImageShape, classes: Int) throws -> Network {
        var network = shape(input: input, classes: classes)
        if let stabilizer = self.network.stabilizer { network.stabilizer = stabilizer }
        if inputScale != [1] {
            guard [1, input.channels].contains(inputScale.count) else {
                throw Failure(
                    .usage,
                    "input_scale has \(inputScale.count) numbers for images of \(input.channels) channels; allowed: "
                        + "one, or one for each")
            }
            network.inputScale = inputScale.map { Float($0) }
        }
        if let layers = self.network.layers {
            guard self.network.activation == .plain || !layers.contains(where: \.namesInputs) else {
                throw Failure(
                    .usage,
                    "network.layers: layers with inputs are taken as they are written; set network.activation to plain")
            }
            guard (layers.last?.kind as? FullyConnectedLayer)?.channels == classes else {
                throw Failure(
                    .usage,
                    "network.layers: the last layer has to be fully_connected with the data set's \(classes) classes "
                        + "as channels"
                )
            }
        }
        let nonsense = meanTraining?.nonsenseClasses ?? 0
        let complete = network.withNonsenseOutputs(nonsense)
        let parameters = try NetworkPlan(complete).convolutions.reduce(0) { $0 + $1.weightCount }
        guard parameters <= 1 << 30 else {
            throw Failure(.usage, "network: \(parameters) weights; at most \(1 << 30) are possible")
        }
        return complete
    }

    /// The network, unchecked and without outputs for nonsense.
    private func shape(input: ImageShape, classes: Int) -> Network {
        let plain =
            switch network.architecture {
            case .mnist: Network.plainMNIST(variant, input: input, classes: classes)
            case .cifar10: Network.plainCIFAR10(variant, input: input, classes: classes)
            case .lenet: Network.leNet(input: input, classes: classes)
            case .resnet:
                Network.resNet(
                    depth: network.depth ?? 20, width: network.width ?? 16, preActivation: network.preActivation,
                    input: input, classes: classes)
            case .wideResNet:
                Network.wideResNet(
                    depth: network.depth ?? 28, widen: network.widen ?? 10, input: input, classes: classes)
            case .cnn7: Network.cnn7(input: input, classes: classes)
            case .custom:
                Network(
                    input: input, classes: classes, layers: network.layers ?? [], initialization: initialization)
            }
        // The logarithms of the released code add the double-precision machine epsilon.
        let tolerance = variant == .released ? 2.2e-16 : nil
        let loss = HybridLoss(alpha: loss.alpha, p: loss.p, tolerance: tolerance)
        switch network.activation {
        case .plain: return plain
        case .rbf: return plain.robust(.rbf, loss: loss)
        case .mrelu: return plain.robust(.mrelu, loss: loss)
        }
    }

    // MARK: Learning-rate factors

    /// The factor of the learning rate of a layer's parameter, as `layer_rates` gives it: `fc2/weight` before `fc2`
    /// before `weight` before `all` before 1.
    ///
    /// - Parameters: `layer`: `conv1`, `norm1`, `fc2`, ...; `parameter`: `weight`, `bias`, `gamma` or `beta`.
    public func layerRate(_ layer: String, _ parameter: String) -> Double {
        layerRates["\(layer)/\(parameter)"] ?? layerRates[layer] ?? layerRates[parameter] ?? layerRates["all"] ?? 1
    }

    /// The keys that `layer_rates` may have in this recipe's network. They do not depend on the images.
    func layerRateNames() throws -> [String] {
        var names = ["all", "weight", "bias", "gamma", "beta"]
        // Any image will do on which the layers fit.
        let shapes = [32, 64, 128, 256, 512, 1024].map { ImageShape(height: $0, width: $0, channels: 3) }
        let classes = (network.layers?.last?.kind as? FullyConnectedLayer)?.channels ?? 10
        let plan = shapes.lazy.compactMap { try? NetworkPlan(shape(input: $0, classes: classes)) }.first
        for entry in plan.map({ ParameterLayout($0).entries }) ?? [] {
            let layer = String(entry.name.prefix { $0 != "/" })
            names += (names.contains(layer) ? [] : [layer]) + [entry.name]
        }
        return names
    }

    static let layerRatesKey = "layer_rates"
    static let rateInterval = RecipeInterval.closed(0, 1e6)

    /// Reads `layer_rates`.
    static func readRates(_ root: RecipeSection, _ key: String, _ recipe: Recipe) throws -> [String: Double]? {
        let rates = try root.section(key)
        let keys = rates.node?.entries?.map(\.key) ?? []
        // No network has so many; looking each of them up would take long.
        guard keys.count <= 10_000 else {
            throw Failure(
                .usage, "\(rates.node?.origin ?? root.source): \(key) has \(keys.count) keys; allowed: at most 10000")
        }
        let names = keys.isEmpty ? [] : try recipe.layerRateNames()
        return try keys.reduce(into: [:]) { values, key in
            guard names.contains(key) else {
                let advice =
                    nearestName(to: shortened(key), among: names).map { "did you mean '\($0)'?" }
                    ?? "known: \(names.joined(separator: ", "))"
                throw rates.fault(key, "names no parameter of the network; \(advice)")
            }
            values[key] = try rates.value(key, .real(rateInterval))
        }
    }

    static func writeRates(_ rates: [String: Double]) -> RecipeNode {
        .mapping(rates.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
    }
}
