import Kernels

extension ONNXInterpreter {
    /// An operator: takes a node and returns its results.
    typealias Operator = @Sendable (inout ONNXInterpreter, ONNXFile.Node) throws -> [Value]

    /// The operators that are known, by name.
    private static let operators: [String: Operator] = [
        "Conv": { try $0.convolution($1) }, "Gemm": { try $0.gemm($1) }, "MatMul": { try $0.matMul($1) },
        "BatchNormalization": { try $0.normalization($1) },
        "MaxPool": { try $0.pool($1, .max) }, "AveragePool": { try $0.pool($1, .average) },
        "GlobalAveragePool": { try $0.globalAverage($1) }, "ReduceMean": { try $0.reduceMean($1) },
        "Relu": { try $0.elementwise($1, .relu) }, "Sigmoid": { try $0.elementwise($1, .sigmoid) },
        "Tanh": { try $0.elementwise($1, .tanh) }, "Neg": { try $0.elementwise($1, .negated) },
        "Exp": { try $0.elementwise($1, .exponential) }, "Abs": { try $0.elementwise($1, .absolute) },
        "LeakyRelu": { try $0.elementwise($1, .leakyReLU(slope: try $1.real("alpha", default: 0.01))) },
        "HardSigmoid": {
            try $0.elementwise(
                $1, .hardSigmoid(slope: try $1.real("alpha", default: 0.2), offset: try $1.real("beta", default: 0.5)))
        },
        "HardSwish": { try $0.hardSwish($1) }, "Clip": { try $0.clip($1) },
        "Add": { try $0.sum($1) }, "Sum": { try $0.sum($1) }, "Sub": { try $0.difference($1) },
        "Mul": { try $0.product($1) }, "Div": { try $0.quotient($1) },
        "Concat": { try $0.concatenation($1) }, "Pad": { try $0.pad($1) },
        "Flatten": { try $0.flatten($1) }, "Reshape": { try $0.reshape($1) }, "Squeeze": { try $0.squeeze($1) },
        "Unsqueeze": { try $0.unsqueeze($1) }, "Transpose": { try $0.transpose($1) },
        "Constant": { try $0.constantNode($1) }, "Identity": { try $0.unchanged($1) },
        "Dropout": { try $0.dropout($1) },
        // Shapes of a batch of any size, as x.view(x.size(0), -1) becomes.
        "Shape": { try $0.shapeOf($1) }, "Gather": { try $0.gather($1) },
    ]

    mutating func run(_ node: ONNXFile.Node) throws -> [Value] {
        guard node.domain.isEmpty || node.domain == "ai.onnx", let run = Self.operators[node.operation] else {
            throw Refusal("there is no layer for this operator")
        }
        return try run(&self, node)
    }

    // MARK: Elementwise functions

    private func elementwise(_ node: ONNXFile.Node, _ operation: ElementaryOperation) throws -> [Value] {
        [.signal(try appending(.operation(operation), to: try signal(node, 0), node))]
    }

    private func appending(
        _ function: ONNXSignal.Elementwise, to signal: ONNXSignal, _ node: ONNXFile.Node
    ) throws -> ONNXSignal {
        guard signal.padding == .init() else { throw Refusal("zeros around its input are only for a convolution") }
        guard signal.functions.count < 32 else { throw Refusal("more than 32 elementwise functions in a row") }
        var signal = signal
        signal.append(function, of: node)
        return signal
    }

    private func hardSwish(_ node: ONNXFile.Node) throws -> [Value] {
        let half = try appending(
            .operation(.hardSigmoid(slope: 1 / 6, offset: 0.5)), to: try signal(node, 0), node)
        return [.signal(try appending(.operation(.timesInput), to: half, node))]
    }

    private func clip(_ node: ONNXFile.Node) throws -> [Value] {
        func end(_ index: Int, _ name: String, _ fallback: Float) throws -> Float {
            guard file.operatorSet >= 11 else { return try node.real(name, default: fallback) }
            guard try input(node, index) != nil else { return fallback }
            guard let number = try floats(node, index).number else { throw Refusal("its ends are no numbers") }
            return number
        }
        let (low, high) = (
            try end(1, "min", -Float.greatestFiniteMagnitude), try end(2, "max", Float.greatestFiniteMagnitude)
        )
        let isOpen = high == Float.greatestFiniteMagnitude
        guard low < high else { throw Refusal("it clips to \(low)...\(high)") }
        if low == 0 && isOpen { return try elementwise(node, .relu) }
        return try elementwise(node, .clip(low: low, high: high))
    }

