#if XSMM
    import CXSMM

    /// Convolutions without patches, by LIBXSMM's batch-reduce products on the channels-last image itself: an output
    /// row is the sum over the kernel's positions of weight(i, j) times the input row that begins there. An image of
    /// few channels is laid out as rows of patches first, so that a product spans a whole row of the kernel.
    ///
    /// The geometry alone decides which layers go this way (``Convolution/Method``). Padding is made by copying one
    /// image into `scratch`, between zeros. Each returns false, having done nothing, where LIBXSMM has no such kernel
    /// for this CPU.
    enum DirectConvolution {
        /// output = weight * input for one image.
        static func forward(
            _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
            packed: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (rest, taps) = (g.remainingFilters, Taps(g))
            let shape = g.productRows
            guard let kernel = taps.kernel(columns: g.filters - rest, stride: g.filters, width: shape.width)
            else { return false }
            let image = taps.prepare(input, g, scratch: scratch)
            taps.correlate(kernel, output, image, weight, stride: g.filters, output: shape)
            if rest > 0 {
                FilterRemainder.forward(output, image, width: g.input.width + 2 * g.padding, packed, g)
            }
            return true
        }

        /// inputGradient = outputGradient * weight^T for one image, as a convolution with the flipped weight.
        static func correlate(
            _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            flipped weight: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let margin = g.reach.width - 1 - g.padding
            let (channels, width) = (g.input.channels, g.output.width + 2 * margin)
            let taps = Taps(
                rows: g.kernelHeight, columns: g.kernelWidth, depth: g.filters, pixel: g.filters,
                row: width * g.filters, dilation: g.dilation.height)
            let shape = g.isPointwise ? ImageShape(height: 1, width: g.input.area, channels: channels) : g.input
            guard let kernel = taps.kernel(columns: channels, stride: channels, width: shape.width)
            else { return false }
            let gradient = pad(outputGradient, g.output, margin, into: scratch)
            taps.correlate(kernel, inputGradient, gradient, weight, stride: channels, output: shape)
            return true
        }

        /// inputGradient = outputGradient * weight^T for one image, by patches of gradients: a few rows of positions at
        /// a time, added up at their places.
        ///
        /// - Parameter weight: [filters, `patchCount`].
        static func sumPatches(
            _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            _ weight: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (patch, shape) = (g.patchCount, g.output)
            // As many rows as stay in the first-level cache, in equal parts.
            let rows = (1...shape.height).last {
                shape.height % $0 == 0 && ($0 == 1 || $0 * shape.width * patch * 4 <= 32 * 1024)
            }
            guard let rows,
                let kernel = xsmm_kernel(
                    Int32(patch), Int32(rows * shape.width), Int32(g.filters), Int32(patch), Int32(g.filters),
                    Int32(patch), 0, 0)
            else { return false }
            inputGradient.update(repeating: 0, count: g.input.count)
            var start: xsmm_offset = 0
            for y in stride(from: 0, to: shape.height, by: rows) {
                xsmm_run(kernel, weight, outputGradient + y * shape.width * g.filters, scratch, 1, &start, &start)
                addPatches(inputGradient, scratch, g, rows: y..<y + rows)
            }
            return true
        }

        /// weightGradient += the sum over `images` images of input^T * outputGradient.
        static func weightGradient(
            _ weightGradient: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
            _ outputGradient: UnsafePointer<Float>, _ g: Convolution, images: Int,
            scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (taps, rest, shape) = (Taps(g), g.remainingFilters, g.productRows)
            guard
                let kernel = xsmm_kernel(
                    Int32(g.filters - rest), Int32(taps.depth), Int32(shape.width), Int32(g.filters),
                    Int32(taps.step * taps.pixel), Int32(g.filters), 1, 1)
            else { return false }
            let sums = scratch + (g.scratchCount - rest * g.patchCount)
            sums.update(repeating: 0, count: rest * g.patchCount)
            withUnsafeTemporaryAllocation(of: xsmm_offset.self, capacity: 2 * shape.height) { offsets in
                guard let gradients = offsets.baseAddress else { return }
                let rows = gradients + shape.height
                for y in 0..<shape.height {
                    gradients[y] = xsmm_offset(4 * y * shape.width * g.filters)
                    rows[y] = xsmm_offset(4 * y * taps.step * taps.row)
                }
                for index in 0..<images {
                    let gradient = outputGradient + index * shape.count
                    let image = taps.prepare(input + index * g.input.count, g, scratch: scratch)
                    taps.forEach { tap, offset in
                        xsmm_run(
                            kernel, gradient, image + offset, weightGradient + tap * taps.depth * g.filters,
                            xsmm_offset(shape.height), gradients, rows)
                    }
                    if rest > 0 {
                        FilterRemainder.addWeightGradient(
                            sums, image, width: g.input.width + 2 * g.padding, gradient, g)
                    }
                }
            }
            if rest > 0 { FilterRemainder.addSums(weightGradient, sums, g) }
            return true
        }

        /// The image between `margin` rows and columns of zeros, in `scratch`; the image itself where there is no
        /// margin.
        static func pad(
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

    extension Convolution {
        /// True where an output is a product of one position alone.
        fileprivate var isPointwise: Bool { kernelHeight == 1 && kernelWidth == 1 && stride == 1 && padding == 0 }

        /// The output as rows of positions that a product spans: one for all of it where each stands for itself.
        fileprivate var productRows: ImageShape {
            isPointwise ? ImageShape(height: 1, width: output.area, channels: filters) : output
        }
    }

    /// The products whose sum is an output row: one for each position of the kernel, or for each row of it.
    private struct Taps {
        /// Taps in both directions.
        let rows, columns: Int
        /// The length of each product.
        let depth: Int
        /// Floats from one position of the image to the next, and from one row to the next.
        let pixel, row: Int
        /// Positions of the image from one output to the next, and from one tap to the next, in both directions.
        let step, dilation: Int

        init(rows: Int, columns: Int, depth: Int, pixel: Int, row: Int, step: Int = 1, dilation: Int = 1) {
            (self.rows, self.columns, self.depth, self.pixel, self.row) = (rows, columns, depth, pixel, row)
            (self.step, self.dilation) = (step, dilation)
        }

        /// The taps of a convolution on the image that `prepare` lays out.
        init(_ g: Convolution) {
            let (channels, run) = (g.input.channels, g.kernelWidth * g.input.channels)
            if g.hasPatchRows {
                self.init(rows: g.kernelHeight, columns: 1, depth: run, pixel: run, row: g.output.width * run)
            } else {
                self.init(
                    rows: g.kernelHeight, columns: g.kernelWidth, depth: channels, pixel: channels,
                    row: (g.input.width + 2 * g.padding) * channels, step: g.stride, dilation: g.dilation.height)
            }
        }

        /// The padded image, or its rows of patches.
        func prepare(
            _ input: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> UnsafePointer<Float> {
            guard g.hasPatchRows else { return DirectConvolution.pad(input, g.input, g.padding, into: scratch) }
            gatherPatches(
                scratch, input,
                Convolution(
                    input: g.input, kernelHeight: 1, kernelWidth: g.kernelWidth, filters: g.filters, padding: g.padding)
            )
            return UnsafePointer(scratch)
        }

        /// Calls `body(number of the tap, its offset in the image)`.
        @inline(__always)
        func forEach(_ body: (Int, Int) -> Void) {
            for i in 0..<rows {
                for j in 0..<columns { body(i * columns + j, (i * row + j * pixel) * dilation) }
            }
        }

        /// The kernel of `correlate`, for an output row of `width` positions with `columns` of `stride` channels.
        func kernel(columns: Int, stride: Int, width: Int) -> UnsafeRawPointer? {
            xsmm_kernel(
                Int32(columns), Int32(width), Int32(depth), Int32(stride), Int32(step * pixel), Int32(stride), 0, 0)
        }

        /// y(row) = the sum over the taps of weight(tap) x(row, from the tap's offset), row by row.
        func correlate(
            _ kernel: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>,
            _ weight: UnsafePointer<Float>, stride: Int, output: ImageShape
        ) {
            let count = rows * columns
            withUnsafeTemporaryAllocation(of: xsmm_offset.self, capacity: 2 * count) { offsets in
                guard let weights = offsets.baseAddress else { return }
                let images = weights + count
                forEach { tap, offset in
                    weights[tap] = xsmm_offset(4 * tap * depth * stride)
                    images[tap] = xsmm_offset(4 * offset)
                }
                for index in 0..<output.height {
                    xsmm_run(
                        kernel, weight, x + index * step * row, y + index * output.width * stride, xsmm_offset(count),
                        weights, images)
                }
            }
        }
    }
#endif
