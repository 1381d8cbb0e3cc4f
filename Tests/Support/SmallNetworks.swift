import Kernels
import Networks

/// Small networks that together hold every kind of layer, activation, pool, loss and chain of layers.
public enum SmallNetworks {
    private static let input = ImageShape(height: 8, width: 7, channels: 2)

    private static func network(_ layers: [Layer], hybrid: HybridLoss? = nil) -> Network {
        let last: [Layer] = [.fullyConnected(.init(channels: 4))] + (hybrid == nil ? [] : [.activation(.rbf)])
        return Network(input: input, classes: 3, layers: layers + last, hybridLoss: hybrid, stabilizer: 1e-2)
    }

    /// The plain one that the robust ones are made of.
    public static let plain = network([
        .convolution(.init(channels: 5, size: 3)), .activation(.relu), .pooling(.init(.max, size: 2, stride: 2)),
        .convolution(.init(channels: 4, size: 2, padding: 1)),
        .pooling(.init(.average, size: 3, stride: 2, padding: 1)),
        .fullyConnected(.init(channels: 6)), .activation(.relu),
    ])

    /// A plain one with a residual block, that a robust one is made of.
    public static let residual = network([
        .convolution(.init(channels: 4, size: 3, padding: 1)), .batchNormalization, .activation(.relu),
        .residual(
            body: [.convolution(.init(channels: 6, size: 3, padding: 1, stride: 2)), .activation(.relu)],
            shortcut: [.convolution(.init(channels: 6, size: 1, stride: 2))]),
        .activation(.relu), .globalAveragePooling,
    ])

    /// A plain one whose image is scaled channel by channel before either of two branches takes it, with dropout.
    public static let scaled: Network = {
        var scaled = network([
            .convolution(.init(channels: 4, size: 3, padding: 1)), .activation(.sigmoid),
            Layer(ConvolutionLayer(channels: 4, size: 1, bias: false), inputs: ["image"]),
            .add(["act1", "conv2"]), .dropout(0.5), .batchNormalization, .globalAveragePooling,
        ])
        (scaled.inputScale, scaled.initialization) = ([0.5, 0.25], .he)
        return scaled
    }()