    // MARK: Sums and products

    private mutating func sum(_ node: ONNXFile.Node) throws -> [Value] {
        // A sum of one is that one.
        guard node.inputs.count != 1 else { return try unchanged(node) }
        guard node.inputs.count == 2 else {
            return [.signal(try combined(.sum, try node.inputs.indices.map { try signal(node, $0) }, node))]
        }
        switch (try input(node, 0), try input(node, 1)) {
        case (.signal(let a), .signal(let b)): return [.signal(try combined(.sum, [a, b], node))]
        case (.signal(let a), .constant(let b)), (.constant(let b), .signal(let a)):
            return [.signal(try affine(a, scale: nil, shift: b, node))]
        default: throw Refusal("it takes no image")
        }
    }

    /// The results of several steps element by element: of one shape, or one element a channel.
    private mutating func combined(
        _ operation: Arithmetic, _ signals: [ONNXSignal], _ node: ONNXFile.Node
    ) throws -> ONNXSignal {
        var signals = signals
        for index in signals.indices { signals[index].step = try layer(&signals[index]) }
        guard let whole = signals.max(by: { $0.count < $1.count }), signals.allSatisfy({ meets($0, whole) }) else {
            let (verb, joint) = operation.words
            throw Refusal("it \(verb) \(signals.map { "\($0.shape)" }.joined(separator: " \(joint) "))")
        }
        var result = try append(
            .arithmetic(operation), signals.map(\.step), steps[whole.step].shape, node.title, node.name)
        (result.shape, result.order) = (whole.shape, whole.order)
        return result
    }

    /// True where each element of a step's result meets its own of another one: all of them, or one a channel.
    private func meets(_ signal: ONNXSignal, _ whole: ONNXSignal) -> Bool {
        let (own, shape) = (steps[signal.step].shape, steps[whole.step].shape)
        if own == shape { return signal.shape == whole.shape && signal.order == whole.order }
        guard own.area == 1, own.channels == shape.channels, signal.shape.count == whole.shape.count,
            let places = places(of: signal.shape, over: whole.shape)
        else { return false }
        return places.enumerated().allSatisfy { index, place in
            (signal.order.map { Int($0[place]) } ?? place) == (whole.order.map { Int($0[index]) } ?? index) / shape.area
        }
    }

    private mutating func difference(_ node: ONNXFile.Node) throws -> [Value] {
        switch (try input(node, 0), try input(node, 1)) {
        case (.signal(let x), .constant(let constant)):
            return [.signal(try affine(x, scale: nil, shift: constant.negated, node))]
        case (.constant(let constant), .signal(let x)):
            if constant.number == 1 { return [.signal(try appending(.operation(.oneMinus), to: x, node))] }
            let negated = try affine(x, scale: .number(-1), shift: nil, node)
            return [.signal(try affine(negated, scale: nil, shift: constant, node))]
        case (.signal(let x), .signal(let y)):
            return [.signal(try combined(.sum, [x, try affine(y, scale: .number(-1), shift: nil, node)], node))]
        default: throw Refusal("it takes no image")
        }
    }

    private mutating func product(_ node: ONNXFile.Node) throws -> [Value] {
        switch (try input(node, 0), try input(node, 1)) {
        case (.signal(let x), .constant(let constant)), (.constant(let constant), .signal(let x)):
            return [.signal(try affine(x, scale: constant, shift: nil, node))]
        case (.signal(let a), .signal(let b)):
            if let part = try partOfActivation(a, b, node) { return [.signal(part)] }
            return [.signal(try combined(.product, [a, b], node))]
        default: throw Refusal("it takes no image")
        }
    }

    /// The product of two signals as an elementwise function of the shorter one, where an activation begins like that.
    private mutating func partOfActivation(
        _ a: ONNXSignal, _ b: ONNXSignal, _ node: ONNXFile.Node
    ) throws -> ONNXSignal? {
        guard a.step == b.step, a.shape == b.shape, a.order == b.order else { return nil }
        if a.functions == b.functions { return try appending(.operation(.square), to: a, node) }
        var (factor, function) = a.functions.count < b.functions.count ? (a, b) : (b, a)
        guard function.functions.starts(with: factor.functions) else { return nil }
        function.removeFunctions(first: factor.functions.count)
        guard ONNXActivations.begins(with: function.functions + [.operation(.timesInput)]) else { return nil }
        // The factor becomes a layer, the function behind it one that ends with a product with its input.
        function.step = try layer(&factor)
        return try appending(.operation(.timesInput), to: function, node)
    }

