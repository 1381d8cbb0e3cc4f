import Kernels
import Networks
import Testing

@Suite("Residual networks and other architectures by name") struct ResidualNetworksTests {
    private let cifar10 = ImageShape(height: 32, width: 32, channels: 3)

    @Test("ResNet-20: 20 convolutions on the longest path, 0.27 million parameters, 41 million multiply-adds")
    func resNet20() throws {
        let plan = try NetworkPlan(.resNet(depth: 20, input: cifar10, classes: 10))
        let layout = ParameterLayout(plan)
        // Nineteen of 3x3, two of 1x1 on shortcuts, one fully connected layer.
        #expect(plan.convolutions.count == 22)
        #expect(plan.convolutions.filter { $0.kernelHeight == 3 }.count == 19)
        #expect(layout.entries.reduce(0) { $0 + $1.count } == 272_474)
        #expect(layout.moments.count == 21)
        #expect(plan.multiplyAdds == 40_813_184)
        #expect(plan.layerNames.contains("block4_shortcut_conv1") && plan.layerNames.contains("block9_norm2"))
        #expect(plan.blocks.filter { $0.hasBias }.map(\.name) == ["fc1"])
    }

    @Test("pre-activation and wide forms end with batch norm and ReLU before the average")
    func preActivation() throws {
        let plan = try NetworkPlan(.resNet(depth: 8, preActivation: true, input: cifar10, classes: 10))
        #expect(Array(plan.layerNames.suffix(5)) == ["block3_add", "norm_block3", "act_block3", "pool_block3", "fc1"])
        let wide = try NetworkPlan(.wideResNet(depth: 10, widen: 2, input: cifar10, classes: 10))
        #expect(wide.convolutions.map(\.filters).max() == 128 && wide.convolutions.count == 11)
        #expect(wide.graph.nodes.filter { $0.name.hasSuffix("_add") }.count == 3)
    }

    @Test("LeNet and CNN7 fit images of both data sets")
    func chains() throws {
        for shape in [cifar10, ImageShape(height: 28, width: 28, channels: 1)] {
            let small = try NetworkPlan(.leNet(input: shape, classes: 10))
            #expect(small.convolutions[2].input == ImageShape(height: 5, width: 5, channels: 16))
            let large = try NetworkPlan(.cnn7(input: shape, classes: 10))
            #expect(large.blocks.map(\.name) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc1", "fc2"])
        }
    }

    @Test("the robust form: a symmetric function behind the norm of each convolution, none behind a sum")
    func robust() throws {
        let loss = HybridLoss(alpha: [1, 1, 0])
        let plan = try NetworkPlan(Network.resNet(depth: 8, input: cifar10, classes: 10).robust(.mrelu, loss: loss))
        for block in plan.blocks {
            guard let convolution = block.convolution else {
                #expect(block.activation == .identity && block.normalization == nil)
                continue
            }
            #expect(convolution.isFullyConnected || block.activation == .mrelu && block.normalization != nil)
        }
        #expect(plan.layerNames.last == "act_out")
    }
}
