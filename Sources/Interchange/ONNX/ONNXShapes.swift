import Kernels

// Operators that move elements, or say where they are, and compute nothing.

extension ONNXInterpreter {
    mutating func unchanged(_ node: ONNXFile.Node) throws -> [Value] {
        guard let value = try input(node, 0) else { throw Refusal("it has no input") }
        return [value]
    }

    mutating func dropout(_ node: ONNXFile.Node) throws -> [Value] {
        guard try integers(node, 2)?.contains(where: { $0 != 0 }) != true else {
            throw Refusal("its training_mode drops elements out in every pass")
        }
        return try unchanged(node)
    }

    mutating func constantNode(_ node: ONNXFile.Node) throws -> [Value] {
        switch (node.attributes["value"], node.attributes["value_float"], node.attributes["value_int"]) {
        case (.tensor(let tensor), _, _): return [.constant(try constant(tensor))]
        case (_, .real(let value), _): return [.constant(ONNXConstant(shape: [], elements: .floats([value])))]
        case (_, _, .integer(let value)): return [.constant(ONNXConstant(shape: [], elements: .integers([value])))]
        default: break
        }
        if case .reals(let values) = node.attributes["value_floats"] {
            return [.constant(ONNXConstant(shape: [values.count], elements: .floats(values)))]
        }
        if case .integers(let values) = node.attributes["value_ints"] {
            return [.constant(ONNXConstant(shape: [values.count], elements: .integers(values)))]
        }
        throw Refusal("its value is no tensor of numbers")
    }

    mutating func flatten(_ node: ONNXFile.Node) throws -> [Value] {
        let x = try unpadded(node)
        let axis = try node.integer("axis", default: 1)
        guard axis == 1 || axis == -x.shape.count else { throw Refusal("it flattens from axis \(axis), not from 1") }
        return [.signal(x.reshaped([x.count], by: node))]
    }

    mutating func reshape(_ node: ONNXFile.Node) throws -> [Value] {
        guard let target = try integers(node, 1) else { throw Refusal("its shape is missing") }
        let keepsZero = try node.integer("allowzero", default: 0) == 0
        let text = "[\(target.map { $0 == ONNXConstant.batch ? "N" : "\($0)" }.joined(separator: ", "))]"
        if case .constant(var constant) = try input(node, 0) {
            guard target.count <= 16, let extents = extents(target, of: constant.shape, keepsZero: keepsZero) else {
                throw Refusal("its shape \(text) is none for a constant of \(constant.shape)")
            }
            constant.shape = extents
            return [.constant(constant)]
        }
        let x = try unpadded(node)
        guard target.count >= 2, target.count <= 16, target[0] >= -1 || target[0] == ONNXConstant.batch,
            target.dropFirst().allSatisfy({ $0 >= -1 })
        else { throw Refusal("its shape \(text) mixes the images of a batch") }
        guard target.count(where: { $0 == -1 }) <= 1 else {
            throw Refusal("its shape \(text) leaves more than one extent open")
        }
        // The batch is the first axis: of one image, as it is, or what is left.
        guard [-1, 0, 1, ONNXConstant.batch].contains(target[0]),
            let extents = extents(Array(target.dropFirst()), of: x.shape, keepsZero: keepsZero)
        else { throw Refusal("its shape \(text) is none for images of \(x.shape)") }
        return [.signal(x.reshaped(extents, by: node))]
    }

    /// The extents that a shape of Reshape stands for: -1 is what the others leave, 0 the extent as it was. Nil where
    /// they do not hold as many elements.
    private func extents(_ target: [Int], of shape: [Int], keepsZero: Bool) -> [Int]? {
        func product(_ extents: [Int]) -> Int? {
            extents.reduce(1) { product, extent in
                guard let (result, overflow) = product?.multipliedReportingOverflow(by: extent) else { return nil }
                return overflow ? nil : result
            }
        }
        var extents = target.enumerated().map { axis, extent in
            extent == 0 && keepsZero && axis < shape.count ? shape[axis] : extent
        }
        let open = extents.indices.filter { extents[$0] == -1 }
        guard let count = product(shape), let known = product(extents.filter { $0 != -1 }) else { return nil }
        if open.count == 1, known > 0, count % known == 0 { extents[open[0]] = count / known }
        return extents.allSatisfy { $0 > 0 } && product(extents) == count ? extents : nil
    }

    mutating func squeeze(_ node: ONNXFile.Node) throws -> [Value] {
        let x = try unpadded(node)
        let rank = x.shape.count + 1
        let axes = try (integers(node, 1) ?? node.integers("axes"))?.map { $0 < 0 ? $0 + rank : $0 }
        let taken = axes ?? x.shape.indices.filter { x.shape[$0] == 1 }.map { $0 + 1 }
        guard taken.allSatisfy({ (1..<rank).contains($0) && x.shape[$0 - 1] == 1 }) else {
            throw Refusal("it squeezes the axes \(taken) of images of \(x.shape)")
        }
        return [.signal(x.reshaped(x.shape.indices.filter { !taken.contains($0 + 1) }.map { x.shape[$0] }))]
    }