    private mutating func quotient(_ node: ONNXFile.Node) throws -> [Value] {
        switch (try input(node, 0), try input(node, 1)) {
        case (.signal(let x), .constant(let constant)):
            guard let numbers = constant.floats, numbers.allSatisfy({ $0 != 0 && (1 / $0).isFinite }) else {
                throw Refusal("it divides by 0, or by what is no number")
            }
            let inverse = ONNXConstant(shape: constant.shape, elements: .floats(numbers.map { 1 / $0 }))
            return [.signal(try affine(x, scale: inverse, shift: nil, node))]
        case (.signal(let x), .signal(let y)): return [.signal(try combined(.quotient, [x, y], node))]
        case (.constant, .signal): throw Refusal("it divides a constant by what depends on the image")
        default: throw Refusal("it takes no image")
        }
    }

    /// scale x + shift with constants that have one number, one a channel or one an element.
    private mutating func affine(
        _ signal: ONNXSignal, scale: ONNXConstant?, shift: ONNXConstant?, _ node: ONNXFile.Node
    ) throws -> ONNXSignal {
        guard let constant = scale ?? shift, let numbers = constant.floats else {
            throw Refusal("its constant is no tensor of numbers")
        }
        if let number = constant.number {
            let function: ONNXSignal.Elementwise =
                scale == nil ? .affine(scale: 1, shift: number) : .affine(scale: number, shift: 0)
            return try appending(function, to: signal, node)
        }
        var input = signal
        let step = try layer(&input)
        let shape = steps[step].shape
        let values = try spread(constant.shape, numbers, over: input, shape)
        let (ones, zeros) = ([Float](repeating: 1, count: values.count), [Float](repeating: 0, count: values.count))
        var result = try append(
            .affine(scale: scale == nil ? ones : values, shift: scale == nil ? values : zeros), [step], shape,
            node.title, node.name)
        (result.shape, result.order) = (input.shape, input.order)
        return result
    }

    /// A constant's numbers as one a channel, or one an element (CHW), of the image that a signal is.
    private func spread(
        _ shape: [Int], _ numbers: [Float], over signal: ONNXSignal, _ image: ImageShape
    ) throws -> [Float] {
        // The batch has one element at most.
        let hasBatch = shape.count == signal.shape.count + 1 && shape[0] == 1
        guard let places = places(of: hasBatch ? Array(shape.dropFirst()) : shape, over: signal.shape) else {
            throw Refusal("its constant has the shape \(shape) for an image of \(signal.shape)")
        }
        var values = [Float](repeating: 0, count: image.count)
        for (index, place) in places.enumerated() {
            values[signal.order.map { Int($0[index]) } ?? index] = numbers[place]
        }
        let area = image.area
        let channels = (0..<image.channels).map { values[$0 * area] }
        return values.indices.allSatisfy { values[$0] == channels[$0 / area] } ? channels : values
    }

    /// The element of a tensor that meets each element of another one, axes being matched from the last one on; nil
    /// where the shapes do not fit.
    private func places(of extents: [Int], over shape: [Int]) -> [Int]? {
        guard extents.count <= shape.count else { return nil }
        let extents = [Int](repeating: 1, count: shape.count - extents.count) + extents
        guard zip(extents, shape).allSatisfy({ $0 == 1 || $0 == $1 }) else { return nil }
        return zip(extents, shape).reduce([0]) { places, axis in
            places.flatMap { place in (0..<axis.1).map { place * axis.0 + (axis.0 == 1 ? 0 : $0) } }
        }
    }

    // MARK: Layers

    private mutating func convolution(_ node: ONNXFile.Node) throws -> [Value] {
        let (weight, x) = (try floats(node, 1), try image(try signal(node, 0)))
        guard weight.shape.count == 4 else { throw Refusal("its weight has the shape \(weight.shape)") }
        let groups = try node.integer("group", default: 1)
        let (height, width) = (weight.shape[2], weight.shape[3])
        guard (1...x.shape.channels).contains(groups), weight.shape.allSatisfy({ $0 > 0 }),
            weight.shape[1] * groups == x.shape.channels,
            weight.shape[0] % groups == 0
        else { throw Refusal("its weight has the shape \(weight.shape) for an image of \(x.shape)") }
        let window = try window(node, x.shape, height, width, padding: x.padding)
        let bias = try bias(node, 2, count: weight.shape[0])
        let convolution = ImportedGraph.Convolution(
            weight: weight.floats ?? [], bias: bias, hasBias: try input(node, 2) != nil, filters: weight.shape[0],
            height: height, width: width,
            strides: window.strides, dilations: window.dilations, groups: groups, padding: window.padding)
        let shape = ImageShape(height: window.rows, width: window.columns, channels: weight.shape[0])
        return [.signal(try append(.convolution(convolution), [x.step], shape, node.title, node.name))]
    }

