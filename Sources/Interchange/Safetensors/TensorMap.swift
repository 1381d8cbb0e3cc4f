import Essentials
import Networks

/// Which tensors of a file are the parameters of which layers.
///
/// Tensors of one prefix belong together: `features.0.weight` and `features.0.bias` are the module `features.0`. A
/// layer's module is the one that a person named, else the one of the layer's own name, else the one of its shapes.
/// Several of equal shapes are taken in the order of their names, where there are as many modules as layers.
public struct TensorMap: Sendable {
    /// Why a module is a layer's.
    public enum Reason: String, Sendable {
        /// A person said so.
        case given
        /// It has the layer's name.
        case name = "by name"
        /// No other has such shapes.
        case shape = "by shape"
        /// Of several of such shapes it stands at the layer's place.
        case order = "by shape and order"
    }

    /// A layer with its module.
    public struct Entry: Sendable {
        /// `conv1`.
        public let layer: String
        /// `features.0`.
        public let module: String
        /// Why.
        public let reason: Reason
        /// The tensor of each parameter of the layer.
        let tensors: [(parameter: Parameter, tensor: String)]
    }

    /// A parameter or running moment of a layer.
    struct Parameter: Equatable {
        let name: String
        let shape: [Int]

        /// Its names in files: ours, and PyTorch's.
        var names: [String] {
            switch name {
            case "gamma": ["gamma", "weight"]
            case "beta": ["beta", "bias"]
            case "running_variance": ["running_variance", "running_var"]
            default: [name]
            }
        }

        /// True of a tensor's shape: a fully connected layer's rows may be flat.
        func fits(_ shape: [Int]) -> Bool {
            shape == self.shape
                || shape.count == 2 && shape.first == self.shape.first && self.shape.count == 4
                    && shape.reduce(1, *) == self.shape.reduce(1, *)
        }
    }

    /// The layers in order.
    public private(set) var entries: [Entry] = []
    /// The tensors that belong to no layer.
    public private(set) var rest: [String] = []

    /// The order of names in which numbers count as such: `features.2` before `features.10`.
    private static func precedes(_ a: String, _ b: String) -> Bool {
        var (a, b) = (a[...], b[...])
        while let first = a.first, let second = b.first {
            if first.isNumber, second.isNumber {
                let (x, y) = (a.prefix(while: \.isNumber), b.prefix(while: \.isNumber))
                let (short, long) = (x.drop { $0 == "0" }, y.drop { $0 == "0" })
                if short != long { return (short.count, String(short)) < (long.count, String(long)) }
                (a, b) = (a.dropFirst(x.count), b.dropFirst(y.count))
            } else {
                if first != second { return first < second }
                (a, b) = (a.dropFirst(), b.dropFirst())
            }
        }
        return a.count < b.count
    }

