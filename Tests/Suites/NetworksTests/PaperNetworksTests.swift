import Essentials
import Kernels
import Networks
import TestSupport
import Testing

@Suite("The paper's networks") struct PaperNetworksTests {
    private let mnist = ImageShape(height: 28, width: 28, channels: 1)
    private let cifar10 = ImageShape(height: 32, width: 32, channels: 3)
    private let loss = HybridLoss(alpha: [1, 1, 0], tolerance: 2.2e-16)

    /// Each layer's name, and after the blocks' convolutions and pools the shape there.
    private func shapes(_ plan: NetworkPlan) -> [String] {
        plan.blocks.map { "\($0.name) \($0.sourceShape) -> \($0.output)" }
    }

    private func weights(_ plan: NetworkPlan) -> [String] {
        ParameterLayout(plan).entries.filter { $0.kind == .weight }.map { "\($0.name) \($0.shape)" }
    }

    @Test("MNIST, table 1: shapes, weights and names in both variants")
    func plainMNIST() throws {
        for variant in Variant.allCases {
            let plan = try NetworkPlan(.plainMNIST(variant, input: mnist, classes: 10))
            #expect(
                shapes(plan) == [
                    "conv1 24x24x20 -> 12x12x20", "conv2 8x8x50 -> 4x4x50", "fc1 1x1x500 -> 1x1x500",
                    "fc2 1x1x10 -> 1x1x10",
                ])
            #expect(
                weights(plan) == [
                    "conv1/weight [20, 1, 5, 5]", "conv2/weight [50, 20, 5, 5]", "fc1/weight [500, 50, 4, 4]",
                    "fc2/weight [10, 500, 1, 1]",
                ])
            #expect(plan.outputs == 10 && plan.network.loss == .softmaxCrossEntropy)
            #expect(plan.blocks.map(\.activation) == [.identity, .identity, .relu, .identity])
        }
        let paper = try NetworkPlan(.plainMNIST(.paper, input: mnist, classes: 10))
        #expect(paper.layerNames == ["conv1", "pool1", "conv2", "pool2", "fc1", "act_fc1", "fc2"])
        let released = try NetworkPlan(.plainMNIST(.released, input: mnist, classes: 10))
        #expect(
            released.layerNames == [
                "conv1", "norm1", "pool1", "conv2", "norm2", "pool2", "fc1", "norm_fc1", "act_fc1", "fc2",
            ])
    }

    @Test("CIFAR-10, table 3: shapes, weights and names in both variants")
    func plainCIFAR10() throws {
        for variant in Variant.allCases {
            let plan = try NetworkPlan(.plainCIFAR10(variant, input: cifar10, classes: 10))
            #expect(
                shapes(plan) == [
                    "conv1 32x32x32 -> 16x16x32", "conv2 16x16x32 -> 8x8x32", "conv3 8x8x64 -> 4x4x64",
                    "fc1 1x1x64 -> 1x1x64", "fc2 1x1x10 -> 1x1x10",
                ])
            #expect(
                weights(plan) == [
                    "conv1/weight [32, 3, 5, 5]", "conv2/weight [32, 32, 5, 5]", "conv3/weight [64, 32, 5, 5]",
                    "fc1/weight [64, 64, 4, 4]", "fc2/weight [10, 64, 1, 1]",
                ])
            #expect(plan.blocks.map(\.initialDeviation) == [0.01, 0.05, 0.05, 0.05, 0.05])
        }
        let paper = try NetworkPlan(.plainCIFAR10(.paper, input: cifar10, classes: 10))
        #expect(
            paper.layerNames == ["conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "fc1", "act_fc1", "fc2"])
        let released = try NetworkPlan(.plainCIFAR10(.released, input: cifar10, classes: 10))
        #expect(
            released.layerNames == [
                "conv1", "pool1", "act1", "conv2", "act2", "pool2", "conv3", "act3", "pool3", "fc1", "act_fc1", "fc2",
            ])
        let pools = released.blocks.prefix(3).flatMap(\.tail).compactMap { layer in
            if case .pooling(let pooling) = layer { pooling.kind } else { nil }
        }
        #expect(pools == [.max, .average, .average])
    }

    @Test(
        "the robust forms: batch norm and SAF after each convolution, ReLU between fc1 and fc2, RBF at the end",
        arguments: Variant.allCases, [Activation.mrelu, .rbf])
    func robust(_ variant: Variant, _ activation: Activation) throws {
        let small = try NetworkPlan(
            Network.plainMNIST(variant, input: mnist, classes: 10).withNonsenseOutputs(2)
                .robust(activation, loss: loss))
        #expect(
            small.layerNames == [
                "conv1", "norm1", "act1", "pool1", "conv2", "norm2", "act2", "pool2", "fc1", "norm_fc1", "act_fc1",
                "fc2", "act_out",
            ])
        #expect(small.outputs == 12 && small.network.classes == 10 && small.network.loss == .hybrid(loss))
        #expect(small.blocks.map(\.activation) == [activation, activation, .relu, .identity])
        #expect(small.blocks.allSatisfy { $0.initialDeviation == 0.01 })
        let large = try NetworkPlan(
            Network.plainCIFAR10(variant, input: cifar10, classes: 10).robust(activation, loss: loss)
                .withNonsenseOutputs(2))
        #expect(
            large.layerNames == [
                "conv1", "norm1", "act1", "pool1", "conv2", "norm2", "act2", "pool2", "conv3", "norm3", "act3", "pool3",
                "fc1", "norm_fc1", "act_fc1", "fc2", "act_out",
            ])
        #expect(large.outputs == 12 && large.blocks.allSatisfy { $0.initialDeviation == 0.01 })
        #expect(large.blocks.map(\.activation) == [activation, activation, activation, .relu, .identity])
        #expect(large.blocks.map { $0.tail.count } == [1, 1, 1, 0, 0])
        #expect(
            ParameterLayout(large).moments.map(\.name) == ["norm1", "norm2", "norm3", "norm_fc1"])
    }

    @Test("a training step's work is 13.2 MFLOP for MNIST and 69 MFLOP for CIFAR-10")
    func work() throws {
        let small = try NetworkPlan(
            Network.plainMNIST(.released, input: mnist, classes: 10).withNonsenseOutputs(2).robust(.mrelu, loss: loss))
        #expect(small.multiplyAdds == 24 * 24 * 25 * 20 + 8 * 8 * 500 * 50 + 800 * 500 + 500 * 12)
        #expect(abs(Double(small.trainingOperations) / 1e6 - 13.2) < 0.05)
        let large = try NetworkPlan(
            Network.plainCIFAR10(.released, input: cifar10, classes: 10).robust(.mrelu, loss: loss))
        #expect(abs(Double(large.trainingOperations) / 1e6 - 69) < 0.5)
    }

    @Test("a user's own plain network becomes robust: each convolution's activation makes way, wherever it stood")
    func usersNetwork() throws {
        let network = Network(
            input: ImageShape(height: 12, width: 10, channels: 3), classes: 5,
            layers: [
                .convolution(.init(channels: 8, size: 3, initialDeviation: 0.2)), .activation(.relu),
                .convolution(.init(channels: 8, size: 3, padding: 1, stride: 2)), .batchNormalization,
                .pooling(.init(.max, size: 2, stride: 2)), .activation(.sigmoid), .fullyConnected(.init(channels: 9)),
                .activation(.sigmoid), .convolution(.init(channels: 4, size: 1)), .activation(.relu),
                .fullyConnected(.init(channels: 5)),
            ])
        #expect(throws: Never.self) { try NetworkPlan(network) }
        let robust = network.robust(.rbf, loss: loss)
        #expect(
            robust.layers == [
                .convolution(.init(channels: 8, size: 3, initialDeviation: 0.01)), .batchNormalization,
                .activation(.rbf),
                .convolution(.init(channels: 8, size: 3, padding: 1, stride: 2, initialDeviation: 0.01)),
                .batchNormalization, .activation(.rbf),
                .pooling(.init(.max, size: 2, stride: 2)), .fullyConnected(.init(channels: 9, initialDeviation: 0.01)),
                .batchNormalization,
                .activation(.sigmoid), .convolution(.init(channels: 4, size: 1, initialDeviation: 0.01)),
                .batchNormalization, .activation(.rbf),
                .fullyConnected(.init(channels: 5, initialDeviation: 0.01)), .activation(.rbf),
            ])
        #expect(throws: Never.self) { try NetworkPlan(robust) }
        // What is robust already stays as it is.
        #expect(robust.robust(.rbf, loss: loss) == robust)
    }
}
