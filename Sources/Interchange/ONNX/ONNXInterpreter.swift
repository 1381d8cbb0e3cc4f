import Essentials
import Kernels

/// Follows an ONNX graph from the image to the logits, node by node, and makes steps of it.
///
/// Nodes that cannot be taken are collected, so that one sentence names them all.
struct ONNXInterpreter {
    enum Value {
        case signal(ONNXSignal)
        case constant(ONNXConstant)
        /// The result of a node that was refused.
        case unknown
    }

    /// A reason for which a node cannot be taken.
    struct Refusal: Error {
        let reason: String
        /// The node, where it is another one than that which is run.
        let title: String?

        init(_ reason: String, of title: String? = nil) { (self.reason, self.title) = (reason, title) }
    }

    let file: ONNXFile
    let folder: String
    var steps: [ImportedGraph.Step] = []
    private var values: [String: Value] = [:]
    private var refusals: [String] = []
    /// Layers that were made of elementwise functions, so that two nodes behind them share one.
    private var layers: [Int: [(functions: [ONNXSignal.Elementwise], step: Int)]] = [:]

    /// - Parameter image: the shape of the data set's images.
    /// - Throws: `Failure` 65 in a sentence's end, where the graph has no one input of this size.
    init(_ file: ONNXFile, folder: String, image: ImageShape) throws {
        self.file = file
        self.folder = folder
        steps = [.init(operation: .image, inputs: [], shape: image, title: "the input", name: "")]
        guard file.inputs.count == 1, let input = file.inputs.first else {
            throw Failure(.data, "it has \(file.inputs.count) inputs; a network of images has one")
        }
        values[input.name] = .signal(try Self.signal(input, image))
    }

    /// The image as the model's input: channels first or last, or as a row of elements.
    private static func signal(_ input: ONNXFile.Value, _ image: ImageShape) throws -> ONNXSignal {
        let signal = ONNXSignal(step: 0, shape: image.extents)
        guard input.elementType <= 1 else { throw Failure(.data, "its input is not of float32") }
        guard let shape = input.shape, shape.count >= 2 else { return signal }
        let found = shape.dropFirst().map { $0.map { "\($0)" } ?? "?" }.joined(separator: "x")
        func fits(_ extents: [Int]) -> Bool {
            shape.count == extents.count + 1 && zip(shape.dropFirst(), extents).allSatisfy { $0 ?? $1 == $1 }
        }
        if fits(image.extents) { return signal }
        let channelsLast = [image.height, image.width, image.channels]
        if fits(channelsLast) {
            return signal.transposed([1, 2, 0])
        }
        // A row, with axes of one element beside it.
        let extents = shape.dropFirst().compactMap { $0 }
        if extents.count == shape.count - 1, extents.filter({ $0 != 1 }).count <= 1,
            extents.reduce(1, { $0.multipliedReportingOverflow(by: $1).partialValue }) == image.count
        {
            return signal.reshaped(extents)
        }
        throw Failure(.data, "its input is \(found), not \(image.extents.map { "\($0)" }.joined(separator: "x"))")
    }

    // MARK: The graph

    /// Follows all nodes that the logits need.
    ///
    /// - Throws: `Failure` 65 in a sentence's end, naming each node that cannot be taken.
    mutating func run() throws -> ImportedGraph {
        let (end, softmax) = logits()
        for node in try order(to: end) {
            do {
                let results = try run(node)
                for (name, value) in zip(node.outputs, results) where !name.isEmpty { values[name] = value }
                for name in node.outputs.dropFirst(results.count) where !name.isEmpty { values[name] = .unknown }
            } catch let refusal as Refusal {
                let sentence = "\(refusal.title ?? node.title): \(refusal.reason)"
                // A function in the way of two nodes is named once.
                if !refusal.reason.isEmpty, !refusals.contains(sentence) { refusals.append(sentence) }
                for name in node.outputs { values[name] = .unknown }
            } catch let failure as Failure where failure.code == .data {
                refusals.append("\(node.title): \(failure.message)")
                for name in node.outputs { values[name] = .unknown }
            }
        }
        var graph = ImportedGraph(steps: steps, output: 0, isRobust: false)
        if refusals.isEmpty {
            guard case .signal(let signal) = values[end] else {
                throw Failure(.data, "its output '\(shortened(end))' does not depend on the image")
            }
            try softmax.map { try checkAxis($0, signal) }
            graph = try finish(signal)
        }
        guard refusals.isEmpty else { throw Failure(.data, refusals.joined(separator: "; ")) }
        return graph
    }

