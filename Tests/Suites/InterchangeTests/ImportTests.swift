import Checkpoints
import Datasets
import Essentials
import Foundation
import HDF5Files
import Interchange
import Kernels
import Networks
import TestSupport
import Testing

@Suite("Imported networks")
struct ImportTests {
    private static func settings(_ network: Network) throws -> ImportSettings {
        try ImportSettings(dataset: "mnist", image: network.input, classes: network.classes)
    }

    @Test("an export comes back with equal tensors and an equal network", arguments: SmallNetworks.all.map(\.name))
    func ownExport(_ name: String) throws {
        let network = try #require(SmallNetworks.all.first { $0.name == name }).network
        let model = Model(try NetworkPlan(network))
        model.drawWeights(seed: 5)
        for moments in model.layout.moments {
            for i in 0..<2 * moments.channels { model.moments.pointer[moments.offset + i] = 0.5 + Float(i) }
        }
        var original = unfinishedCheckpoint(network: network.json)
        (original.tensors, original.groupAttributes) = ([:], [:])
        original.store(model, meanImage: (0..<network.input.count).map { Float($0) * 0.1 })
        try withTemporaryDirectory { folder in
            try write(try original.onnx(), to: folder + "/own.onnx")
            let imported = try Checkpoint.imported(onnx: folder + "/own.onnx", try Self.settings(network))
            let refused = try failure {
                _ = try Checkpoint.imported(
                    onnx: folder + "/own.onnx",
                    try ImportSettings(
                        dataset: "mnist", image: network.input, classes: network.classes, deviation: [1]))
            }
            #expect(refused.code == .usage && refused.message.contains("own.onnx is an export of steadfast"))
            #expect(imported.trainingDigest == original.trainingDigest)
            #expect(try imported.network() == network)
            #expect(imported.groupAttributes["model/norm1"] == original.groupAttributes["model/norm1"])
            #expect(imported.header.variant == "imported" && imported.header.sourceFile == "own.onnx")
            #expect(imported.header.sourceDigest?.count == 64 && imported.header.step == 0)
            try imported.save(to: folder + "/own.h5")
            let loaded = try Checkpoint.load(folder + "/own.h5")
            #expect(loaded.header == imported.header && loaded.contentDigest == imported.contentDigest)
        }
    }

    @Test("a product of a layer and its sigmoid comes back as such, and a SiLU as a SiLU: their bits differ")
    func gateOfItself() throws {
        let sigmoid = Layer(ActivationLayer(.sigmoid), name: "s", inputs: ["c"])
        for middle in [
            [sigmoid, .multiply(["c", "s"])], [sigmoid, .multiply(["s", "c"])], [.activation(.silu)],
        ] as [[Layer]] {
            var network = SmallNetworks.plain
            network.layers =
                [Layer(ConvolutionLayer(channels: 2, size: 3), name: "c")] + middle
                + [.fullyConnected(.init(channels: network.classes))]
            let model = Model(try NetworkPlan(network))
            model.drawWeights(seed: 5)
            var original = unfinishedCheckpoint(network: network.json)
            (original.tensors, original.groupAttributes) = ([:], [:])
            original.store(model, meanImage: [Float](repeating: 1, count: network.input.count))
            let imported = try Checkpoint.imported(onnx: try original.onnx(), path: "a.onnx", Self.settings(network))
            #expect(try imported.network() == network && imported.trainingDigest == original.trainingDigest)
        }
    }

    // MARK: Graphs written here

    /// A graph of nodes behind `x`, [images, 1, 4, 4], whose last node gives two logits.
    private static func model(
        shape: [Int?] = [nil, 1, 4, 4], operatorSet: Int = 13, _ build: (inout ONNXModelWriter) -> String
    ) -> [UInt8] {
        var graph = ONNXModelWriter()
        let end = build(&graph)
        return graph.model(input: shape, output: end, operatorSet: operatorSet)
    }

    private static let image = ImageShape(height: 4, width: 4, channels: 1)

    private static func imported(_ bytes: [UInt8], mean: [Double] = [0], deviation: [Double] = [1]) throws -> Checkpoint
    {
        try Checkpoint.imported(
            onnx: bytes, path: "a.onnx",
            try ImportSettings(dataset: "mnist", image: image, classes: 2, mean: mean, deviation: deviation))
    }

    /// The logits of one image of pixels in 0...255.
    private static func logits(_ checkpoint: Checkpoint, _ pixels: [Float]) throws -> [Float] {
        let propagation = Propagation(try checkpoint.model(), lanes: 1, laneCapacity: 1, backward: false)
        propagation.begin(images: 1)
        let mean = try checkpoint.meanImage(Self.image)
        for i in pixels.indices { propagation.input.pointer[i] = pixels[i] - mean[i] }
        try propagation.forward(.running, reducer: nil)
        return (0..<2).map { propagation.outputs[$0] }
    }

    private static let weight = (0..<32).map { Float($0 % 7) - 3 }
    private static let pixels = (0..<16).map { Float($0 * 16) }

    /// The logits of `weight` on values of an image.
    private static func expected(_ values: [Float]) -> [Float] {
        (0..<2).map { row in (0..<16).reduce(0) { $0 + weight[row * 16 + $1] * values[$1] } }
    }

