import Kernels

// The plain networks of the paper: tables 1 and 3. What the tables leave open is the variant's.

/// The standard deviation of the paper's initial weights, but for some of the plain CIFAR-10 network.
private let paperDeviation = 0.01

extension Network {
    /// The plain MNIST network (table 1), LeNet-5's descendant: 28x28x1, or another size that its two pools allow.
    ///
    /// `released` has batch norm after both convolutions and the first fully connected layer, `paper` has none.
    public static func plainMNIST(_ variant: Variant, input: ImageShape, classes: Int) -> Network {
        let norm: [Layer] = variant == .released ? [.batchNormalization] : []
        var layers: [Layer] = [.convolution(.init(channels: 20, size: 5, initialDeviation: paperDeviation))] + norm
        let pool = Layer.pooling(.init(.max, size: 2, stride: 2))
        layers += [pool, .convolution(.init(channels: 50, size: 5, initialDeviation: paperDeviation))] + norm
        layers += [pool, .fullyConnected(.init(channels: 500, initialDeviation: paperDeviation))] + norm
        layers += [.activation(.relu), .fullyConnected(.init(channels: classes, initialDeviation: paperDeviation))]
        return Network(input: input, classes: classes, layers: layers)
    }

    /// The plain CIFAR-10 network (table 3): 32x32x3, or another size that its three pools allow.
    ///
    /// `released` has ReLUs around the pools, `paper` none after the convolutions; neither has batch norm.
    public static func plainCIFAR10(_ variant: Variant, input: ImageShape, classes: Int) -> Network {
        let relu: [Layer] = variant == .released ? [.activation(.relu)] : []
        let average = Layer.pooling(.init(.average, size: 3, stride: 2, padding: 1))
        var layers: [Layer] = [.convolution(.init(channels: 32, size: 5, padding: 2, initialDeviation: paperDeviation))]
        layers += [.pooling(.init(.max, size: 3, stride: 2, padding: 1))] + relu
        layers += [.convolution(.init(channels: 32, size: 5, padding: 2, initialDeviation: 0.05))] + relu + [average]
        layers += [.convolution(.init(channels: 64, size: 5, padding: 2, initialDeviation: 0.05))] + relu + [average]
        layers += [.fullyConnected(.init(channels: 64, initialDeviation: 0.05)), .activation(.relu)]
        layers += [.fullyConnected(.init(channels: classes, initialDeviation: 0.05))]
        return Network(input: input, classes: classes, layers: layers)
    }

    /// The robust form of a plain convolutional network (section 4): a symmetric activation function after the batch
    /// norm of each convolution that is not fully connected, in place of any activation there; the activations between
    /// fully connected layers stay, behind a batch norm; a 1-D RBF after the last layer, whose outputs y the hybrid
    /// loss takes. Initial weights are N(0, 0.01^2) throughout.
    public func robust(_ activation: Activation, loss: HybridLoss) -> Network {
        precondition(activation.isSymmetric, "a robust network of \(activation)")
        let last = layers.lastIndex(where: \.isFullyConnected)
        var form = RobustLayers(activation: activation)
        for (index, layer) in layers.enumerated() {
            form.isLast = index == last
            form.isBehindLast = index > last ?? 0
            layer.kind.appendRobust(layer, to: &form)
        }
        var robust = self
        robust.hybridLoss = loss
        robust.layers = form.layers
        return robust
    }
}

/// The layers of a robust network, as they are made from a plain one's.
public struct RobustLayers {
    /// The symmetric function.
    let activation: Activation
    /// The layers so far.
    var layers: [Layer] = []
    /// True where the last product was a convolution that is not fully connected.
    var isBehindConvolution = true
    /// True for the last fully connected layer.
    var isLast = false
    /// True for layers behind the last fully connected one.
    var isBehindLast = false

    /// Of all weights.
    static let initialDeviation = paperDeviation

    init(activation: Activation) { self.activation = activation }

    /// The robust form of a branch.
    func robustBranch(_ branch: [Layer]) -> [Layer] {
        var form = RobustLayers(activation: activation)
        for layer in branch { layer.kind.appendRobust(layer, to: &form) }
        return form.layers
    }
}
