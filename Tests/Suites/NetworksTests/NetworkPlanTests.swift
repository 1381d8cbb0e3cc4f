import Essentials
import Kernels
import Networks
import TestSupport
import Testing

/// A network that has to be refused, and what the sentence has to name.
struct RefusedNetwork: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let mention: String
    let network: Network

    init(_ description: String, _ mention: String, _ change: (inout Network) -> Void) {
        testDescription = description
        self.mention = mention
        var network = Network(
            input: ImageShape(height: 8, width: 8, channels: 2), classes: 3,
            layers: [
                .convolution(.init(channels: 4, size: 3)), .pooling(.init(.max, size: 2, stride: 2)),
                .fullyConnected(.init(channels: 3)),
            ])
        change(&network)
        self.network = network
    }

    private static func convolution(_ description: String, _ settings: ConvolutionLayer) -> RefusedNetwork {
        RefusedNetwork(description, "conv1") { $0.layers[0] = .convolution(settings) }
    }

    private static func pooling(_ description: String, _ settings: PoolingLayer) -> RefusedNetwork {
        RefusedNetwork(description, "pool1") { $0.layers[1] = .pooling(settings) }
    }

    private static func hybrid(_ description: String, _ mention: String, _ change: (inout HybridLoss) -> Void)
        -> RefusedNetwork
    {
        RefusedNetwork(description, mention) { network in
            var loss = HybridLoss(alpha: [1, 1, 0])
            change(&loss)
            network.layers.append(.activation(.rbf))
            network.hybridLoss = loss
        }
    }

    static let all = [
        RefusedNetwork("no layers", "last layer") { $0.layers = [] },
        RefusedNetwork("an input that is no layer before", "did you mean 'conv1'?") {
            $0.layers[1].inputs = ["cnov1"]
        },
        RefusedNetwork("a layer that takes itself", "pool1 takes 'pool1'") { $0.layers[1].inputs = ["pool1"] },
        RefusedNetwork("a convolution of two inputs", "fc1 takes one layer, not 2") {
            $0.layers[2].inputs = ["conv1", "pool1"]
        },
        RefusedNetwork("a layer that no other takes", "no layer takes the result of pool1") {
            $0.layers[2].inputs = ["conv1"]
        },
        RefusedNetwork("two layers of one name", "two layers are called a") {
            ($0.layers[0].name, $0.layers[1].name) = ("a", "a")
        },
        RefusedNetwork("a name that is another's by its place", "two layers are called conv1") {
            $0.layers[1].name = "conv1"
        },
        RefusedNetwork("a layer of the input's name", "a layer is called image, as the network's input is") {
            $0.layers[0].name = "image"
        },
        RefusedNetwork("a sum of two shapes", "add1 adds images of 6x6x4 and 8x8x2") {
            $0.layers.insert(.add(["conv1", "image"]), at: 1)
        },
        RefusedNetwork("a sum without inputs", "add1 takes two layers or more: name them, inputs: [a, b] beside add") {
            $0.layers.insert(.add([]), at: 1)
        },
        RefusedNetwork("a product of one layer", "multiply1 takes two layers or more") {
            $0.layers.insert(.multiply(["conv1"]), at: 1)
        },
        RefusedNetwork("a gate of other channels", "multiply1 multiplies images of 6x6x4 and 1x1x2") {
            let gate = Layer(GlobalAveragePoolingLayer(), name: "gate", inputs: ["image"])
            $0.layers.insert(contentsOf: [gate, .multiply(["conv1", "gate"])], at: 1)
        },
        RefusedNetwork("a divisor of one row", "divide1 divides images of 1x1x4 by 6x6x4 by 1x6x4") {
            let mean = Layer(GlobalAveragePoolingLayer(), name: "mean", inputs: ["conv1"])
            let row = Layer(
                ConvolutionLayer(channels: 4, size: Extent(6, 1)), name: "row", inputs: ["conv1"])
            $0.layers.insert(contentsOf: [mean, row, .divide(["mean", "conv1", "row"])], at: 1)
        },
        RefusedNetwork("images of two sizes put together", "concatenate1 takes images of 6x6x4 and 8x8x2") {
            $0.layers.insert(.concatenate(["conv1", "image"]), at: 1)
        },
        RefusedNetwork("a residual block without a body", "block1 has a body without layers") {
            $0.layers.insert(.residual(body: []), at: 1)
        },
        RefusedNetwork("a residual block with a pool too many", "block1_add adds images of 1x1x4 and 6x6x4") {
            $0.layers.insert(.residual(body: [Layer(GlobalAveragePoolingLayer())]), at: 1)
        },
        RefusedNetwork("a residual block whose branches differ", "block1_add adds images of 4x4x4 and 6x6x4") {
            $0.layers.insert(.residual(body: [.convolution(.init(channels: 4, size: 3))]), at: 1)
        },
        RefusedNetwork("constants of three channels for two", "affine1 has 3 numbers as scale for 2 channels") {
            $0.layers.insert(.affine(scale: [1, 2, 3]), at: 0)
        },
        RefusedNetwork("batch norm behind the last layer", "batch_normalization") {
            $0.layers.append(.batchNormalization)
        },
        RefusedNetwork("a convolution at the end", "last layer") { $0.layers.removeLast(2) },
        RefusedNetwork("a pool at the end", "last layer") {
            $0.layers.append(.pooling(.init(.max, size: 1, stride: 1)))
        },
        RefusedNetwork("an activation behind a plain network", "rbf") { $0.layers.append(.activation(.sigmoid)) },
        RefusedNetwork("a robust network without its rbf", "rbf") { $0.hybridLoss = HybridLoss(alpha: [1, 1, 0]) },
        RefusedNetwork("one class", "classes") { $0.classes = 1 },
        RefusedNetwork("fewer outputs than classes", "classes") { $0.classes = 4 },
        RefusedNetwork("more outputs than a result file holds", "outputs") {
            $0.layers[2] = .fullyConnected(.init(channels: 40_000))
        },
        RefusedNetwork("no rows", "0x8x2") { $0.input.height = 0 },
        RefusedNetwork("negative channels", "8x8x-1") { $0.input.channels = -1 },
        RefusedNetwork("an image too large for any memory", "image") {
            $0.input = ImageShape(height: .max, width: .max, channels: .max)
        },
        RefusedNetwork("weights too many for any memory", "fc1") {
            $0.input = ImageShape(height: 4_000, width: 4_000, channels: 3)
            $0.layers[2] = .fullyConnected(.init(channels: 30_000))
        },
        convolution("no channels", .init(channels: 0, size: 3)),
        convolution("channels without end", .init(channels: .max, size: 3)),
        convolution("an empty kernel", .init(channels: 4, size: 0)),
        convolution("a kernel larger than the image", .init(channels: 4, size: 9)),
        convolution("a kernel larger than any image", .init(channels: 4, size: Extent(.max, .max), padding: 1000)),
        convolution(
            "a kernel that dilation makes larger than the image",
            .init(channels: 4, size: 3, dilation: Extent(1, 4))),
        convolution("no dilation of rows", .init(channels: 4, size: 3, dilation: Extent(0, 1))),
        convolution("no stride", .init(channels: 4, size: 3, stride: 0)),
        convolution("negative padding", .init(channels: 4, size: 3, padding: -1)),
        convolution(
            "padding without end",
            .init(channels: 4, size: 3, padding: Sides(top: .max, left: .max, bottom: .max, right: .max))),
        convolution("a negative deviation", .init(channels: 4, size: 3, initialDeviation: -1)),
        convolution("an infinite deviation", .init(channels: 4, size: 3, initialDeviation: .infinity)),
        convolution("a deviation that is no number", .init(channels: 4, size: 3, initialDeviation: .nan)),
        pooling("a window larger than the image", .init(.max, size: 7, stride: 2)),
        pooling("a window too large to note its maximum", .init(.max, size: 16, stride: 2, padding: 15)),
        pooling("an empty window", .init(.average, size: 0, stride: 2)),
        pooling("a pool without stride", .init(.average, size: 2, stride: 0)),
        pooling("a pool's padding as large as its window", .init(.average, size: 2, stride: 1, padding: 2)),
        hybrid("two alphas", "alpha") { $0.alpha = [1, 1] },
        hybrid("a negative alpha", "alpha") { $0.alpha = [1, -1, 0] },
        hybrid("p of 1", "p") { $0.p = 1 },
        hybrid("a p that is no number", "p") { $0.p = .nan },
        hybrid("a negative tolerance", "tolerance") { $0.tolerance = -1e-16 },
        RefusedNetwork("a stabilizer of 0", "stabilizer") { $0.stabilizer = 0 },
        RefusedNetwork("a stabilizer that is no number", "stabilizer") { $0.stabilizer = .nan },
    ]
}