    /// The name of the logits, the first output before a softmax at its end, and that softmax.
    private func logits() -> (name: String, softmax: ONNXFile.Node?) {
        var name = file.outputs[0].name
        var softmax: ONNXFile.Node?
        let ends = file.nodes.filter { node in
            node.domain.isEmpty && ["Softmax", "LogSoftmax", "Identity"].contains(node.operation)
        }
        let producers = Dictionary(
            ends.flatMap { node in node.outputs.map { ($0, node) } }, uniquingKeysWith: { first, _ in first })
        // Not more often than there are nodes: they may stand in a circle.
        for _ in ends {
            guard let node = producers[name], let input = node.inputs.first else { break }
            if node.operation != "Identity" {
                // A softmax of a softmax is another function.
                guard softmax == nil else { break }
                softmax = node
            }
            name = input
        }
        return (name, softmax)
    }

    /// Refuses a softmax that is not over all logits of an image. Before operator set 13 it is over all axes from its
    /// own on.
    private func checkAxis(_ softmax: ONNXFile.Node, _ logits: ONNXSignal) throws {
        let isSingle = file.operatorSet >= 13
        do {
            let axis = try softmax.integer("axis", default: isSingle ? -1 : 1)
            let place = axis < 0 ? axis + logits.shape.count : axis - 1
            guard logits.shape.indices.contains(place),
                logits.shape[place...].prefix(isSingle ? 1 : logits.shape.count).reduce(1, *) == logits.count
            else { throw Refusal("its axis \(axis) is not that of the logits") }
        } catch let refusal as Refusal { throw Failure(.data, "\(softmax.title): \(refusal.reason)") }
    }

    /// The nodes that a value needs, each behind those that it needs itself.
    private func order(to end: String) throws -> [ONNXFile.Node] {
        var producers: [String: Int] = [:]
        for (index, node) in file.nodes.enumerated() {
            for output in node.outputs where !output.isEmpty {
                guard producers.updateValue(index, forKey: output) == nil, values[output] == nil,
                    file.constants[output] == nil
                else { throw Failure(.data, "two nodes give the value '\(shortened(output))'") }
            }
        }
        var order: [Int] = []
        // 1 while a node's inputs are visited, 2 behind that.
        var marks = [UInt8](repeating: 0, count: file.nodes.count)
        var stack: [(node: Int, next: Int)] = []
        func open(_ name: String) throws {
            guard let index = producers[name] else {
                guard name.isEmpty || values[name] != nil || file.constants[name] != nil else {
                    throw Failure(.data, "no node gives the value '\(shortened(name))'")
                }
                return
            }
            guard marks[index] != 1 else {
                throw Failure(.data, "its graph has a cycle at \(file.nodes[index].title)")
            }
            if marks[index] == 0 {
                marks[index] = 1
                stack.append((index, 0))
            }
        }
        try open(end)
        while let (node, next) = stack.last {
            if next < file.nodes[node].inputs.count {
                stack[stack.count - 1].next += 1
                try open(file.nodes[node].inputs[next])
            } else {
                marks[node] = 2
                order.append(node)
                stack.removeLast()
            }
        }
        return order.map { file.nodes[$0] }
    }

    /// Takes a robust network's end off: logits = -z^2. Logits that come from no product, such as averages over the
    /// image in a network of convolutions alone, get a fully connected layer that leaves them as they are.
    private mutating func finish(_ signal: ONNXSignal) throws -> ImportedGraph {
        var signal = signal
        let end: [ONNXSignal.Elementwise] = [.operation(.square), .operation(.negated)]
        let isRobust = signal.functions.suffix(2).elementsEqual(end)
        if isRobust { signal.removeFunctions(last: 2) }
        do {
            let step = try layer(&signal)
            guard signal.order == nil, signal.shape.filter({ $0 != 1 }).count <= 1 else {
                throw Refusal("the output is no row of logits")
            }
            let last = steps[step]
            switch last.operation {
            case .activation:
                throw Refusal(
                    "\(last.title) is an activation behind the last layer: the output has to be logits, or a softmax "
                        + "of them")
            case .globalAverage, .pool, .arithmetic, .concatenation, .reshape:
                let count = last.shape.count
                guard count <= 1024 else { throw Refusal("\(last.title) gives \(count) logits without a product") }
                let same = (0..<count * count).map { $0 / count == $0 % count ? Float(1) : 0 }
                let end = try append(
                    .dense(.init(weight: same, bias: [Float](repeating: 0, count: count))), [step],
                    ImageShape(height: 1, width: 1, channels: count), last.title, "")
                return ImportedGraph(steps: steps, output: end.step, isRobust: isRobust)
            case .image, .convolution, .dense, .normalization, .affine:
                return ImportedGraph(steps: steps, output: step, isRobust: isRobust)
            }
        } catch let refusal as Refusal {
            throw Failure(.data, (refusal.title.map { "\($0): " } ?? "") + refusal.reason)
        }
    }

