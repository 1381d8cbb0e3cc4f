import Kernels

/// The kernels as plain loops in double precision, written from the definitions: what the fast ones are compared with.
/// Arrays are row major, images channels last, weights HWIO.
public enum Naive {}

extension Naive {
    /// Calls `body(index of x, index of w, index of y)` for each product of a convolution over `images` images.
    private static func forEachProduct(_ g: Convolution, images: Int, _ body: (Int, Int, Int) -> Void) {
        let (height, width, channels) = (g.input.height, g.input.width, g.input.channels)
        let (rows, columns) = convolutionOutput(g)
        let (groupChannels, groupFilters) = (channels / g.groups, g.filters / g.groups)
        for n in 0..<images {
            for oy in 0..<rows {
                for ox in 0..<columns {
                    for ky in 0..<g.kernelHeight {
                        for kx in 0..<g.kernelWidth {
                            let iy = oy * g.stride + ky * g.dilation.height - g.padding
                            let ix = ox * g.stride + kx * g.dilation.width - g.padding
                            if iy < 0 || iy >= height || ix < 0 || ix >= width { continue }
                            for c in 0..<groupChannels {
                                for k in 0..<g.filters {
                                    let channel = k / groupFilters * groupChannels + c
                                    body(
                                        ((n * height + iy) * width + ix) * channels + channel,
                                        ((ky * g.kernelWidth + kx) * groupChannels + c) * g.filters + k,
                                        ((n * rows + oy) * columns + ox) * g.filters + k)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The output's rows and columns, counted: the places where the kernel lies inside the padded image.
    public static func convolutionOutput(_ g: Convolution) -> (rows: Int, columns: Int) {
        func places(_ length: Int, _ kernel: Int, _ dilation: Int) -> Int {
            (0..<length + 2 * g.padding).filter {
                $0 % g.stride == 0 && $0 + (kernel - 1) * dilation < length + 2 * g.padding
            }.count
        }
        return (
            places(g.input.height, g.kernelHeight, g.dilation.height),
            places(g.input.width, g.kernelWidth, g.dilation.width)
        )
    }

    /// y = w * x, [images, rows, columns, filters].
    public static func convolution(_ x: [Double], _ w: [Double], _ g: Convolution, images: Int) -> [Double] {
        let (rows, columns) = convolutionOutput(g)
        var y = [Double](repeating: 0, count: images * rows * columns * g.filters)
        forEachProduct(g, images: images) { i, j, o in y[o] += x[i] * w[j] }
        return y
    }

    /// The gradient of w, summed over the images.
    public static func convolutionWeightGradient(
        _ x: [Double], _ yGradient: [Double], _ g: Convolution, images: Int
    ) -> [Double] {
        var w = [Double](repeating: 0, count: g.weightCount)
        forEachProduct(g, images: images) { i, j, o in w[j] += x[i] * yGradient[o] }
        return w
    }

    /// The gradient of x.
    public static func convolutionInputGradient(
        _ yGradient: [Double], _ w: [Double], _ g: Convolution, images: Int
    ) -> [Double] {
        var x = [Double](repeating: 0, count: images * g.input.height * g.input.width * g.input.channels)
        forEachProduct(g, images: images) { i, j, o in x[i] += yGradient[o] * w[j] }
        return x
    }
}
