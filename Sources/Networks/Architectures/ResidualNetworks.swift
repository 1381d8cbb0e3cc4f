import Kernels

// Residual networks for small images (He et al. 2016, section 4.2; He et al. 2016b; Zagoruyko & Komodakis 2016): a
// convolution of 3x3, three stages of blocks of two convolutions of 3x3, the second and third of which begin with
// stride 2, the average over the image, a fully connected layer. A shortcut between two shapes is a convolution of 1x1.
// Convolutions have no bias; initial weights are N(0, 2 / inputs) (He et al. 2015).

extension Network {
    /// A residual network of `depth` = 6 n + 2 layers, n blocks a stage.
    ///
    /// - Parameters:
    ///   - width: the channels of the first stage; each later one has twice those of the one before.
    ///   - preActivation: batch norm and ReLU stand before each convolution, and the sum is left as it is.
    public static func resNet(
        depth: Int, width: Int = 16, preActivation: Bool = false, input: ImageShape, classes: Int
    ) -> Network {
        residual(
            blocks: (depth - 2) / 6, first: width, widths: [width, 2 * width, 4 * width], preActivation: preActivation,
            input: input, classes: classes)
    }

    /// A wide residual network of `depth` = 6 n + 4 layers, with `widen` times 16, 32 and 64 channels.
    public static func wideResNet(depth: Int, widen: Int, input: ImageShape, classes: Int) -> Network {
        residual(
            blocks: (depth - 4) / 6, first: 16, widths: [16 * widen, 32 * widen, 64 * widen], preActivation: true,
            input: input, classes: classes)
    }

    private static func residual(
        blocks: Int, first: Int, widths: [Int], preActivation: Bool, input: ImageShape, classes: Int
    ) -> Network {
        let norm: [Layer] = [.batchNormalization, .activation(.relu)]
        func convolution(_ channels: Int, _ size: Int, from inputs: Int, stride: Int = 1) -> Layer {
            .convolution(
                ConvolutionLayer(
                    channels: channels, size: Extent(size, size), padding: size == 3 ? 1 : 0, stride: stride,
                    bias: false, initialDeviation: heDeviation(size * size * inputs)))
        }
        var layers = [convolution(first, 3, from: input.channels)] + (preActivation ? [] : norm)
        var channels = first
        for (stage, width) in widths.enumerated() {
            for block in 0..<blocks {
                let stride = stage > 0 && block == 0 ? 2 : 1
                let changes = stride > 1 || channels != width
                let (one, two) = (
                    convolution(width, 3, from: channels, stride: stride), convolution(width, 3, from: width)
                )
                let projection = changes ? [convolution(width, 1, from: channels, stride: stride)] : []
                if preActivation {
                    // Where shapes change the shortcut, too, takes what batch norm and ReLU leave.
                    layers += changes ? norm : []
                    layers.append(
                        .residual(body: (changes ? [] : norm) + [one] + norm + [two], shortcut: projection))
                } else {
                    layers.append(
                        .residual(
                            body: [one] + norm + [two, .batchNormalization],
                            shortcut: projection + (changes ? [.batchNormalization] : [])))
                    layers.append(.activation(.relu))
                }
                channels = width
            }
        }
        if preActivation { layers += norm }
        layers.append(.globalAveragePooling)
        layers.append(.fullyConnected(.init(channels: classes, initialDeviation: heDeviation(channels))))
        return Network(input: input, classes: classes, layers: layers)
    }

    /// The standard deviation of weights before a ReLU (He et al. 2015, equation 10), of so many inputs.
    static func heDeviation(_ inputs: Int) -> Double { (2 / Double(inputs)).squareRoot() }
}