    private func bias(_ node: ONNXFile.Node, _ index: Int, count: Int) throws -> [Float] {
        guard try input(node, index) != nil else { return [Float](repeating: 0, count: count) }
        let bias = try floats(node, index)
        // A column would be one number an image.
        guard let numbers = bias.floats, numbers.count == 1 || numbers.count == count && bias.shape.last == count else {
            throw Refusal("its bias has the shape \(bias.shape)")
        }
        return numbers.count == count ? numbers : [Float](repeating: numbers[0], count: count)
    }

    /// A window that moves over an image.
    private struct Window {
        var strides: (Int, Int)
        var dilations: Extent
        var padding: ImportedGraph.Sides
        var rows, columns: Int
    }

    /// - Parameter ceiling: whether a last window that lies on the image in part counts (`ceil_mode`).
    private func window(
        _ node: ONNXFile.Node, _ image: ImageShape, _ height: Int, _ width: Int, padding: ImportedGraph.Sides,
        ceiling: Bool = false
    ) throws -> Window {
        func pair(_ name: String) throws -> (Int, Int) {
            let numbers = try node.integers(name) ?? [1, 1]
            guard numbers.count == 2, numbers.allSatisfy({ (1...65_536).contains($0) }) else {
                throw Refusal("its \(name) are \(numbers)")
            }
            return (numbers[0], numbers[1])
        }
        if let size = try node.integers("kernel_shape"), size != [height, width] {
            throw Refusal("its kernel_shape is \(size), its weight's \([height, width])")
        }
        let (strides, steps) = (try pair("strides"), try pair("dilations"))
        let dilations = Extent(steps.0, steps.1)
        let pads = try node.integers("pads") ?? [0, 0, 0, 0]
        guard pads.count == 4, pads.allSatisfy({ (0...65_536).contains($0) }) else {
            throw Refusal("its pads are \(pads)")
        }
        var sides = ImportedGraph.Sides(top: pads[0], left: pads[1], bottom: pads[2], right: pads[3])
        let reach = Extent(height, width).spanned(by: dilations)
        let automatic = try node.text("auto_pad", default: "NOTSET")
        func same(_ side: Int, _ kernel: Int, _ stride: Int) -> (Int, Int) {
            let all = max(0, ((side + stride - 1) / stride - 1) * stride + kernel - side)
            return automatic == "SAME_UPPER" ? (all / 2, all - all / 2) : (all - all / 2, all / 2)
        }
        switch automatic {
        case "NOTSET": break
        case "VALID": sides = .init()
        case "SAME_UPPER", "SAME_LOWER":
            (sides.top, sides.bottom) = same(image.height + padding.top + padding.bottom, reach.height, strides.0)
            (sides.left, sides.right) = same(image.width + padding.left + padding.right, reach.width, strides.1)
        default: throw Refusal("its auto_pad is '\(shortened(automatic))'")
        }
        sides = sides + padding
        func count(_ side: Int, _ before: Int, _ after: Int, _ kernel: Int, _ stride: Int) throws -> (Int, Int) {
            let room = side + before + after - kernel
            guard room >= 0 else { throw Refusal("its kernel is larger than its image of \(image)") }
            var count = room / stride + 1
            // A last window has to begin on the image or in the zeros before it.
            if ceiling, room % stride > 0, count * stride < side + before { count += 1 }
            return (count, max(after, (count - 1) * stride + kernel - side - before))
        }
        let (rows, columns): (Int, Int)
        (rows, sides.bottom) = try count(image.height, sides.top, sides.bottom, reach.height, strides.0)
        (columns, sides.right) = try count(image.width, sides.left, sides.right, reach.width, strides.1)
        return Window(strides: strides, dilations: dilations, padding: sides, rows: rows, columns: columns)
    }

