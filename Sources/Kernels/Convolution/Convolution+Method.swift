/// The choice of algorithm for each product of a convolution: a fixed table of its geometry, from measurements. Nothing
/// is timed at run time, so that bits depend on geometry and CPU alone.
extension Convolution {
    /// Algorithms of the forward pass and the weight gradient.
    package enum Method {
        /// OpenBLAS, on the patches of one image at a time, group by group, or on the images of a fully connected
        /// layer.
        case patches
        /// A vector of channels at a time, where each is a group with one filter (``DepthwiseConvolution``).
        case depthwise
        /// LIBXSMM, in panels of a fully connected layer (``DirectProduct``).
        case panels
        /// LIBXSMM, on the image itself (``DirectConvolution``).
        case direct
        /// LIBXSMM, on transformed tiles (``WinogradConvolution``).
        case winograd
    }

    /// Algorithms of the input gradient.
    enum InputGradientMethod {
        /// OpenBLAS, by patches of gradients that are added up, or by one product.
        case patches
        /// A vector of channels at a time.
        case depthwise
        /// Dot products with a fully connected layer's weight (``DotProduct``).
        case dotProducts
        /// LIBXSMM, by patches of gradients, a few rows at a time.
        case rowsOfPatches
        /// LIBXSMM, by a direct convolution with the flipped weight.
        case correlation
        /// LIBXSMM, on transformed tiles.
        case winograd
        /// On transformed tiles, with a vector of tiles in place of one of channels.
        case winogradOfFewChannels
    }

    package var method: Method {
        guard groups == 1 else { return groupChannels == 1 && groupFilters == 1 ? .depthwise : .patches }
        #if XSMM
            if isFullyConnected { return isDirectProduct ? .panels : .patches }
            // Positions apart are read as they stand, equally far in both directions; rows of patches are not made of
            // them.
            guard dilation.height == dilation.width else { return .patches }
            guard stride == 1 && dilation == 1 || filters % 16 == 0 && !hasPatchRows else { return .patches }
            if winograd != nil { return .winograd }
            // The direct form wins where filters fill vectors, up to a small remainder, and where patches of an input
            // of few channels would be the larger part of the work.
            return filters >= 16 && (filters % 16 == 0 || remainingFilters > 0 || hasPatchRows) ? .direct : .patches
        #else
            return .patches
        #endif
    }

    var inputGradientMethod: InputGradientMethod {
        switch method {
        case .patches: .patches
        case .depthwise: .depthwise
        case .panels: .dotProducts
        case .winograd: input.channels >= 16 ? .winograd : fewChannelsMethod
        case .direct: correlatesInputGradient ? .correlation : .rowsOfPatches
        }
    }

    /// True where the bits of an output or input gradient depend on that image alone, not on the images computed beside
    /// it.
    public var imagesAreIndependent: Bool { !isFullyConnected || method == .panels }

    /// The floats of scratch memory that a call needs: the patches of one image, or one image between zeros, and the
    /// gradients of the filters that are left behind the last whole vector; or transformed tiles.
    public var scratchCount: Int {
        if isFullyConnected { return 0 }
        func padded(_ shape: ImageShape, _ margin: Int) -> Int {
            (shape.height + 2 * margin) * (shape.width + 2 * margin) * shape.channels
        }
        let image = max(
            output.area * patchCount, padded(input, padding), padded(output, max(reach.height, reach.width)))
        #if XSMM
            if let winograd { return max(image, winograd.scratchCount(self)) }
        #endif
        return image + remainingFilters * patchCount
    }

    /// The floats that `packWeight` writes: none where all is OpenBLAS's.
    public func packedCount(backward: Bool) -> Int { packedForwardCount + (backward ? packedBackwardCount : 0) }

    /// The part of these that the forward pass uses.
    var packedForwardCount: Int {
        #if XSMM
            if let winograd { return winograd.weightCount(self) + winograd.workspaceCount }
        #endif
        return remainingFilters * patchCount
    }

    private var packedBackwardCount: Int {
        switch inputGradientMethod {
        case .patches, .dotProducts, .depthwise: return 0
        case .rowsOfPatches, .correlation: return weightCount
        case .winograd: return packedForwardCount
        case .winogradOfFewChannels:
            #if XSMM
                return (winograd?.points ?? 0) * input.channels * filters
            #else
                return 0
            #endif
        }
    }

    /// True where a direct pass multiplies whole rows of patches: the channels of one position would be too short a
    /// product.
    var hasPatchRows: Bool { input.channels < 16 }

    #if XSMM
        /// The filters behind the last whole vector, where they are few enough to be computed apart
        /// (``FilterRemainder``).
        var remainingFilters: Int {
            let rest = filters % 16
            return stride == 1 && dilation == 1 && groups == 1 && filters > 16
                && rest <= 4 && !hasPatchRows && !isFullyConnected && winograd == nil
                ? rest : 0
        }

        /// The form of Winograd's filtering for this geometry, where one wins. With few channels the transforms cost
        /// more than they save: one or two of a kernel of 5x5, fewer than a vector of one of 3x3.
        var winograd: (any WinogradConvolution.Type)? {
            if Winograd5x5.suits(self), input.channels > 2, filters > 16 { return Winograd5x5.self }
            if Winograd3x3.suits(self), input.channels >= 16, filters >= 16 { return Winograd3x3.self }
            return nil
        }

        private var fewChannelsMethod: InputGradientMethod {
            winograd?.suitsLanes(self) ?? false ? .winogradOfFewChannels : .rowsOfPatches
        }

        /// True where the zeros around the output's gradient cost a direct convolution next to nothing.
        private var correlatesInputGradient: Bool {
            stride == 1 && input.channels % 16 == 0 && filters % 16 == 0 && kernelHeight == kernelWidth
                && padding < reach.height
                && 10 * output.area >= 9 * input.area
        }

        /// True where a fully connected layer goes by `panels`, and its input gradient by dot products.
        private var isDirectProduct: Bool {
            DirectProduct.suits(columns: filters) && DotProduct.suits(columns: patchCount, depth: filters)
                && DirectProduct.isAvailable
        }
    #else
        /// 0: OpenBLAS computes all filters.
        var remainingFilters: Int { 0 }
        private var fewChannelsMethod: InputGradientMethod { .patches }
        private var correlatesInputGradient: Bool { false }
    #endif
}