    mutating func unsqueeze(_ node: ONNXFile.Node) throws -> [Value] {
        let axes = try integers(node, 1) ?? node.integers("axes") ?? []
        /// A shape with these axes more; those before `first` stay in front.
        func extended(_ shape: [Int], first: Int) throws -> [Int] {
            let rank = shape.count + axes.count
            var shape = shape
            for axis in axes.map({ $0 < 0 ? $0 + rank : $0 }).sorted() {
                guard axes.count <= 8, (first..<rank).contains(axis), axis <= shape.count else {
                    throw Refusal("it adds the axes \(axes)")
                }
                shape.insert(1, at: axis)
            }
            return shape
        }
        if case .constant(var constant) = try input(node, 0) {
            constant.shape = try extended(constant.shape, first: 0)
            return [.constant(constant)]
        }
        let x = try unpadded(node)
        return [.signal(x.reshaped(Array(try extended([1] + x.shape, first: 1).dropFirst()), by: node))]
    }

    mutating func transpose(_ node: ONNXFile.Node) throws -> [Value] {
        let x = try unpadded(node)
        let rank = x.shape.count + 1
        let permutation = try node.integers("perm") ?? (0..<rank).reversed()
        guard permutation.count == rank, permutation.sorted() == Array(0..<rank), permutation[0] == 0 else {
            throw Refusal("its perm is \(permutation); the first axis has to stay")
        }
        return [.signal(x.transposed(permutation.dropFirst().map { $0 - 1 }))]
    }

    mutating func pad(_ node: ONNXFile.Node) throws -> [Value] {
        var x = try signal(node, 0)
        var pads = try (file.operatorSet >= 11 ? integers(node, 1) : node.integers("pads")) ?? []
        if let axes = try integers(node, 3) {
            let rank = x.shape.count + 1
            let places = axes.map { $0 < 0 ? $0 + rank : $0 }
            guard pads.count == 2 * places.count, Set(places).count == places.count,
                places.allSatisfy({ (0..<rank).contains($0) })
            else { throw Refusal("it has \(pads.count) pads for the axes \(axes)") }
            var all = [Int](repeating: 0, count: 2 * rank)
            for (index, place) in places.enumerated() {
                (all[place], all[rank + place]) = (pads[index], pads[places.count + index])
            }
            pads = all
        }
        if pads.allSatisfy({ $0 == 0 }) { return [.signal(x)] }
        let mode = try node.text("mode", default: "constant")
        let value =
            try file.operatorSet < 11
            ? node.real("value", default: 0) : try input(node, 2) == nil ? 0 : floats(node, 2).number ?? .nan
        guard mode == "constant", value == 0, x.shape.count == 3, pads.count == 8,
            [0, 1, 4, 5].allSatisfy({ pads[$0] == 0 }), pads.allSatisfy({ (0...65_536).contains($0) })
        else {
            throw Refusal(
                "it does not put zeros around an image: mode \(shortened(mode)), value \(value), pads \(pads)")
        }
        guard x.padding == .init() else { throw Refusal("zeros around zeros") }
        x.padding = .init(top: pads[2], left: pads[3], bottom: pads[6], right: pads[7])
        return [.signal(x)]
    }

    /// The shape of a batch of any size.
    mutating func shapeOf(_ node: ONNXFile.Node) throws -> [Value] {
        let shape = [ONNXConstant.batch] + (try unpadded(node)).shape
        guard node.attributes["start"] == nil, node.attributes["end"] == nil else { throw Refusal("it takes a part") }
        return [.constant(ONNXConstant(shape: [shape.count], elements: .integers(shape)))]
    }

    mutating func gather(_ node: ONNXFile.Node) throws -> [Value] {
        guard case .constant(let list) = try input(node, 0), let numbers = list.integers, list.shape.count == 1,
            let places = try integers(node, 1), try node.integer("axis", default: 0) == 0,
            places.allSatisfy({ (-numbers.count..<numbers.count).contains($0) })
        else { throw Refusal("it takes no elements of a list of integers") }
        let taken = places.map { numbers[$0 < 0 ? $0 + numbers.count : $0] }
        return [.constant(ONNXConstant(shape: taken.count == 1 ? [] : [taken.count], elements: .integers(taken)))]
    }

    private func unpadded(_ node: ONNXFile.Node) throws -> ONNXSignal {
        let x = try signal(node, 0)
        guard x.padding == .init() else { throw Refusal("zeros around its input are only for a convolution") }
        return x
    }
}