    private mutating func pool(_ node: ONNXFile.Node, _ kind: Pooling.Kind) throws -> [Value] {
        let x = try image(try signal(node, 0))
        guard x.padding == .init() else { throw Refusal("zeros around its input are only for a convolution") }
        guard let size = try node.integers("kernel_shape"), size.count == 2,
            size.allSatisfy({ (1...65_536).contains($0) })
        else { throw Refusal("it has no kernel_shape of two numbers") }
        let isCeiling = try node.integer("ceil_mode", default: 0) != 0
        let window = try window(node, x.shape, size[0], size[1], padding: .init(), ceiling: isCeiling)
        guard window.dilations == 1 else { throw Refusal("its dilations are not 1") }
        let countsPadding = try node.integer("count_include_pad", default: 0) != 0
        guard !countsPadding || !isCeiling else { throw Refusal("it counts padding and rounds up") }
        let shape = ImageShape(height: window.rows, width: window.columns, channels: x.shape.channels)
        if kind == .average, countsPadding, window.padding != .init() {
            // With the zeros around the image it is a convolution of each channel by itself.
            let channels = x.shape.channels
            guard channels * size[0] * size[1] <= 1 << 24 else { throw Refusal("its window is too large") }
            let share = 1 / Float(size[0] * size[1])
            let convolution = ImportedGraph.Convolution(
                weight: [Float](repeating: share, count: channels * size[0] * size[1]),
                bias: [Float](repeating: 0, count: channels), hasBias: false, filters: channels, height: size[0],
                width: size[1], strides: window.strides, dilations: 1, groups: channels, padding: window.padding)
            return [.signal(try append(.convolution(convolution), [x.step], shape, node.title, node.name))]
        }
        let pool = ImportedGraph.Pool(
            kind: kind, height: size[0], width: size[1], strides: window.strides, padding: window.padding)
        return [.signal(try append(.pool(pool), [x.step], shape, node.title, node.name))]
    }

    private mutating func globalAverage(_ node: ONNXFile.Node) throws -> [Value] {
        let x = try image(try signal(node, 0))
        guard x.padding == .init() else { throw Refusal("zeros around its input are only for a convolution") }
        let shape = ImageShape(height: 1, width: 1, channels: x.shape.channels)
        return [.signal(try append(.globalAverage, [x.step], shape, node.title, node.name))]
    }

    private mutating func reduceMean(_ node: ONNXFile.Node) throws -> [Value] {
        let axes = try integers(node, 1) ?? node.integers("axes") ?? []
        guard axes.map({ $0 < 0 ? $0 + 4 : $0 }).sorted() == [2, 3] else {
            throw Refusal("it averages over the axes \(axes), not over the image")
        }
        guard case .signal(let result) = try globalAverage(node)[0] else { return [] }
        return [
            .signal(try node.integer("keepdims", default: 1) != 0 ? result : result.reshaped([result.shape[0]]))
        ]
    }

    private mutating func normalization(_ node: ONNXFile.Node) throws -> [Value] {
        var x = try signal(node, 0)
        let step = try layer(&x)
        let shape = steps[step].shape
        let parameters = try (1...4).map { try bias(node, $0, count: shape.channels) }
        guard x.order == nil, x.shape == shape.extents || x.shape == [shape.count] && shape.area == 1 else {
            throw Refusal("its input is no image, channels first")
        }
        guard node.inputs.count == 5, try node.integer("training_mode", default: 0) == 0,
            parameters[3].allSatisfy({ $0 >= 0 })
        else { throw Refusal("it has no moments of its own") }
        let epsilon = try node.real("epsilon", default: 1e-5)
        // The largest one that a recipe can state.
        guard epsilon > 0, epsilon <= 1e6 else { throw Refusal("its epsilon is \(epsilon)") }
        // The shortest decimal number, as a person wrote it.
        let operation = ImportedGraph.Normalization(
            gamma: parameters[0], beta: parameters[1], mean: parameters[2], variance: parameters[3],
            stabilizer: Double("\(epsilon)") ?? Double(epsilon))
        return [.signal(try append(.normalization(operation), [step], shape, node.title, node.name).reshaped(x.shape))]
    }

    private mutating func gemm(_ node: ONNXFile.Node) throws -> [Value] {
        guard try node.integer("transA", default: 0) == 0 else { throw Refusal("it transposes its input") }
        let weight = try matrix(node)
        let isTransposed = try node.integer("transB", default: 0) != 0
        let outputs = weight.shape[isTransposed ? 0 : 1]
        let (alpha, beta) = (try node.real("alpha", default: 1), try node.real("beta", default: 1))
        let bias = try bias(node, 2, count: outputs).map { $0 * beta }
        return [.signal(try dense(node, weight, isTransposed: isTransposed, scale: alpha, bias: bias))]
    }