    // MARK: Values

    /// A node's input; nil where it is left out.
    func input(_ node: ONNXFile.Node, _ index: Int) throws -> Value? {
        guard index < node.inputs.count, !node.inputs[index].isEmpty else { return nil }
        let name = node.inputs[index]
        if let value = values[name] {
            // The node behind one that was refused is not to blame.
            if case .unknown = value { throw Refusal("") }
            return value
        }
        guard let tensor = file.constants[name] else {
            throw Refusal("it takes '\(shortened(name))', which nothing gives")
        }
        return .constant(try constant(tensor))
    }

    func constant(_ tensor: ONNXTensor) throws -> ONNXConstant {
        if let integers = try tensor.integers(folder: folder) {
            return ONNXConstant(shape: tensor.shape, elements: .integers(integers))
        }
        return ONNXConstant(shape: tensor.shape, elements: .floats(try tensor.floats(folder: folder)))
    }

    /// An input that depends on the image.
    func signal(_ node: ONNXFile.Node, _ index: Int) throws -> ONNXSignal {
        guard case .signal(let signal) = try input(node, index) else {
            throw Refusal("its input \(index + 1) does not depend on the image")
        }
        return signal
    }

    /// An input that is a tensor of numbers.
    func floats(_ node: ONNXFile.Node, _ index: Int) throws -> ONNXConstant {
        guard case .constant(let constant) = try input(node, index), constant.floats != nil else {
            throw Refusal("its input \(index + 1) is no constant tensor of numbers")
        }
        return constant
    }

    /// An input that is a list of integers, or nil where it is left out.
    func integers(_ node: ONNXFile.Node, _ index: Int) throws -> [Int]? {
        guard let value = try input(node, index) else { return nil }
        guard case .constant(let constant) = value, let integers = constant.integers else {
            throw Refusal("its input \(index + 1) is no constant list of integers")
        }
        return integers
    }

    // MARK: Steps

    /// Appends a step and returns its result as a signal.
    mutating func append(
        _ operation: ImportedGraph.Operation, _ inputs: [Int], _ shape: ImageShape, _ title: String, _ name: String
    ) throws -> ONNXSignal {
        // In this order no product overflows.
        guard shape.height <= 1 << 16, shape.width <= 1 << 16, shape.channels <= 1 << 24, shape.count <= 1 << 24 else {
            throw Refusal("its result of \(shape) is too large")
        }
        steps.append(.init(operation: operation, inputs: inputs, shape: shape, title: title, name: name))
        return ONNXSignal(step: steps.count - 1, shape: shape.extents)
    }

    /// Makes layers of the elementwise functions behind a signal's step; returns the last step.
    mutating func layer(_ signal: inout ONNXSignal) throws -> Int {
        guard signal.padding == .init() else { throw Refusal("zeros around it are only for a convolution") }
        guard let origin = signal.origins.last else { return signal.step }
        if let made = layers[signal.step]?.first(where: { $0.functions == signal.functions }) {
            signal.step = made.step
        } else {
            let layers: [(operation: ImportedGraph.Operation, operands: [ONNXActivations.Operand])]
            do { layers = try ONNXActivations.layers(signal.functions) } catch {
                throw Refusal(
                    "no layer does this alone, only as a part of an activation", of: signal.origins[error.place].title)
            }
            let start = signal.step
            for (operation, operands) in layers {
                let inputs = operands.map { $0 == .start ? start : signal.step }
                signal.step = try append(operation, inputs, steps[start].shape, origin.title, origin.name).step
            }
            self.layers[start, default: []].append((signal.functions, signal.step))
        }
        signal.removeFunctions(first: signal.functions.count)
        return signal.step
    }

    /// The image that a convolution or pool takes: channels first, in order. Zeros around it are left to the caller.
    mutating func image(_ signal: ONNXSignal) throws -> (step: Int, shape: ImageShape, padding: ImportedGraph.Sides) {
        var signal = signal
        let padding = signal.padding
        signal.padding = .init()
        let step = try layer(&signal)
        let shape = steps[step].shape
        guard signal.order == nil, signal.shape == shape.extents || signal.shape.count == 3 else {
            throw Refusal("its input is no image of \(shape), channels first")
        }
        if signal.shape != shape.extents {
            let image = try append(
                .reshape, [step], ImageShape(extents: signal.shape), signal.reshape.title, signal.reshape.name)
            return (image.step, steps[image.step].shape, padding)
        }
        return (step, steps[step].shape, padding)
    }
}