    /// All, by name.
    public static let all: [(name: String, network: Network)] = [
        ("plain", plain),
        (
            "plain with batch norm",
            network([
                .convolution(.init(channels: 5, size: 3)), .batchNormalization, .activation(.relu),
                .pooling(.init(.average, size: 2, stride: 2)), .convolution(.init(channels: 17, size: 2)),
                .batchNormalization, .fullyConnected(.init(channels: 6)), .batchNormalization, .activation(.relu),
            ])
        ),
        ("mReLU, released loss", plain.robust(.mrelu, loss: HybridLoss(alpha: [1, 1, 0], tolerance: 2.2e-16))),
        ("RBF, exact loss", plain.robust(.rbf, loss: HybridLoss(alpha: [1, 1, 1 / 9.0]))),
        ("RBF, p = 3", plain.robust(.rbf, loss: HybridLoss(alpha: [0.5, 2, 0.25], p: 3, tolerance: 2.2e-16))),
        (
            "sigmoid, strides",
            network([
                .convolution(.init(channels: 3, size: 4, padding: 2, stride: 2)), .activation(.sigmoid),
                .convolution(.init(channels: 5, size: 3)), .batchNormalization, .activation(.sigmoid),
            ])
        ),
        (
            "pool, relu, pool",
            network([
                .convolution(.init(channels: 3, size: 3, padding: 1)), .pooling(.init(.max, size: 2, stride: 1)),
                .activation(.relu), .pooling(.init(.average, size: 3, stride: 2, padding: 1, paddingBefore: 2)),
                .convolution(.init(channels: 4, size: 2)), .batchNormalization, .activation(.sigmoid),
                .pooling(.init(.average, size: 2, stride: 1)), .activation(.mrelu),
            ])
        ),
        (
            "two activations, then pool, pool, sigmoid, pool",
            network([
                .convolution(.init(channels: 4, size: 3, padding: 1)), .batchNormalization, .activation(.relu),
                .activation(.sigmoid), .pooling(.init(.max, size: 2, stride: 1)),
                .pooling(.init(.average, size: 2, stride: 2)), .activation(.sigmoid),
                .pooling(.init(.max, size: 2, stride: 1)), .fullyConnected(.init(channels: 5)), .activation(.sigmoid),
            ])
        ),
        (
            "residual blocks",
            network([
                .convolution(.init(channels: 4, size: 3, padding: 1, bias: false)), .batchNormalization,
                .activation(.relu),
                .residual(body: [
                    .convolution(.init(channels: 4, size: 3, padding: 1, bias: false)), .batchNormalization,
                    .activation(.relu), .convolution(.init(channels: 4, size: 3, padding: 1, bias: false)),
                    .batchNormalization,
                ]),
                .activation(.relu),
                .residual(
                    body: [
                        .convolution(.init(channels: 6, size: 3, padding: 1, stride: 2)), .batchNormalization,
                        .activation(.sigmoid), .convolution(.init(channels: 6, size: 3, padding: 1)),
                    ],
                    shortcut: [
                        .convolution(.init(channels: 6, size: 1, stride: 2, bias: false)), .batchNormalization,
                    ]),
                .activation(.sigmoid), .globalAveragePooling,
            ])
        ),
        (
            "pre-activation, norms anywhere, padding on each side by itself",
            network([
                .batchNormalization,
                .convolution(
                    .init(
                        channels: 4, size: Extent(3, 2), padding: Sides(top: 2, left: 0, bottom: 1, right: 1),
                        bias: false
                    )),
                .residual(
                    body: [
                        .batchNormalization, .activation(.sigmoid),
                        .convolution(.init(channels: 5, size: 3, padding: 1, bias: false)), .batchNormalization,
                        .activation(.sigmoid), .convolution(.init(channels: 5, size: 3, padding: 1, bias: false)),
                    ], shortcut: [.convolution(.init(channels: 5, size: 1))]),
                .residual(body: [
                    .batchNormalization, .activation(.sigmoid),
                    .convolution(.init(channels: 5, size: 3, padding: 1, bias: false)),
                ]),
                .pooling(.init(.max, size: 2, stride: 2)), .batchNormalization, .activation(.sigmoid),
                .batchNormalization, .globalAveragePooling,
            ])
        ),
        (
            "a graph by names",
            network([
                Layer(AffineLayer(scale: [0.5, 2], shift: [0.25]), name: "scaled"),
                Layer(ConvolutionLayer(channels: 3, size: 3, padding: 1), name: "left", inputs: ["scaled"]),
                .activation(.sigmoid),
                Layer(ConvolutionLayer(channels: 17, size: 1), name: "right", inputs: ["scaled"]),
                .batchNormalization, .concatenate(["act1", "norm2", "image", "scaled"], name: "all"),
                Layer(ActivationLayer(.sigmoid), name: "half"),
                .add(["all", "half", "all"]), .pooling(.init(.average, size: 2, stride: 2)),
                .convolution(.init(channels: 4, size: 2)), .activation(.sigmoid),
            ])
        ),
        (
            "groups, dilation, other shapes",
            network([
                .convolution(.init(channels: 6, size: 3, padding: 2, dilation: 2, groups: 2)), .batchNormalization,
                .activation(.sigmoid),
                .convolution(.init(channels: 6, size: 3, padding: 1, stride: 2, groups: 6, bias: false)),
                .activation(.sigmoid), .reshape(.init(channels: 4, height: 2, width: 12)),
                .convolution(
                    .init(channels: 4, size: Extent(2, 3), padding: 1, dilation: Extent(2, 3), groups: 4)),
                .batchNormalization, .activation(.sigmoid), .flatten, .fullyConnected(.init(channels: 12)),
                .reshape(.init(channels: 3, height: 2, width: 2)), .convolution(.init(channels: 5, size: 1)),
                .activation(.sigmoid),
            ])
        ),
        ("robust residual blocks", residual.robust(.rbf, loss: HybridLoss(alpha: [1, 1, 0]))),
        ("input scale, two branches from the image, dropout", scaled),
        (
            "products and quotients of images and gates",
            network([
                Layer(ConvolutionLayer(channels: 5, size: 3, padding: 1), name: "x"), .batchNormalization,
                .activation(.tanh), .globalAveragePooling, .fullyConnected(.init(channels: 3)), .activation(.tanh),
                .convolution(.init(channels: 5, size: 1)), Layer(ActivationLayer(.sigmoid), name: "gate"),
                .multiply(["gate", "x", "act1"], name: "gated"),
                Layer(AffineLayer(scale: [0.5], shift: [1]), name: "above", inputs: ["gate"]),
                .divide(["gated", "above"], name: "shared"), .activation(.sigmoid),
                Layer(AffineLayer(scale: [2], shift: [1]), name: "whole"),
                .divide(["gate", "whole", "above"], name: "quotient"),
                .multiply(["quotient", "quotient", "shared"]), .add(["multiply2", "gate"]),
                .convolution(.init(channels: 2, size: 1)), Layer(GlobalAveragePoolingLayer(), name: "mean"),
                .multiply(["conv3", "mean", "image"]), .pooling(.init(.average, size: 2, stride: 2)),
                .convolution(.init(channels: 4, size: 2)), .activation(.sigmoid),
            ])
        ),
    ]
}

extension Model {
    /// Sets all parameters and moments to draws of ordinary size: weights of 1 / sqrt(inputs), gammas and variances
    /// about 1.
    public func randomize(_ stream: Int) {
        for (index, entry) in layout.entries.enumerated() {
            let draws = gaussians(entry.count, 1000 * stream + index)
            let inputs = Float(entry.shape.dropFirst().reduce(1, *))
            entry.write(
                draws.map { draw in
                    switch entry.kind {
                    case .weight: draw / inputs.squareRoot()
                    case .bias, .beta: 0.3 * draw
                    case .gamma: 1 + 0.2 * draw
                    }
                }, to: parameters.pointer)
        }
        for (index, moment) in layout.moments.enumerated() {
            let draws = gaussians(2 * moment.channels, 1000 * stream + 500 + index)
            for c in 0..<moment.channels {
                moments.pointer[moment.offset + c] = 0.2 * draws[c]
                moments.pointer[moment.offset + moment.channels + c] = 0.5 + abs(draws[moment.channels + c])
            }
        }
    }
}

extension Propagation {
    /// Writes the gradient of the mean loss over `globalImages` into `outputGradient`; returns the sum of the losses.
    @discardableResult
    public func beginLoss(_ labels: some Sequence<Int>, globalImages: Int) -> Double {
        var sum = 0.0
        for (image, label) in labels.enumerated() {
            sum += plan.network.loss.value(
                outputs + image * plan.outputs, label: label, outputs: plan.outputs,
                gradient: outputGradient + image * plan.outputs, scale: 1 / Float(globalImages))
        }
        return sum
    }
}
