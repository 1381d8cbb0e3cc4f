#if XSMM
    import CXSMM

    /// Convolutions without patches, by LIBXSMM's batch-reduce products on the channels-last image itself: an output row is
    /// the sum over the kernel's positions of weight(i, j) times the input row that begins there.
    ///
    /// Which layers go this way is a rule of their geometry alone (``Convolution/isDirect``), measured to win there.
    /// Padding is made by copying one image into `scratch`, between zeros. Each returns false, having done nothing, where LIBXSMM
    /// has no such kernel for this CPU.
    enum DirectConvolution {
        /// output = weight * input for one image.
        static func forward(
            _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
            _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let image = pad(input, g.input, g.padding, into: scratch)
            return correlate(
                output, image, weight, inputWidth: g.input.width + 2 * g.padding, inputChannels: g.input.channels,
                output: g.output, kernelHeight: g.kernelHeight, kernelWidth: g.kernelWidth)
        }

        /// inputGradient = outputGradient * weight^T for one image, as a correlation with the flipped weight.
        static func inputGradient(
            _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            flipped: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let margin = g.kernelWidth - 1 - g.padding
            let gradient = pad(outputGradient, g.output, margin, into: scratch)
            return correlate(
                inputGradient, gradient, flipped, inputWidth: g.output.width + 2 * margin, inputChannels: g.filters,
                output: g.input, kernelHeight: g.kernelHeight, kernelWidth: g.kernelWidth)
        }

        /// weightGradient += input^T * outputGradient for one image.
        static func weightGradient(
            _ weightGradient: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
            _ outputGradient: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let image = pad(input, g.input, g.padding, into: scratch)
            let (channels, filters, shape) = (g.input.channels, g.filters, g.output)
            let width = g.input.width + 2 * g.padding
            guard
                let kernel = xsmm_kernel(
                    Int32(filters), Int32(channels), Int32(shape.width), Int32(filters), Int32(channels),
                    Int32(filters),
                    1, 1)
            else { return false }
            withUnsafeTemporaryAllocation(of: xsmm_offset.self, capacity: 2 * shape.height) { offsets in
                guard let gradients = offsets.baseAddress else { return }
                let images = gradients + shape.height
                for y in 0..<shape.height {
                    gradients[y] = xsmm_offset(4 * y * shape.width * filters)
                    images[y] = xsmm_offset(4 * y * width * channels)
                }
                for i in 0..<g.kernelHeight {
                    for j in 0..<g.kernelWidth {
                        xsmm_run(
                            kernel, outputGradient, image + (i * width + j) * channels,
                            weightGradient + (i * g.kernelWidth + j) * channels * filters, xsmm_offset(shape.height),
                            gradients, images)
                    }
                }
            }
            return true
        }

        /// y(row) = the sum over (i, j) of weight(i, j) x(row + i, columns from j), row by row.
        private static func correlate(
            _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
            inputWidth: Int, inputChannels: Int, output: ImageShape, kernelHeight: Int, kernelWidth: Int
        ) -> Bool {
            let positions = kernelHeight * kernelWidth
            guard
                let kernel = xsmm_kernel(
                    Int32(output.channels), Int32(output.width), Int32(inputChannels), Int32(output.channels),
                    Int32(inputChannels), Int32(output.channels), 0, 0)
            else { return false }
            withUnsafeTemporaryAllocation(of: xsmm_offset.self, capacity: 2 * positions) { offsets in
                guard let weights = offsets.baseAddress else { return }
                let images = weights + positions
                for i in 0..<kernelHeight {
                    for j in 0..<kernelWidth {
                        weights[i * kernelWidth + j] =
                            xsmm_offset(4 * (i * kernelWidth + j) * inputChannels * output.channels)
                        images[i * kernelWidth + j] = xsmm_offset(4 * (i * inputWidth + j) * inputChannels)
                    }
                }
                for row in 0..<output.height {
                    xsmm_run(
                        kernel, weight, x + row * inputWidth * inputChannels, y + row * output.width * output.channels,
                        xsmm_offset(positions), weights, images)
                }
            }
            return true
        }

        /// The image between `margin` rows and columns of zeros, in `scratch`; the image itself where there is no margin.
        private static func pad(
            _ image: UnsafePointer<Float>, _ shape: ImageShape, _ margin: Int, into scratch: UnsafeMutablePointer<Float>
        ) -> UnsafePointer<Float> {
            guard margin > 0 else { return image }
            let (row, side) = (shape.width * shape.channels, margin * shape.channels)
            let border = margin * (row + 2 * side)
            var target = scratch
            target.update(repeating: 0, count: border + side)
            target += border + side
            for y in 0..<shape.height {
                target.update(from: image + y * row, count: row)
                // The right margin and the next row's left one.
                (target + row).update(repeating: 0, count: 2 * side)
                target += row + 2 * side
            }
            (target - side).update(repeating: 0, count: border)
            return UnsafePointer(scratch)
        }
    }
#endif
