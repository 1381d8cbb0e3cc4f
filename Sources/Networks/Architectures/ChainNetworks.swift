import Kernels

extension Network {
    /// LeNet-5 with ReLUs and maxima (LeCun et al. 1998): two convolutions of 5x5 with 6 and 16 channels, fully
    /// connected layers of 120 and 84. An image of 28x28 is padded to 32x32.
    public static func leNet(input: ImageShape, classes: Int) -> Network {
        let pool = Layer.pooling(.init(.max, size: 2, stride: 2))
        let side = min(input.height, input.width) < 32 ? 2 : 0
        let padding = Sides(top: side, left: side, bottom: side, right: side)
        let convolutions: [Layer] = [
            .convolution(
                .init(channels: 6, size: 5, padding: padding, initialDeviation: heDeviation(25 * input.channels))),
            .activation(.relu), pool,
            .convolution(.init(channels: 16, size: 5, initialDeviation: heDeviation(25 * 6))), .activation(.relu), pool,
        ]
        let inputs = [input.height, input.width].map { (($0 + 2 * side - 4) / 2 - 4) / 2 }.reduce(16, *)
        return Network(
            input: input, classes: classes,
            layers: convolutions + [
                .fullyConnected(.init(channels: 120, initialDeviation: heDeviation(inputs))), .activation(.relu),
                .fullyConnected(.init(channels: 84, initialDeviation: heDeviation(120))), .activation(.relu),
                .fullyConnected(.init(channels: classes, initialDeviation: heDeviation(84))),
            ])
    }

    /// The CNN7 of certified training (Shi et al. 2021): five convolutions of 3x3 with batch norm and ReLU, of 64, 64,
    /// 128 (stride 2), 128 and 128 channels, and fully connected layers of 512 and the classes.
    public static func cnn7(input: ImageShape, classes: Int) -> Network {
        var layers: [Layer] = []
        var (channels, height, width) = (input.channels, input.height, input.width)
        for (filters, stride) in [(64, 1), (64, 1), (128, 2), (128, 1), (128, 1)] {
            layers += [
                .convolution(
                    .init(
                        channels: filters, size: 3, padding: 1, stride: stride,
                        initialDeviation: heDeviation(9 * channels))), .batchNormalization, .activation(.relu),
            ]
            (channels, height, width) = (filters, (height - 1) / stride + 1, (width - 1) / stride + 1)
        }
        layers += [
            .fullyConnected(.init(channels: 512, initialDeviation: heDeviation(channels * height * width))),
            .batchNormalization, .activation(.relu),
            .fullyConnected(.init(channels: classes, initialDeviation: heDeviation(512))),
        ]
        return Network(input: input, classes: classes, layers: layers)
    }
}
