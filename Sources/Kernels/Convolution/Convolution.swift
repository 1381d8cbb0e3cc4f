/// The geometry of a convolution (the field's cross-correlation): `output(y, x, k) = sum over (i, j, c) of
/// input(y stride + i - padding, x stride + j - padding, c) weight(i, j, c, k)`, zeros outside the image.
///
/// A weight is stored [kernelHeight, kernelWidth, channels, filters], row major (HWIO), `patchCount` x `filters` as a
/// matrix. A fully connected layer is the convolution whose kernel covers its whole input.
public struct Convolution: Hashable, Sendable {
    /// The input image.
    public let input: ImageShape
    /// Rows of the kernel.
    public let kernelHeight: Int
    /// Columns of the kernel.
    public let kernelWidth: Int
    /// The number of output channels.
    public let filters: Int
    /// The step between output positions, in both directions.
    public let stride: Int
    /// Rows and columns of zeros on each of the four sides.
    public let padding: Int

    /// Makes the geometry.
    public init(
        input: ImageShape, kernelHeight: Int, kernelWidth: Int, filters: Int, stride: Int = 1, padding: Int = 0
    ) {
        precondition(
            kernelHeight <= input.height + 2 * padding && kernelWidth <= input.width + 2 * padding,
            "a kernel of \(kernelHeight)x\(kernelWidth) on an image of \(input) padded by \(padding)")
        self.input = input
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.filters = filters
        self.stride = stride
        self.padding = padding
    }

    /// `(input + 2 padding - kernel) / stride + 1`, rounded down, in each direction; `filters` channels.
    public var output: ImageShape {
        ImageShape(
            height: (input.height + 2 * padding - kernelHeight) / stride + 1,
            width: (input.width + 2 * padding - kernelWidth) / stride + 1, channels: filters)
    }
    /// The elements of one patch, and the rows of the weight matrix.
    public var patchCount: Int { kernelHeight * kernelWidth * input.channels }
    /// The elements of the weight.
    public var weightCount: Int { patchCount * filters }
    /// True where the kernel covers the whole input: one output position.
    public var isFullyConnected: Bool {
        padding == 0 && kernelHeight == input.height && kernelWidth == input.width
    }
    /// Multiply-adds of the forward pass on one image.
    public var multiplyAdds: Int { output.area * weightCount }
}