    private static func close(_ found: [Float], _ expected: [Float]) -> Bool {
        zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-4 * (1 + abs($1)) }
    }

    @Test("matrix products in all forms, with an input's normalisation, factors and terms")
    func products() throws {
        let bytes = Self.model { graph in
            let weight = graph.tensor("w", [2, 16], Self.weight)
            let flat = graph.node("Flatten", ["x"], "flat", ["axis": .integer(1)])
            return graph.node("Gemm", [flat, weight], "fc", ["transB": .integer(1), "alpha": .real(2)])
        }
        let plain = try Self.logits(try Self.imported(bytes), Self.pixels)
        #expect(Self.close(plain, Self.expected(Self.pixels.map { 2 * $0 / 255 })))
        let scaled = try Self.logits(try Self.imported(bytes, mean: [0.5], deviation: [0.25]), Self.pixels)
        #expect(Self.close(scaled, Self.expected(Self.pixels.map { 2 * ($0 / 255 - 0.5) / 0.25 })))
        // The weights stay the model's: it trains further at the rates that it is used to.
        let normalised = try Self.imported(bytes, mean: [0.5], deviation: [0.25])
        #expect(try normalised.network().inputScale == [4 / 255] && normalised.header.recipe.contains("input_scale"))
        #expect(normalised.tensors["model/fc/weight"] == (try Self.imported(bytes)).tensors["model/fc/weight"])
        // A factor that no recipe allows goes into the weight.
        let negative = Self.model { graph in
            let weight = graph.tensor("w", [2, 16], Self.weight)
            let turned = graph.node("Mul", ["x", graph.tensor("minus", [1], [-1])], "turned")
            let flat = graph.node("Flatten", [turned], "flat", ["axis": .integer(1)])
            return graph.node("Gemm", [flat, weight], "fc", ["transB": .integer(1)])
        }
        let turned = try Self.imported(negative)
        #expect(try turned.network().inputScale == nil)
        #expect(Self.close(try Self.logits(turned, Self.pixels), Self.expected(Self.pixels.map { -$0 / 255 })))

        // Channels last, a product that is not transposed, its bias as a sum, and a factor and a term before it.
        let other = Self.model(shape: [1, 4, 4, 1]) { graph in
            let transposed = (0..<32).map { Self.weight[$0 % 2 * 16 + $0 / 2] }
            let weight = graph.tensor("w", [16, 2], transposed)
            let bias = graph.tensor("b", [2], [1, -1])
            let half = graph.tensor("half", [], [0.5])
            var x = graph.node("Transpose", ["x"], "t", ["perm": .integers([0, 3, 1, 2])])
            x = graph.node("Sub", [graph.node("Div", [x, half], "div"), half], "sub")
            x = graph.node("Flatten", [x], "flat")
            x = graph.node("Add", [bias, graph.node("MatMul", [x, weight], "fc")], "add")
            return graph.node("Softmax", [graph.node("Identity", [x], "same")], "end")
        }
        let found = try Self.logits(try Self.imported(other), Self.pixels)
        let values = Self.expected(Self.pixels.map { $0 / 255 * 2 - 0.5 })
        #expect(Self.close(found, [values[0] + 1, values[1] - 1]))
    }

    @Test("the ways in which exporters write activations")
    func activations() throws {
        func activation(_ build: (inout ONNXModelWriter, String) -> String) throws -> [Layer] {
            let bytes = Self.model { graph in
                let weight = graph.tensor("w", [16, 16], (0..<256).map { Float($0 % 5) })
                let last = graph.tensor("v", [16, 2], Self.weight)
                let x = graph.node("MatMul", [graph.node("Flatten", ["x"], "f"), weight], "fc")
                return graph.node("MatMul", [build(&graph, x), last], "end")
            }
            return try Self.imported(bytes).network().layers.dropFirst().dropLast().map { layer in
                var layer = layer
                layer.name = nil
                return layer
            }
        }
        #expect(
            try activation { $0.node("Mul", [$1, $0.node("Sigmoid", [$1], "s")], "m") }
                == [.activation(.silu)])
        #expect(try activation { $0.node("HardSwish", [$1], "h") } == [.activation(.hardSwish)])
        #expect(
            try activation {
                let (three, six) = ($0.tensor("3", [], [3]), $0.tensor("6", [], [6]))
                let (zero, sum) = ($0.tensor("0", [], [0]), $0.node("Add", [$1, three], "a"))
                let clip = $0.node("Clip", [sum, zero, six], "c")
                return $0.node("Div", [$0.node("Mul", [$1, clip], "m"), six], "d")
            } == [.activation(.hardSwish)])
        #expect(
            try activation { $0.node("LeakyRelu", [$1], "l", ["alpha": .real(0.25)]) }
                == [.activation(try #require(Activation(rawValue: "leaky_relu:slope=0.25")))])
        #expect(try activation { $0.node("Tanh", [$1], "t") } == [.activation(.tanh)])
        let zero = try activation { $0.node("Clip", [$1, $0.tensor("0", [], [0])], "c") }
        #expect(zero == [.activation(.relu)])
        #expect(
            try activation { $0.node("Dropout", [$0.node("Relu", [$1], "r")], "d") } == [.activation(.relu)]
        )
    }

    @Test("branches, sums, norms anywhere, and layers that keep their names")
    func branches() throws {
        let bytes = Self.model { graph in
            let weight = graph.tensor("w", [3, 1, 3, 3], (0..<27).map { Float($0 % 5) - 2 })
            let one = graph.tensor("one", [3], [1, 1, 1])
            let pads = ["pads": .integers([1, 1, 1, 1])] as KeyValuePairs<String, ONNXModelWriter.Attribute>
            let first = graph.node("Conv", ["x", weight], "first", pads)
            let norm = graph.node(
                "BatchNormalization", [graph.node("Relu", [first], "a/b"), one, one, one, one], "norm")
            let scaled = graph.node("Mul", [norm, graph.tensor("s", [3, 1, 1], [1, 2, 3])], "scaled")
            let sum = graph.node("Sum", [graph.node("Add", [scaled, first], "sum")], "alone")
            let both = graph.node("Concat", [sum, first], "both", ["axis": .integer(1)])
            let mean = graph.node("Flatten", [graph.node("GlobalAveragePool", [both], "mean")], "flat")
            let last = graph.tensor("v", [6, 2], (0..<12).map { Float($0 % 3) - 1 })
            return graph.node("MatMul", [mean, last], "fc")
        }
        let checkpoint = try Self.imported(bytes)
        let network = try checkpoint.network()
        #expect(
            network.layers.map(\.name) == ["first", "layer2", "norm", "scaled", "sum", "both", "mean", "fc"])
        #expect(network.layers[4].inputs == ["scaled", "first"] && network.layers[1].inputs.isEmpty)
        #expect(network.stabilizer == 1e-5 && checkpoint.header.recipe.contains("stabilizer: 1e-05"))
        // By hand: each sum over the image of what the layers give.
        let x = Self.pixels.map { Double($0) / 255 }
        func pixel(_ y: Int, _ z: Int) -> Double { (0..<4).contains(y) && (0..<4).contains(z) ? x[y * 4 + z] : 0 }
        var means = [Double](repeating: 0, count: 6)
        for channel in 0..<3 {
            for y in 0..<4 {
                for z in 0..<4 {
                    var u = 0.0
                    for tap in 0..<9 {
                        u += Double((channel * 9 + tap) % 5 - 2) * pixel(y + tap / 3 - 1, z + tap % 3 - 1)
                    }
                    let normalized = (max(0, u) - 1) / (1 + 1e-5).squareRoot() + 1
                    means[channel] += (normalized * Double(channel + 1) + u) / 16
                    means[channel + 3] += u / 16
                }
            }
        }
        let expected = (0..<2).map { o in (0..<6).reduce(0.0) { $0 + means[$1] * Double(($1 * 2 + o) % 3 - 1) } }
        #expect(Self.close(try Self.logits(checkpoint, Self.pixels), expected.map { Float($0) }))
        let again = try Checkpoint.imported(
            onnx: try checkpoint.onnx(), path: "b.onnx",
            try ImportSettings(dataset: "mnist", image: Self.image, classes: 2))
        #expect(try again.network() == network && again.trainingDigest == checkpoint.trainingDigest)
    }

    /// Squeeze and excitation of three channels: first the convolution that it is behind, then its two layers of
    /// weights.
    private static let excitation: [[Float]] = [
        (0..<27).map { Float($0 % 5) - 2 }, [0.5, -1, 2, 1, 0.25, -0.5], [1, -2, 0.5, 1, -1, 2],
    ]

    /// The network's three channels of 4x4 and the gate of each, by hand.
    private static func excited() -> (image: [[Double]], gates: [Double]) {
        func pixel(_ y: Int, _ x: Int) -> Double {
            (0..<4).contains(y) && (0..<4).contains(x) ? Double(pixels[y * 4 + x]) / 255 : 0
        }
        let weights = excitation.map { $0.map { Double($0) } }
        let image = (0..<3).map { channel in
            (0..<16).map { place in
                (0..<9).reduce(0.0) { sum, tap in
                    sum + weights[0][channel * 9 + tap] * pixel(place / 4 + tap / 3 - 1, place % 4 + tap % 3 - 1)
                }
            }
        }
        let means = image.map { $0.reduce(0, +) / 16 }
        let hidden = (0..<2).map { row in max(0, (0..<3).reduce(0.0) { $0 + weights[1][row * 3 + $1] * means[$1] }) }
        let gates = (0..<3).map { row in
            Naive.activation(.sigmoid, (0..<2).reduce(0.0) { $0 + weights[2][row * 2 + $1] * hidden[$1] })
        }
        return (image, gates)
    }

    @Test("squeeze and excitation: a gate for each channel, by products or by quotients, channels first or last")
    func gates() throws {
        func model(_ build: (inout ONNXModelWriter, _ image: String, _ gate: String) -> String) -> [UInt8] {
            Self.model { graph in
                let weights = Self.excitation
                let conv = graph.node(
                    "Conv", ["x", graph.tensor("w0", [3, 1, 3, 3], weights[0])], "conv",
                    ["pads": .integers([1, 1, 1, 1])])
                let mean = graph.node("Flatten", [graph.node("GlobalAveragePool", [conv], "mean")], "flat")
                let transposed = ["transB": .integer(1)] as KeyValuePairs<String, ONNXModelWriter.Attribute>
                let hidden = graph.node("Gemm", [mean, graph.tensor("w1", [2, 3], weights[1])], "down", transposed)
                let relu = graph.node("Relu", [hidden], "relu")
                let last = graph.node("Gemm", [relu, graph.tensor("w2", [3, 2], weights[2])], "up", transposed)
                let gate = graph.node("Sigmoid", [last], "gate")
                let place = graph.node("Unsqueeze", [gate, graph.integers("axes", [2], [2, 3])], "place")
                let end = graph.node("GlobalAveragePool", [build(&graph, conv, place)], "end")
                let head = graph.tensor("w3", [2, 3], [1, 2, 3, -1, 0.5, 4])
                return graph.node("Gemm", [graph.node("Flatten", [end], "row"), head], "fc", transposed)
            }
        }
        let (image, gates) = Self.excited()
        func check(_ bytes: [UInt8], _ kinds: [Layer], _ value: (Double, Double) -> Double) throws {
            let checkpoint = try Self.imported(bytes)
            let network = try checkpoint.network()
            #expect(network.layers.suffix(2 + kinds.count).dropLast(2).map(\.name) == kinds.map(\.name))
            #expect(Array(network.layers.suffix(2 + kinds.count).dropLast(2)) == kinds)
            let means = (0..<3).map { channel in
                image[channel].reduce(0.0) { $0 + value($1, gates[channel]) } / 16
            }
            let head = [[1, 2, 3], [-1, 0.5, 4]]
            let expected = head.map { row in Float(zip(row, means).reduce(0.0) { $0 + $1.0 * $1.1 }) }
            #expect(Self.close(try Self.logits(checkpoint, Self.pixels), expected))
            let again = try Checkpoint.imported(
                onnx: try checkpoint.onnx(), path: "b.onnx",
                try ImportSettings(dataset: "mnist", image: Self.image, classes: 2))
            #expect(try again.network() == network && again.trainingDigest == checkpoint.trainingDigest)
        }
        try check(
            model { $0.node("Mul", [$1, $2], "product") }, [.multiply(["conv", "gate"], name: "product")]
        ) { $0 * $1 }
        try check(
            model { $0.node("Mul", [$0.node("Mul", [$2, $1], "first"), $1], "product") },
            [.multiply(["gate", "conv", "conv"], name: "product")]
        ) { $0 * $0 * $1 }
        try check(
            model { $0.node("Div", [$0.node("Div", [$1, $2], "first"), $2], "quotient") },
            [.divide(["conv", "gate", "gate"], name: "quotient")]
        ) { $0 / $1 / $1 }
        try check(
            model { graph, conv, gate in
                let last = ["perm": .integers([0, 2, 3, 1])] as KeyValuePairs<String, ONNXModelWriter.Attribute>
                let (image, gates) = (
                    graph.node("Transpose", [conv], "t", last), graph.node("Transpose", [gate], "u", last)
                )
                let product = graph.node("Mul", [gates, image], "product")
                return graph.node("Transpose", [product], "v", ["perm": .integers([0, 3, 1, 2])])
            }, [.multiply(["gate", "conv"], name: "product")]
        ) { $0 * $1 }
    }

    @Test("a square, and a product of a value with a function of itself, that are no activation")
    func productsWithItself() throws {
        func layers(_ build: (inout ONNXModelWriter, String) -> String) throws -> (layers: [Layer], logits: [Float]) {
            let bytes = Self.model { graph in
                let one = graph.tensor("one", [1, 1, 1, 1], [1])
                let conv = graph.node("Conv", ["x", one], "conv")
                let end = graph.tensor("w", [16, 2], (0..<32).map { Self.weight[$0 % 2 * 16 + $0 / 2] })
                return graph.node("MatMul", [graph.node("Flatten", [build(&graph, conv)], "f"), end], "fc")
            }
            let checkpoint = try Self.imported(bytes)
            return (Array(try checkpoint.network().layers[1...].dropLast()), try Self.logits(checkpoint, Self.pixels))
        }
        let x = Self.pixels.map { $0 / 255 }
        let square = try layers { $0.node("Mul", [$1, $1], "m") }
        #expect(square.layers == [.multiply(["conv", "conv"], name: "m")])
        #expect(Self.close(square.logits, Self.expected(x.map { $0 * $0 })))
        let tanh = try layers { $0.node("Mul", [$0.node("Tanh", [$1], "t"), $1], "m") }
        #expect(tanh.layers == [Layer(ActivationLayer(.tanh), name: "t"), .multiply(["t", "conv"], name: "m")])
        #expect(Self.close(tanh.logits, Self.expected(x.map { $0 * Foundation.tanh($0) })))
        // The way of hard swish, without its last division.
        let clip = try layers {
            let sum = $0.node("Add", [$1, $0.tensor("3", [], [3])], "a")
            let clip = $0.node("Clip", [sum, $0.tensor("0", [], [0]), $0.tensor("6", [], [6])], "c")
            return $0.node("Mul", [$1, clip], "m")
        }
        #expect(clip.layers.last?.kind is MultiplyLayer && clip.layers.last?.inputs.first == "conv")
        #expect(Self.close(clip.logits, Self.expected(x.map { $0 * ($0 + 3) })))
    }

    @Test("parts of activations that stand alone: -x, 1 - x, |x|, a hard sigmoid")
    func parts() throws {
        func check(_ build: (inout ONNXModelWriter, String) -> String, _ value: (Float) -> Float) throws {
            let bytes = Self.model { graph in
                let (one, half) = (graph.tensor("one", [1, 1, 1, 1], [1]), graph.tensor("half", [1], [-0.5]))
                let x = graph.node("Tanh", [graph.node("Conv", ["x", one, half], "conv")], "tanh")
                let (flat, last) = (
                    graph.node("Flatten", [build(&graph, x)], "flat"), graph.tensor("w", [2, 16], Self.weight)
                )
                return graph.node("Gemm", [flat, last], "fc", ["transB": .integer(1)])
            }
            let checkpoint = try Self.imported(bytes)
            let expected = Self.expected(Self.pixels.map { value(Foundation.tanh($0 / 255 - 0.5)) })
            #expect(Self.close(try Self.logits(checkpoint, Self.pixels), expected))
            let again = try Checkpoint.imported(
                onnx: try checkpoint.onnx(), path: "b.onnx",
                try ImportSettings(dataset: "mnist", image: Self.image, classes: 2))
            #expect(try again.network() == checkpoint.network() && again.trainingDigest == checkpoint.trainingDigest)
        }
        try check({ $0.node("Neg", [$1], "n") }) { -$0 }
        try check({ $0.node("Relu", [$0.node("Neg", [$1], "n")], "r") }) { max(0, -$0) }
        try check({ $0.node("Abs", [$1], "a") }) { abs($0) }
        try check({ $0.node("Sigmoid", [$0.node("Abs", [$1], "a")], "s") }) { 1 / (1 + exp(-abs($0))) }
        try check({ $0.node("Sub", [$0.tensor("1", [], [1]), $1], "d") }) { 1 - $0 }
        try check({ $0.node("HardSigmoid", [$1], "h", ["alpha": .real(2)]) }) { min(1, max(0, 2 * $0 + 0.5)) }
    }

    @Test("groups, dilations and a reshape between images")
    func groups() throws {
        let bytes = Self.model { graph in
            let wide = graph.node(
                "Conv", ["x", graph.tensor("a", [4, 1, 1, 1], [1, -2, 3, 0.5])], "wide")
            let grouped = graph.node(
                "Conv", [wide, graph.tensor("b", [2, 2, 2, 2], (0..<16).map { Float($0 % 5) - 2 })], "grouped",
                ["group": .integer(2), "dilations": .integers([2, 2])])
            let shape = graph.integers("shape", [4], [0, 1, 2, 4])
            let other = graph.node("Reshape", [grouped, shape], "other")
            let last = graph.node("Conv", [other, graph.tensor("c", [2, 1, 2, 4], Self.weight.suffix(16))], "last")
            return graph.node("Flatten", [last], "flat")
        }
        let checkpoint = try Self.imported(bytes)
        let network = try checkpoint.network()
        #expect(
            network.layers == [
                Layer(ConvolutionLayer(channels: 4, size: 1, bias: false), name: "wide"),
                Layer(ConvolutionLayer(channels: 2, size: 2, dilation: 2, groups: 2, bias: false), name: "grouped"),
                Layer(ReshapeLayer(channels: 1, height: 2, width: 4), name: "other"),
                Layer(FullyConnectedLayer(channels: 2), name: "last"),
            ])
        #expect(checkpoint.tensors["model/grouped/weight"]?.shape == [2, 2, 2, 2])
        let x = Self.pixels.map { $0 / 255 }
        let factors: [Float] = [1, -2, 3, 0.5]
        // [2 channels, 2 rows, 2 columns], each the sum over two of the four channels.
        let values = (0..<8).map { i -> Float in
            let (group, y, z) = (i / 4, i / 2 % 2, i % 2)
            return (0..<8).reduce(0) { sum, tap in
                let (channel, dy, dz) = (tap / 4, tap / 2 % 2, tap % 2)
                let weight = Float((group * 8 + tap) % 5) - 2
                return sum + weight * factors[2 * group + channel] * x[(y + 2 * dy) * 4 + z + 2 * dz]
            }
        }
        let expected = (0..<2).map { row in
            (0..<8).reduce(Float(0)) { $0 + Self.weight[16 + row * 8 + $1] * values[$1] }
        }
        #expect(Self.close(try Self.logits(checkpoint, Self.pixels), expected))
        let again = try Checkpoint.imported(
            onnx: try checkpoint.onnx(), path: "b.onnx",
            try ImportSettings(dataset: "mnist", image: Self.image, classes: 2))
        #expect(try again.network() == network && again.trainingDigest == checkpoint.trainingDigest)
    }

    @Test("dilations that differ by direction")
    func dilations() throws {
        let bytes = Self.model { graph in
            let kernel = graph.tensor("k", [1, 1, 2, 2], [1, -2, 3, 0.5])
            let conv = graph.node("Conv", ["x", kernel], "conv", ["dilations": .integers([1, 2])])
            let last = graph.tensor("w", [2, 6], Array(Self.weight.prefix(12)))
            return graph.node("Gemm", [graph.node("Flatten", [conv], "f"), last], "fc", ["transB": .integer(1)])
        }
        let checkpoint = try Self.imported(bytes)
        let network = try checkpoint.network()
        #expect(
            network.layers == [
                Layer(ConvolutionLayer(channels: 1, size: 2, dilation: Extent(1, 2), bias: false), name: "conv"),
                Layer(FullyConnectedLayer(channels: 2), name: "fc"),
            ])
        let x = Self.pixels.map { $0 / 255 }
        // [3 rows, 2 columns].
        let values = (0..<6).map { i -> Float in
            let corner = i / 2 * 4 + i % 2
            return x[corner] - 2 * x[corner + 2] + 3 * x[corner + 4] + 0.5 * x[corner + 6]
        }
        let expected = (0..<2).map { row in (0..<6).reduce(Float(0)) { $0 + Self.weight[row * 6 + $1] * values[$1] } }
        #expect(Self.close(try Self.logits(checkpoint, Self.pixels), expected))
        let again = try Checkpoint.imported(
            onnx: try checkpoint.onnx(), path: "b.onnx",
            try ImportSettings(dataset: "mnist", image: Self.image, classes: 2))
        #expect(try again.network() == network && again.trainingDigest == checkpoint.trainingDigest)
    }

    @Test("a shape that a model computes from the batch's")
    func computedShape() throws {
        let bytes = Self.model { graph in
            let weight = graph.tensor("w", [16, 2], Self.weight)
            let first = graph.integers("first", [], [0])
            let rest = graph.integers("rest", [1], [-1])
            let shape = graph.node("Shape", ["x"], "shape")
            let batch = graph.node("Gather", [shape, first], "batch")
            let row = graph.node("Unsqueeze", [batch, graph.integers("axes", [1], [0])], "row")
            let target = graph.node("Concat", [row, rest], "target", ["axis": .integer(0)])
            return graph.node("MatMul", [graph.node("Reshape", ["x", target], "flat"), weight], "fc")
        }
        #expect(try Self.imported(bytes).network().layers == [Layer(FullyConnectedLayer(channels: 2), name: "fc")])
    }

    @Test("pools with zeros on all sides, counted or not, and the difference of two images")
    func pools() throws {
        let bytes = Self.model { graph in
            func pool(_ operation: String, _ input: String, _ name: String, counts: Int) -> String {
                graph.node(
                    operation, [input], name,
                    [
                        "kernel_shape": .integers([3, 3]), "strides": .integers([2, 2]),
                        "pads": .integers([1, 1, 1, 1]), "count_include_pad": .integer(counts),
                    ])
            }
            let negative = graph.node("Mul", ["x", graph.tensor("minus", [], [-1])], "n")
            let high = pool("MaxPool", negative, "high", counts: 0)
            let counted = pool("AveragePool", "x", "counted", counts: 1)
            let both = graph.node(
                "Concat",
                [graph.node("Sub", [high, counted], "d"), pool("AveragePool", "x", "a", counts: 0)], "both",
                ["axis": .integer(1)])
            let last = graph.tensor("v", [2, 8], (0..<16).map { Float($0 % 5) - 2 })
            return graph.node("Gemm", [graph.node("Flatten", [both], "f"), last], "fc", ["transB": .integer(1)])
        }
        let x = Self.pixels.map { Double($0) / 255 }
        var values = [Double](repeating: 0, count: 8)
        for place in 0..<4 {
            let cells = (0..<9).compactMap { tap -> Double? in
                let (row, column) = (place / 2 * 2 + tap / 3 - 1, place % 2 * 2 + tap % 3 - 1)
                return (0..<4).contains(row) && (0..<4).contains(column) ? x[row * 4 + column] : nil
            }
            let sum = cells.reduce(0, +)
            values[place] = -(cells.min() ?? 0) - sum / 9
            values[4 + place] = sum / Double(cells.count)
        }
        let expected = (0..<2).map { row in
            (0..<8).reduce(0.0) { $0 + Double((row * 8 + $1) % 5 - 2) * values[$1] }
        }
        let checkpoint = try Self.imported(bytes)
        #expect(Self.close(try Self.logits(checkpoint, Self.pixels), expected.map { Float($0) }))
        let again = try Checkpoint.imported(
            onnx: try checkpoint.onnx(), path: "b.onnx",
            try ImportSettings(dataset: "mnist", image: Self.image, classes: 2))
        #expect(try again.network() == checkpoint.network())
    }

    @Test("zeros around some axes alone, as operator set 18 names them")
    func paddedAxes() throws {
        func model(_ axes: [Int]) -> [UInt8] {
            Self.model(operatorSet: 18) { graph in
                let pads = graph.integers("pads", [4], [1, 0, 0, 1])
                let padded = graph.node("Pad", ["x", pads, "", graph.integers("axes", [axes.count], axes)], "pad")
                // Takes the left column and the lower row off again.
                let corner = graph.tensor("corner", [1, 1, 2, 2], [0, 1, 0, 0])
                let flat = graph.node("Flatten", [graph.node("Conv", [padded, corner], "conv")], "flat")
                return graph.node(
                    "Gemm", [flat, graph.tensor("w", [2, 16], Self.weight)], "fc", ["transB": .integer(1)])
            }
        }
        let found = try Self.logits(try Self.imported(model([3, -2])), Self.pixels)
        #expect(Self.close(found, Self.expected(Self.pixels.map { $0 / 255 })))
        for axes in [[3], [3, -1], [2, 4]] {
            let message = try failure { _ = try Self.imported(model(axes)) }.message
            #expect(message == "node 'pad' (Pad): it has 4 pads for the axes \(axes)")
        }
    }

    @Test("zeros around an image before a convolution that pads by itself: its own share is of the larger image")
    func paddedBeforeSame() throws {
        let last = (0..<12).map { Float($0 % 5) - 2 }
        let bytes = Self.model { graph in
            let padded = graph.node("Pad", ["x", graph.integers("pads", [8], [0, 0, 1, 0, 0, 0, 0, 0])], "pad")
            let taps = graph.tensor("taps", [1, 1, 3, 3], (0..<9).map { Float($0 + 1) })
            let image = graph.node(
                "Conv", [padded, taps], "conv", ["strides": .integers([2, 2]), "auto_pad": .text("SAME_UPPER")])
            let flat = graph.node("Flatten", [image], "f")
            return graph.node("Gemm", [flat, graph.tensor("v", [2, 6], last)], "fc", ["transB": .integer(1)])
        }
        // Of 5 rows, 3 with one row of zeros on either side; of 4 columns, 2 with one at the right.
        let values = (0..<6).map { place -> Float in
            (0..<9).reduce(Float(0)) { sum, tap in
                let (row, column) = (place / 2 * 2 + tap / 3 - 2, place % 2 * 2 + tap % 3)
                guard (0..<4).contains(row), (0..<4).contains(column) else { return sum }
                return sum + Float(tap + 1) * Self.pixels[row * 4 + column] / 255
            }
        }
        let expected = (0..<2).map { row -> Float in
            (0..<6).reduce(Float(0)) { sum, place in sum + last[row * 6 + place] * values[place] }
        }
        #expect(Self.close(try Self.logits(try Self.imported(bytes), Self.pixels), expected))
    }

    @Test("a constant that nodes give another shape meets the axes of that shape")
    func shapedConstants() throws {
        func model(_ shape: (inout ONNXModelWriter, String) -> String) -> [UInt8] {
            Self.model { graph in
                let row = shape(&graph, graph.tensor("c", [4], [1, 2, 3, 4]))
                let flat = graph.node("Flatten", [graph.node("Add", ["x", row], "add")], "flat")
                return graph.node(
                    "Gemm", [flat, graph.tensor("w", [2, 16], Self.weight)], "fc", ["transB": .integer(1)])
            }
        }
        func reshaped(_ target: [Int]) -> [UInt8] {
            model { $0.node("Reshape", [$1, $0.integers("to", [target.count], target)], "r") }
        }
        let byRow = Self.expected((0..<16).map { Self.pixels[$0] / 255 + Float($0 / 4 + 1) })
        for bytes in [
            reshaped([4, 1]), reshaped([1, -1, 1]), reshaped([0, 1]),
            model { $0.node("Unsqueeze", [$1, $0.integers("axes", [1], [1])], "u") },
            model { $0.node("Unsqueeze", [$1, $0.integers("axes", [2], [-1, 0])], "u") },
        ] {
            #expect(Self.close(try Self.logits(try Self.imported(bytes), Self.pixels), byRow))
        }
        let byColumn = Self.expected((0..<16).map { Self.pixels[$0] / 255 + Float($0 % 4 + 1) })
        #expect(Self.close(try Self.logits(try Self.imported(reshaped([1, 4])), Self.pixels), byColumn))
        // The last one's product is 4 modulo 2^64.
        for target in [[3, -1], [2, 3], [-1, -1], [5, 3_689_348_814_741_910_324, 1]] {
            let message = try failure { _ = try Self.imported(reshaped(target)) }.message
            #expect(message == "node 'r' (Reshape): its shape \(target) is none for a constant of [4]")
        }
    }

    @Test("pixels that a factor of 0 takes away leave the term behind it")
    func masked() throws {
        func model(_ factor: [Float]) -> [UInt8] {
            Self.model { graph in
                let shape = factor.count == 1 ? [1] : [4, 4]
                let masked = graph.node("Mul", ["x", graph.tensor("factor", shape, factor)], "mask")
                let shifted = graph.node("Add", [masked, graph.tensor("shift", [1], [3])], "term")
                let flat = graph.node("Flatten", [shifted], "flat")
                return graph.node(
                    "Gemm", [flat, graph.tensor("w", [2, 16], Self.weight)], "fc", ["transB": .integer(1)])
            }
        }
        let terms = Self.expected([Float](repeating: 3, count: 16))
        #expect(Self.close(try Self.logits(try Self.imported(model([0])), Self.pixels), terms))
        let half = (0..<16).map { Float($0 % 2) }
        #expect(
            try failure { _ = try Self.imported(model(half)) }.message
                .contains("node 'mask' (Mul): the image's factors differ within a channel"))
    }

    @Test("logits that are averages over the image get a last layer that leaves them as they are")
    func averages() throws {
        let bytes = Self.model { graph in
            let weight = graph.tensor("w", [2, 1, 3, 3], (0..<18).map { Float($0 % 5) - 2 })
            let mean = graph.node("GlobalAveragePool", [graph.node("Conv", ["x", weight], "c")], "mean")
            return graph.node("Flatten", [mean], "flat")
        }
        let checkpoint = try Self.imported(bytes)
        var last = try #require(try checkpoint.network().layers.last)
        last.name = nil
        #expect(last == .fullyConnected(.init(channels: 2)))
        let x = Self.pixels.map { Double($0) / 255 }
        let expected = (0..<2).map { filter in
            (0..<4).reduce(0.0) { sum, place in
                (0..<9).reduce(sum) { sum, tap in
                    let pixel = x[(place / 2 + tap / 3) * 4 + place % 2 + tap % 3]
                    return sum + Double((filter * 9 + tap) % 5 - 2) * pixel / 4
                }
            }
        }
        #expect(Self.close(try Self.logits(checkpoint, Self.pixels), expected.map { Float($0) }))
    }

    @Test("what cannot be taken is refused in one sentence that names every node")
    func refusals() throws {
        func sentence(_ bytes: [UInt8]) throws -> String { try failure { _ = try Self.imported(bytes) }.message }
        func end(_ graph: inout ONNXModelWriter, _ x: String) -> String {
            let flat = graph.node("Flatten", [x], "flat")
            return graph.node("MatMul", [flat, graph.tensor("w", [16, 2], Self.weight)], "fc")
        }
        #expect(
            try sentence(
                Self.model { graph in
                    let x = graph.node("Erf", ["x"], "e")
                    return end(&graph, graph.node("Add", [x, graph.node("GRU", ["x"], "g")], "a"))
                })
                == "node 'e' (Erf): there is no layer for this operator; node 'g' (GRU): there is no layer for this "
                + "operator"
        )
        #expect(
            try sentence(Self.model(shape: [nil, 3, 4, 4]) { end(&$0, "x") }) == "its input is 3x4x4, not 1x4x4")
        #expect(
            try sentence(Self.model(operatorSet: 99) { end(&$0, "x") })
                == "it uses operator set 99; 7 to 22 are read: export it with opset_version=18")
        #expect(try sentence(Self.model { end(&$0, "y") }) == "no node gives the value 'y'")
        #expect(
            try sentence(Self.model { end(&$0, $0.node("Relu", [$0.node("Relu", ["b"], "a")], "b")) })
                == "its graph has a cycle at node 'b' (Relu)")
        #expect(
            try sentence(
                Self.model {
                    $0.node(
                        "MatMul", [$0.node("Flatten", ["x"], "f"), $0.tensor("w", [8, 2], Self.weight)],
                        "fc")
                }) == "node 'fc' (MatMul): tensor 'w' of shape [8, 2] holds 32 numbers")
        #expect(
            try sentence(
                Self.model {
                    var weight = Self.weight
                    weight[7] = .nan
                    let tensor = $0.tensor("w", [16, 2], weight)
                    return $0.node("MatMul", [$0.node("Flatten", ["x"], "f"), tensor], "fc")
                }) == "node 'fc' (MatMul): tensor 'w' holds numbers that are not finite in float32")
        #expect(
            try sentence(Self.model { end(&$0, $0.node("Exp", ["x"], "e")) })
                == "node 'e' (Exp): no layer does this alone, only as a part of an activation")
        #expect(
            try sentence(
                Self.model { graph in
                    let exp = graph.node("Exp", [graph.node("Neg", ["x"], "n")], "e")
                    let (one, other) = (graph.node("Relu", [exp], "r"), graph.node("Tanh", [exp], "t"))
                    return end(&graph, graph.node("Add", [one, other], "a"))
                }) == "node 'e' (Exp): no layer does this alone, only as a part of an activation")
        #expect(
            try sentence(Self.model { $0.node("Relu", [end(&$0, "x")], "r") })
                == "node 'r' (Relu) is an activation behind the last layer: the output has to be logits, or a softmax "
                + "of them")
        #expect(
            try sentence(Self.model { $0.node("Softmax", [end(&$0, "x")], "s", ["axis": .integer(0)]) })
                == "node 's' (Softmax): its axis 0 is not that of the logits")
        #expect(
            try sentence(Self.model { $0.node("Softmax", [$0.node("Softmax", [end(&$0, "x")], "s")], "t") })
                == "node 's' (Softmax): there is no layer for this operator")
        // The last axis of logits [N, 2, 1, 1]: all ones from operator set 13 on.
        func softmaxOfImage(_ operatorSet: Int, _ axis: Int) -> [UInt8] {
            Self.model(operatorSet: operatorSet) {
                let logits = $0.node("Conv", ["x", $0.tensor("w", [2, 1, 4, 4], Self.weight)], "conv")
                return $0.node("Softmax", [logits], "s", ["axis": .integer(axis)])
            }
        }
        #expect(try sentence(softmaxOfImage(13, -1)) == "node 's' (Softmax): its axis -1 is not that of the logits")
        #expect(try sentence(softmaxOfImage(11, 2)) == "node 's' (Softmax): its axis 2 is not that of the logits")
        for (operatorSet, axis) in [(13, 1), (13, -3), (11, 1)] {
            #expect(throws: Never.self) { try Self.imported(softmaxOfImage(operatorSet, axis)) }
        }
        #expect(
            try sentence(
                Self.model {
                    let flat = $0.node("Flatten", ["x"], "f")
                    return $0.node(
                        "Gemm", [flat, $0.tensor("w", [16, 2], Self.weight)], "fc", ["alpha": .real(.infinity)])
                }) == "layer fc gets numbers as weight that are not finite in float32")
        #expect(
            try sentence(
                Self.model {
                    let small = $0.node("Mul", ["x", $0.tensor("small", [1], [1e-30])], "m")
                    return end(&$0, $0.node("Add", [small, $0.tensor("large", [1], [1e20])], "a"))
                }) == "the terms of its input, in pixels, are not finite in float32")
        #expect(
            try sentence(
                Self.model {
                    let empty = $0.tensor("w", [0, 1 << 62], [])
                    return $0.node("Gemm", [$0.node("Flatten", ["x"], "f"), empty], "fc")
                }) == "node 'fc' (Gemm): its weight has the shape [0, 4611686018427387904]")
        #expect(
            try sentence(
                Self.model {
                    let large = $0.external("w", [2, 1 << 29], location: "w.bin", offset: 0)
                    return $0.node("MatMul", ["x", large], "fc")
                }) == "it is no whole ONNX model: tensor 'w' has the shape [2, 536870912]")
        #expect(
            try sentence(
                Self.model {
                    for name in ["u", "v", "w"] { _ = $0.external(name, [1, 1 << 28], location: "w.bin", offset: 0) }
                    return end(&$0, "x")
                }) == "it is no whole ONNX model: its tensors take more than 2 GiB")
        #expect(
            try sentence(
                Self.model { graph in
                    let wide = graph.node("Conv", ["x", graph.tensor("v", [3, 1, 1, 1], [1, 2, 3])], "conv")
                    let gate = graph.node("Sigmoid", ["x"], "gate")
                    return end(&graph, graph.node("Mul", [wide, gate], "m"))
                }) == "node 'm' (Mul): it multiplies [3, 4, 4] and [1, 4, 4]")
        #expect(
            try sentence(
                Self.model { graph in
                    let row = graph.node("Flatten", [graph.node("GlobalAveragePool", ["x"], "mean")], "row")
                    return end(&graph, graph.node("Div", ["x", row], "d"))
                }) == "node 'd' (Div): it divides [1, 4, 4] by [1]")
        #expect(
            try sentence(Self.model { end(&$0, $0.node("Div", [$0.tensor("one", [], [1]), "x"], "d")) })
                == "node 'd' (Div): it divides a constant by what depends on the image")
        #expect(
            try sentence(Self.model { end(&$0, $0.node("Div", ["x", $0.tensor("zero", [], [0])], "d")) })
                == "node 'd' (Div): it divides by 0, or by what is no number")
        for start: [UInt8] in [[0x50, 0x4B, 3, 4], [0x80, 2, 0x8A, 10], [0x80, 4, 0x95]] {
            #expect(try sentence(start + [UInt8](repeating: 0, count: 60)).contains("by torch.onnx.export"))
        }
        #expect(
            try sentence(
                Self.model {
                    let pads = $0.integers("pads", [8], [0, 0, 1, 1, 0, 0, 1, 1])
                    return end(&$0, $0.node("Pad", ["x", pads, $0.tensor("three", [], [3])], "p"))
                })
                == "node 'p' (Pad): it does not put zeros around an image: mode constant, value 3.0, pads [0, 0, 1, 1, "
                + "0, 0, 1, 1]")
        #expect(
            try sentence(
                Self.model {
                    let (weight, column) = ($0.tensor("w", [16, 2], Self.weight), $0.tensor("c", [2, 1], [1, 2]))
                    return $0.node("Gemm", [$0.node("Flatten", ["x"], "f"), weight, column], "fc")
                }) == "node 'fc' (Gemm): its bias has the shape [2, 1]")
        func dropout(_ mode: Bool) -> [UInt8] {
            Self.model {
                end(&$0, $0.node("Dropout", ["x", $0.tensor("half", [], [0.5]), $0.flag("mode", mode)], "d"))
            }
        }
        #expect(
            try sentence(dropout(true)) == "node 'd' (Dropout): its training_mode drops elements out in every pass")
        #expect(throws: Never.self) { try Self.imported(dropout(false)) }
        // What no node takes is read over, by the process that reads first too.
        try withTemporaryDirectory { folder in
            try write(
                Self.model {
                    _ = $0.tensor("idle", [1], [.nan])
                    return end(&$0, "x")
                }, to: folder + "/a.onnx")
            #expect(throws: Never.self) { try ONNXFormat.decode(folder + "/a.onnx") }
        }
        func reshaped(_ shape: [Int]) throws -> String {
            try sentence(
                Self.model { end(&$0, $0.node("Reshape", ["x", $0.integers("to", [shape.count], shape)], "r")) })
        }
        #expect(try reshaped([-1, -1]) == "node 'r' (Reshape): its shape [-1, -1] leaves more than one extent open")
        #expect(try reshaped([0, -1, -1]).hasSuffix("[0, -1, -1] leaves more than one extent open"))
        #expect(try reshaped([0, 15]) == "node 'r' (Reshape): its shape [0, 15] is none for images of [1, 4, 4]")
        let whole = Self.model { end(&$0, "x") }
        for count in 0..<whole.count {
            let found = try failure { _ = try Self.imported(Array(whole.prefix(count))) }
            #expect(found.code == .data)
        }
        #expect(
            try failure { _ = try ImportSettings(dataset: "a", image: Self.image, classes: 2, deviation: [0]) }.code
                == .usage)
        #expect(
            try failure { _ = try ImportSettings(dataset: "a", image: Self.image, classes: 2, mean: [.nan]) }.message
                == "--mean takes finite numbers")
    }

    @Test("data outside the model's file lies beside it, and nowhere else")
    func externalData() throws {
        func model(_ location: String, offset: Int = 0) -> [UInt8] {
            Self.model {
                let weight = $0.external("w", [16, 2], location: location, offset: offset)
                return $0.node("MatMul", [$0.node("Flatten", ["x"], "f"), weight], "fc")
            }
        }
        try withTemporaryDirectory { folder in
            try write([0, 0, 0, 0] + Self.weight.withUnsafeBytes { Array($0) }, to: folder + "/w.bin")
            symlink("/etc/passwd", folder + "/out")
            let path = folder + "/a.onnx"
            let settings = try ImportSettings(dataset: "mnist", image: Self.image, classes: 2)
            try write(model("w.bin", offset: 4), to: path)
            let imported = try Checkpoint.imported(onnx: path, settings)
            #expect(imported.tensors["model/fc/weight"]?.shape == [2, 1, 4, 4])
            for (location, end) in [
                ("/etc/passwd", "which is no file beside the model"), ("../w.bin", "which is no file beside the model"),
                ("out", "which leads out of the model's folder"), ("", "which is no file beside the model"),
            ] {
                try write(model(location), to: path)
                let found = try failure { _ = try Checkpoint.imported(onnx: path, settings) }
                #expect(found.message.hasSuffix(end) && found.code == .data, "\(found)")
            }
            try write(model("w.bin", offset: 8), to: path)
            #expect(
                try failure { _ = try Checkpoint.imported(onnx: path, settings) }.message
                    == "\(path): node 'fc' (MatMul): tensor 'w' has its data in 'w.bin', which ends before it")
        }
    }

    // MARK: Published networks

    /// A network of other people: its units, how many of the first 200 test images onnxruntime judges as labelled, and
    /// its logits of the first.
    struct Published: CustomTestStringConvertible, Sendable {
        let file, dataset: String
        let mean, deviation: [Double]
        let correct: Int
        let logits: [Float]
        var testDescription: String { file }
    }

    static let published = [
        Published(
            file: "resnet_2b", dataset: "cifar10", mean: [0.4914, 0.4822, 0.4465], deviation: [0.2471, 0.2435, 0.2616],
            correct: 140,
            logits: [
                -1.19167, -0.508166, -0.0574003, 2.23445, -0.643626, 2.39048,
                1.96821, -1.45978, -0.98061, -1.75192,
            ]),
        Published(
            file: "resnet_4b", dataset: "cifar10", mean: [0.4914, 0.4822, 0.4465], deviation: [0.2471, 0.2435, 0.2616],
            correct: 160,
            logits: [
                -1.06572, -2.00774, 0.439007, 3.98293, -1.01656, 2.90821,
                0.842209, -0.409029, -1.57558, -2.08011,
            ]),
        Published(
            file: "cifar_base_kw", dataset: "cifar10", mean: [0.485, 0.456, 0.406], deviation: [0.225], correct: 133,
            logits: [
                -0.742779, -1.6384, 1.10246, 1.86804, 0.406406, 1.73653,
                1.44239, -0.589339, -1.25582, -2.32952,
            ]),
        Published(
            file: "cifar_wide_kw", dataset: "cifar10", mean: [0.485, 0.456, 0.406], deviation: [0.225], correct: 134,
            logits: [
                -0.468583, -1.90252, 1.4998, 1.96406, 0.475695, 1.88011,
                1.39028, -1.13904, -1.43477, -2.26497,
            ]),
        Published(
            file: "cifar10_small", dataset: "cifar10", mean: [0], deviation: [1], correct: 116,
            logits: [
                -1.92739, -2.77393, -0.625606, 2.09522, -1.31045, 2.23319,
                -0.433509, -0.0486557, -1.37983, -1.53552,
            ]),
        Published(
            file: "mnist-net_256x2", dataset: "mnist", mean: [0], deviation: [1], correct: 196,
            logits: [
                0.00163737, -0.013698, -0.0101742, -0.0139698, 0.00166306, -0.00144146,
                -0.0019437, 1.01408, 0.00162146, -0.00961744,
            ]),
        Published(
            file: "Convnet_avgpool", dataset: "mnist", mean: [0], deviation: [1], correct: 196,
            logits: [
                -8.09998, -4.2678, -1.59206, 1.67939, -11.2332, -8.62475,
                -24.2139, 16.6336, -5.70024, 0.722408,
            ]),
        Published(
            file: "Convnet_maxpool", dataset: "mnist", mean: [0], deviation: [1], correct: 195,
            logits: [
                -7.378, -4.467, 0.500045, 1.90014, -7.73499, -6.84641,
                -20.431, 15.0649, -4.0906, 0.00705248,
            ]),
    ]

    /// The folder of the published networks, beside the data.
    static var folder: String? {
        let data = ProcessInfo.processInfo.environment["STEADFAST_DATA"] ?? packageFolder + "/../shared/data"
        let folder = data + "/../onnx"
        return FileManager.default.fileExists(atPath: folder) ? folder : nil
    }

    @Test(
        "published networks give onnxruntime's logits",
        .enabled(if: folder != nil, "the published networks are not there"), arguments: published)
    func publishedNetworks(_ published: Published) throws {
        let folder = try #require(Self.folder)
        let dataset = try Dataset.locate(published.dataset, directory: folder + "/../data")
        let images = try dataset.read(.test) { $0 < 200 }
        let shape = dataset.description.shape
        let settings = try ImportSettings(
            dataset: published.dataset, image: shape, classes: 10, mean: published.mean,
            deviation: published.deviation)
        let checkpoint = try Checkpoint.imported(onnx: "\(folder)/\(published.file).onnx", settings)
        let propagation = Propagation(try checkpoint.model(), lanes: 1, laneCapacity: 200, backward: false)
        propagation.begin(images: 200)
        let mean = try checkpoint.meanImage(shape)
        for i in 0..<200 * shape.count {
            propagation.input.pointer[i] = Float(images.pixels[i]) - mean[i % shape.count]
        }
        try propagation.forward(.running, reducer: nil)
        let logits = (0..<2000).map { propagation.outputs[$0] }
        let largest = logits.map(abs).max() ?? 0
        #expect(zip(logits, published.logits).allSatisfy { abs($0 - $1) <= 1e-4 * largest })
        let correct = (0..<200).filter { image in
            let row = logits[image * 10..<image * 10 + 10]
            return row.firstIndex(of: row.max() ?? 0) == image * 10 + Int(images.labels[image])
        }
        #expect(correct.count == published.correct)
    }
}