    private mutating func matMul(_ node: ONNXFile.Node) throws -> [Value] {
        let weight = try matrix(node)
        let zeros = [Float](repeating: 0, count: weight.shape[1])
        return [.signal(try dense(node, weight, isTransposed: false, scale: 1, bias: zeros))]
    }

    /// The weight of a product of matrices. One without elements may say any extent beside its 0.
    private func matrix(_ node: ONNXFile.Node) throws -> ONNXConstant {
        let weight = try floats(node, 1)
        guard weight.shape.count == 2, weight.shape.allSatisfy({ $0 > 0 }) else {
            throw Refusal("its weight has the shape \(weight.shape)")
        }
        return weight
    }

    private mutating func dense(
        _ node: ONNXFile.Node, _ weight: ONNXConstant, isTransposed: Bool, scale: Float, bias: [Float]
    ) throws -> ONNXSignal {
        var x = try signal(node, 0)
        let step = try layer(&x)
        let (inputs, outputs) = (weight.shape[isTransposed ? 1 : 0], bias.count)
        guard x.shape.count == 1, x.count == inputs, let numbers = weight.floats else {
            throw Refusal("its weight has the shape \(weight.shape) for \(x.shape) inputs")
        }
        var rows = [Float](repeating: 0, count: outputs * inputs)
        for k in 0..<inputs {
            let place = x.order.map { Int($0[k]) } ?? k
            for o in 0..<outputs {
                rows[o * inputs + place] = scale * numbers[isTransposed ? o * inputs + k : k * outputs + o]
            }
        }
        let shape = ImageShape(height: 1, width: 1, channels: outputs)
        return try append(.dense(.init(weight: rows, bias: bias)), [step], shape, node.title, node.name).reshaped([
            outputs
        ])
    }

    private mutating func concatenation(_ node: ONNXFile.Node) throws -> [Value] {
        let inputs = try node.inputs.indices.compactMap { try input(node, $0) }
        let lists = inputs.compactMap { value -> [Int]? in
            if case .constant(let constant) = value { constant.integers } else { nil }
        }
        if lists.count == inputs.count {
            let all = lists.flatMap { $0 }
            guard all.count <= 1 << 10 else { throw Refusal("it makes a list of \(all.count) integers") }
            return [.constant(ONNXConstant(shape: [all.count], elements: .integers(all)))]
        }
        var images: [(step: Int, shape: ImageShape, padding: ImportedGraph.Sides)] = []
        for index in inputs.indices { images.append(try image(try signal(node, index))) }
        let (first, axis) = (images[0].shape, try node.integer("axis", default: 1))
        guard axis == 1 || axis == -3, images.allSatisfy({ $0.padding == .init() }),
            images.allSatisfy({ ($0.shape.height, $0.shape.width) == (first.height, first.width) })
        else { throw Refusal("it does not put channels of equal images behind each other") }
        let shape = ImageShape(
            height: first.height, width: first.width, channels: images.reduce(0) { $0 + $1.shape.channels })
        return [.signal(try append(.concatenation, images.map(\.step), shape, node.title, node.name))]
    }
}

extension ONNXConstant {
    /// A number as a constant.
    static func number(_ value: Float) -> ONNXConstant { ONNXConstant(shape: [], elements: .floats([value])) }

    /// Its numbers with the other sign.
    var negated: ONNXConstant {
        guard let floats else { return self }
        return ONNXConstant(shape: shape, elements: .floats(floats.map { -$0 }))
    }
}

extension ONNXFile.Node {
    func real(_ name: String, default fallback: Float) throws -> Float {
        guard let attribute = attributes[name] else { return fallback }
        guard case .real(let value) = attribute, !value.isNaN else {
            throw ONNXInterpreter.Refusal("its \(name) is no number")
        }
        return value
    }

    func integer(_ name: String, default fallback: Int) throws -> Int {
        guard let attribute = attributes[name] else { return fallback }
        guard case .integer(let value) = attribute else { throw ONNXInterpreter.Refusal("its \(name) is no integer") }
        return value
    }

    func integers(_ name: String) throws -> [Int]? {
        guard let attribute = attributes[name] else { return nil }
        guard case .integers(let values) = attribute else {
            throw ONNXInterpreter.Refusal("its \(name) are no integers")
        }
        return values
    }

    func text(_ name: String, default fallback: String) throws -> String {
        guard let attribute = attributes[name] else { return fallback }
        guard case .text(let value) = attribute else { throw ONNXInterpreter.Refusal("its \(name) is no text") }
        return value
    }
}
