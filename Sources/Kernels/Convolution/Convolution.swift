/// The geometry of a convolution (the field's cross-correlation): `output(y, x, k) = sum over (i, j, c) of input(y
/// stride + i dilation - padding, x stride + j dilation - padding, c) weight(i, j, c, k)`, zeros outside the image; the
/// dilations of rows and of columns may differ.
/// With `groups`, filter k sums over the channels of its own group alone, the (k groups / filters)-th part of all.
///
/// A weight is stored [kernelHeight, kernelWidth, channels / groups, filters], row major (HWIO), `patchCount` x
/// `filters` as a matrix. A fully connected layer is the convolution whose kernel covers its whole input.
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
    /// The step between the kernel's positions on the image, of its rows and of its columns.
    public let dilation: Extent
    /// The parts into which channels and filters are divided, each connected with its own alone.
    public let groups: Int

    /// Makes the geometry.
    public init(
        input: ImageShape, kernelHeight: Int, kernelWidth: Int, filters: Int, stride: Int = 1, padding: Int = 0,
        dilation: Extent = 1, groups: Int = 1
    ) {
        let reach = Extent(kernelHeight, kernelWidth).spanned(by: dilation)
        precondition(
            reach.height <= input.height + 2 * padding && reach.width <= input.width + 2 * padding,
            "a kernel of \(reach.height)x\(reach.width) on an image of \(input) padded by \(padding)")
        precondition(
            input.channels % groups == 0 && filters % groups == 0,
            "\(groups) groups of \(input.channels) channels and \(filters) filters")
        self.input = input
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.filters = filters
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
    }

    /// `(input + 2 padding - (kernel - 1) dilation - 1) / stride + 1`, rounded down, in each direction; `filters`
    /// channels.
    public var output: ImageShape {
        ImageShape(
            height: (input.height + 2 * padding - reach.height) / stride + 1,
            width: (input.width + 2 * padding - reach.width) / stride + 1, channels: filters)
    }
    /// The rows and columns of the image that the kernel spans.
    var reach: Extent { Extent(kernelHeight, kernelWidth).spanned(by: dilation) }
    /// The input channels of a group.
    public var groupChannels: Int { input.channels / groups }
    /// The filters of a group.
    public var groupFilters: Int { filters / groups }
    /// The elements of one patch of a group, and the rows of the weight matrix.
    public var patchCount: Int { kernelHeight * kernelWidth * groupChannels }
    /// The elements of the weight.
    public var weightCount: Int { patchCount * filters }
    /// True where the kernel covers the whole input: one output position.
    public var isFullyConnected: Bool {
        padding == 0 && groups == 1 && kernelHeight == input.height && kernelWidth == input.width
    }
    /// Multiply-adds of the forward pass on one image.
    public var multiplyAdds: Int { output.area * weightCount }
}

extension Extent {
    /// The rows and columns of an image that a kernel of this size spans, its positions `dilation` apart:
    /// (size - 1) dilation + 1.
    public func spanned(by dilation: Extent) -> Extent {
        Extent((height - 1) * dilation.height + 1, (width - 1) * dilation.width + 1)
    }
}