@Suite("Working out a network") struct NetworkPlanTests {
    @Test(
        "what cannot be built is refused in one sentence that names it, with exit code 64",
        arguments: RefusedNetwork.all)
    func refuses(_ refused: RefusedNetwork) {
        #expect {
            _ = try NetworkPlan(refused.network)
        } throws: { error in
            guard let failure = error as? Failure else { return false }
            return failure.code == .usage && failure.message.hasPrefix("network: ")
                && failure.message.contains(refused.mention) && !failure.message.contains("\n")
                && failure.message.count < 160
        }
    }

    @Test("a second layer of a kind in one block gets a number; all names differ")
    func names() throws {
        let plan = try NetworkPlan(SmallNetworks.all[7].network)
        #expect(
            plan.layerNames == [
                "conv1", "norm1", "act1", "act1_2", "pool1", "pool1_2", "act1_3", "pool1_3", "fc1", "act_fc1", "fc2",
            ])
        #expect(Set(plan.layerNames).count == plan.layerNames.count)
    }

    @Test("a gate takes the shape of the image that it multiplies, wherever it stands among the inputs")
    func gates() throws {
        var network = SmallNetworks.plain
        network.layers.insert(
            contentsOf: [Layer(GlobalAveragePoolingLayer(), name: "gate"), .multiply(["gate", "act1", "gate"])], at: 2)
        let product = try #require(try NetworkPlan(network).graph.nodes.first { $0.name == "multiply1" })
        #expect(product.shape == ImageShape(height: 6, width: 5, channels: 5))
    }

    @Test("layers of a residual block have its prefix, and those behind it its name")
    func residualNames() throws {
        let network = try #require(SmallNetworks.all.first { $0.name == "residual blocks" }).network
        let plan = try NetworkPlan(network)
        #expect(
            plan.layerNames == [
                "conv1", "norm1", "act1", "block1_conv1", "block1_norm1", "block1_act1", "block1_conv2", "block1_norm2",
                "block1_add", "act_block1", "block2_conv1", "block2_norm1", "block2_act1", "block2_conv2",
                "block2_shortcut_conv1", "block2_shortcut_norm1", "block2_add", "act_block2", "pool_block2", "fc1",
            ])
        // Convolution, norm and activation are one block; so are a sum, the activation and the pool behind it.
        #expect(
            plan.blocks.map(\.name) == [
                "conv1", "block1_conv1", "block1_conv2", "block1_add", "block2_conv1", "block2_conv2",
                "block2_shortcut_conv1", "block2_add", "fc1",
            ])
        #expect(
            plan.blocks.map(\.isChained) == [false, true, true, false, true, false, true, true, false])
        #expect(plan.blocks[7].inputs == [5, 6] && plan.blocks[3].inputs == [2, 0])
    }
}