    /// Finds the layers' modules.
    ///
    /// - Parameters:
    ///   - file: the tensors.
    ///   - plan: the network.
    ///   - given: modules by layer, as a person named them.
    /// - Throws: `Failure` 64 for a name that a person gave which is none; 65 in a sentence's end, naming every layer
    ///   that no module fits, or more than one.
    init(_ file: SafetensorsFile, _ plan: NetworkPlan, given: [(layer: String, module: String)]) throws {
        let layers = Self.layers(plan)
        var modules: [String: [String: String]] = [:]
        for name in file.entries.keys where name != Self.meanImage {
            let end = name.lastIndex { $0 == "." || $0 == "/" }
            let module = end.map { String(name[..<$0]) } ?? ""
            modules[module, default: [:]][end.map { String(name[name.index(after: $0)...]) } ?? name] = name
        }
        func tensors(_ parameters: [Parameter], _ module: String) -> [(Parameter, String)]? {
            guard let own = modules[module] else { return nil }
            let found = parameters.compactMap { parameter in
                parameter.names.lazy.compactMap { own[$0] }.first.map { (parameter, $0) }
            }
            // A bias that the layer lacks is no small thing; a count of batches is.
            let others = own.keys.filter { key in
                key != "num_batches_tracked" && !parameters.contains { $0.names.contains(key) }
            }
            guard found.count == parameters.count, others.isEmpty,
                found.allSatisfy({ $0.0.fits(file.entries[$0.1]?.shape ?? []) })
            else { return nil }
            return found
        }
        var places: [String: (module: String, reason: Reason)] = [:]
        for (layer, module) in given {
            guard let parameters = layers.first(where: { $0.name == layer })?.parameters else {
                throw Failure(
                    .usage, "--map \(layer)=\(module): " + unknownName("layer", layer, among: layers.map(\.name)))
            }
            guard modules[module] != nil else {
                throw Failure(
                    .usage,
                    "--map \(layer)=\(module): "
                        + unknownName("name of tensors", module, among: modules.keys.sorted(by: Self.precedes)))
            }
            guard tensors(parameters, module) != nil else {
                let found = (modules[module] ?? [:]).sorted { $0.key < $1.key }.map {
                    "\($0.key) \(file.entries[$0.value]?.shape ?? [])"
                }
                throw Failure(
                    .data,
                    "\(layer) has \(Self.text(parameters)), but \(module) has \(found.joined(separator: ", "))")
            }
            guard places.updateValue((module, .given), forKey: layer) == nil else {
                throw Failure(.usage, "--map names \(layer) twice")
            }
        }
        var taken = Set(places.values.map(\.module))
        guard taken.count == places.count else { throw Failure(.usage, "--map gives one name to two layers") }
        for layer in layers
        where places[layer.name] == nil && !taken.contains(layer.name) && tensors(layer.parameters, layer.name) != nil {
            places[layer.name] = (layer.name, .name)
            taken.insert(layer.name)
        }
        var faults: [String] = []
        let open = layers.filter { places[$0.name] == nil }
        for (index, layer) in open.enumerated()
        where !open[..<index].contains(where: { $0.parameters == layer.parameters }) {
            let equal = open.filter { $0.parameters == layer.parameters }.map(\.name)
            let fitting = modules.keys.filter { !taken.contains($0) && tensors(layer.parameters, $0) != nil }
                .sorted(by: Self.precedes)
            guard fitting.count == equal.count else {
                let names = equal.prefix(8).joined(separator: ", ")
                faults.append(
                    fitting.count < equal.count
                        ? "\(names): \(fitting.count) of \(equal.count) are there with \(Self.text(layer.parameters))"
                        : "\(names): may be \(fitting.prefix(8).joined(separator: ", ")): say --map "
                            + "\(equal[0])=\(fitting[0]) or another")
                continue
            }
            for (name, module) in zip(equal, fitting) {
                places[name] = (module, equal.count == 1 ? .shape : .order)
                taken.insert(module)
            }
        }
        guard faults.isEmpty else { throw Failure(.data, faults.joined(separator: "; ")) }
        entries = layers.compactMap { layer in
            places[layer.name].flatMap { place in
                tensors(layer.parameters, place.module).map {
                    Entry(layer: layer.name, module: place.module, reason: place.reason, tensors: $0)
                }
            }
        }
        let used = Set(entries.flatMap { $0.tensors.map(\.tensor) } + [Self.meanImage])
        rest = file.entries.keys.filter { !used.contains($0) && !$0.hasSuffix("num_batches_tracked") }
            .sorted(by: Self.precedes)
    }

    /// The mean image in a file that steadfast exported.
    static let meanImage = "input.mean_image"

    /// The layers that have parameters, in the order of the network.
    private static func layers(_ plan: NetworkPlan) -> [(name: String, parameters: [Parameter])] {
        let layout = ParameterLayout(plan)
        var layers: [(name: String, parameters: [Parameter])] = []
        func add(_ layer: String, _ parameter: Parameter) {
            if layers.last?.name != layer { layers.append((layer, [])) }
            layers[layers.count - 1].parameters.append(parameter)
        }
        for entry in layout.entries {
            let parts = entry.name.split(separator: "/").map(String.init)
            add(parts[0], Parameter(name: parts[1], shape: entry.shape))
            guard entry.kind == .beta, let moments = layout.moments.first(where: { $0.name == parts[0] }) else {
                continue
            }
            add(parts[0], Parameter(name: "running_mean", shape: [moments.channels]))
            add(parts[0], Parameter(name: "running_variance", shape: [moments.channels]))
        }
        return layers
    }

    private static func text(_ parameters: [Parameter]) -> String {
        parameters.map { "\($0.name) \($0.shape)" }.joined(separator: ", ")
    }
}
