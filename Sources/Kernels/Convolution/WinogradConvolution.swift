#if XSMM
    import CXSMM

    /// Convolutions by Winograd's minimal filtering: tiles of the image, transformed, are multiplied by the transformed
    /// weight, point by point, and give 4x4 outputs each. F(4x4, 5x5) has 64 multiply-adds where the definition has
    /// 400, F(4x4, 3x3) has 36 for 144. The products go by LIBXSMM, the transforms by ``WinogradTransform``.
    ///
    /// Tiles are taken a unit at a time: so many rows of tiles of one image that what belongs to it stays in the
    /// second-level cache. Both passes use the same tiles, the backward pass by the transposed maps. An element's bits
    /// depend on its own image alone. Each pass returns false, having done nothing, where LIBXSMM has no such kernel
    /// for this CPU.
    ///
    /// A kernel size is a conforming type. The passes are compiled for each, so that loops over points have fixed ends.
    protocol WinogradConvolution {
        /// Maps of the input, of the output and of the weight, and their transposes.
        associatedtype Input: WinogradTransform
        associatedtype InputGradient: WinogradTransform
        associatedtype Output: WinogradTransform
        associatedtype OutputGradient: WinogradTransform
        associatedtype Weight: WinogradTransform
        associatedtype WeightGradient: WinogradTransform

        static func transform(_: UnsafeMutablePointer<Float>, _ weight: UnsafePointer<Float>, _ g: Convolution)
        static func transposePoints(
            _: UnsafeMutablePointer<Float>, _ transformed: UnsafePointer<Float>, _ g: Convolution)
        static func gatherPoints(
            _: UnsafeMutablePointer<Float>, _ transformed: UnsafePointer<Float>, _ g: Convolution)
        static func forward(
            _: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, packed: UnsafePointer<Float>,
            _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool
        static func inputGradient(
            _: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            _ transposed: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool
        static func inputGradientOfFewChannels(
            _: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ weight: UnsafePointer<Float>,
            _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool
        static func weightGradient(
            _: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            _ g: Convolution, images: Int, scratch: UnsafeMutablePointer<Float>
        ) -> Bool
    }

    /// Constants of all kernel sizes.
    enum Winograd {
        /// Outputs of a tile in each direction.
        static let step = 4
        /// Tiles whose products are formed together, at most, but where a row has more.
        static let tilesAtOnce = 16

        /// From one point's matrix to the next, so that matrices of a power of two do not fall on the same lines of the
        /// cache.
        static func row(_ count: Int) -> Int { (count + 15) / 16 * 16 + 16 }
    }

    extension WinogradConvolution {
        /// Rows and columns of the kernel.
        static var kernelSize: Int { Weight.inputs }
        /// Rows and columns of a tile, and of the points at which tiles and weights are evaluated.
        static var side: Int { Input.inputs }
        /// The points.
        static var points: Int { side * side }
        /// Outputs of a tile in each direction.
        static var step: Int { Winograd.step }

        /// True where the kernel fits and whole tiles cover the output.
        static func suits(_ g: Convolution) -> Bool {
            g.kernelHeight == kernelSize && g.kernelWidth == kernelSize && g.stride == 1 && !g.isSpread
                && g.output.height % step == 0 && g.output.width % step == 0
        }

        /// The floats of the transformed weight, [points, channels, filters], and of its transpose.
        static func weightCount(_ g: Convolution) -> Int { points * row(g.input.channels * g.filters) }
        /// The floats of a transform's workspace, that stand behind the transformed weight.
        static var workspaceCount: Int { points * 16 + 16 }

        static func row(_ count: Int) -> Int { Winograd.row(count) }

        /// Writes the transformed weight, `weightCount` floats and behind them `workspaceCount` that mean nothing.
        @inline(__always)
        static func transform(
            _ transformed: UnsafeMutablePointer<Float>, _ weight: UnsafePointer<Float>, _ g: Convolution
        ) {
            let (count, stride) = (g.input.channels * g.filters, row(g.input.channels * g.filters))
            let workspace = vectors(at: transformed + points * stride)
            for c in 0..<g.input.channels {
                forEachVector(g.filters) { k, _ in
                    let (source, target) = (weight + c * g.filters + k, transformed + c * g.filters + k)
                    Weight.applyBoth(
                        workspace, { source.vector(($0 * kernelSize + $1) * count) },
                        { target.store($2, ($0 * side + $1) * stride) })
                }
            }
        }

        /// Writes the transformed weight's transpose, [points, filters, channels].
        @inline(__always)
        static func transposePoints(
            _ transposed: UnsafeMutablePointer<Float>, _ transformed: UnsafePointer<Float>, _ g: Convolution
        ) {
            let stride = row(g.input.channels * g.filters)
            for point in 0..<points {
                transpose(
                    transposed + point * stride, transformed + point * stride, rows: g.input.channels,
                    columns: g.filters, stride: g.filters)
            }
        }

        /// output = weight * input for one image.
        @inline(__always)
        static func forward(
            _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, packed: UnsafePointer<Float>,
            _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (unit, channels, filters) = (WinogradUnit(g), g.input.channels, g.filters)
            guard let kernel = product(filters, unit.tiles, channels) else { return false }
            let image = DirectConvolution.pad(input, g.input, g.padding, into: scratch)
            let areas = self.areas(g, unit, scratch)
            let (x, y) = (areas.x, areas.y)
            let (xStride, yStride) = (row(unit.tiles * channels), row(unit.tiles * filters))
            for part in 0..<unit.perImage {
                transformInput(x, image, g, unit, part, stride: xStride, areas.workspace)
                multiply(kernel, y, yStride, x, xStride, packed, row(channels * filters))
                forEachTile(unit, part) { tile, row, column in
                    let target = output + (row * g.output.width + column) * filters
                    forEachVector(filters) { k, _ in
                        let source = y + tile * filters + k
                        Output.applyBoth(
                            areas.workspace, { source.vector(($0 * side + $1) * yStride) },
                            { target.store($2, ($0 * g.output.width + $1) * filters + k) })
                    }
                }
            }
            return true
        }

        /// inputGradient = outputGradient * weight^T for one image.
        @inline(__always)
        static func inputGradient(
            _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            _ transposed: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (unit, channels, filters) = (WinogradUnit(g), g.input.channels, g.filters)
            guard let kernel = product(channels, unit.tiles, filters) else { return false }
            let areas = self.areas(g, unit, scratch)
            let (x, y) = (areas.x, areas.y)
            let (xStride, yStride) = (row(unit.tiles * channels), row(unit.tiles * filters))
            let width = g.input.width + 2 * g.padding
            let image = g.padding > 0 ? scratch : inputGradient
            image.update(repeating: 0, count: (g.input.height + 2 * g.padding) * width * channels)
            for part in 0..<unit.perImage {
                transformOutputGradient(y, outputGradient, g, unit, part, stride: yStride, areas.workspace)
                multiply(kernel, x, xStride, y, yStride, transposed, row(channels * filters))
                forEachTile(unit, part) { tile, row, column in
                    let target = image + (row * width + column) * channels
                    forEachVector(channels) { c, repeated in
                        let source = x + tile * channels + c
                        // Elements shared with the vector before count there.
                        let mask = firstElements(repeated)
                        InputGradient.applyBoth(
                            areas.workspace, { source.vector(($0 * side + $1) * xStride) },
                            {
                                let offset = ($0 * width + $1) * channels + c
                                target.store(target.vector(offset) + $2.replacing(with: 0, where: mask), offset)
                            })
                    }
                }
            }
            if g.padding > 0 { cutMargin(inputGradient, from: image, g) }
            return true
        }

        /// weightGradient += the sum over `images` images of input^T * outputGradient.
        @inline(__always)
        static func weightGradient(
            _ weightGradient: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
            _ outputGradient: UnsafePointer<Float>, _ g: Convolution, images: Int,
            scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (unit, channels, filters) = (WinogradUnit(g), g.input.channels, g.filters)
            func kernel(adding: Bool) -> UnsafeRawPointer? {
                xsmm_kernel(
                    Int32(filters), Int32(channels), Int32(unit.tiles), Int32(filters), Int32(channels), Int32(filters),
                    adding ? 1 : 0, 1)
            }
            guard let first = kernel(adding: false), let further = kernel(adding: true) else { return false }
            guard images > 0 else { return true }
            let tiles = unit.gathered * unit.tiles
            let areas = self.areas(g, unit, scratch)
            let (x, y, sums) = (areas.x, areas.y, areas.sums)
            let (xStride, yStride) = (row(tiles * channels), row(tiles * filters))
            let stride = row(channels * filters)
            withUnsafeTemporaryAllocation(of: xsmm_offset.self, capacity: 2 * unit.gathered) { offsets in
                guard let yOffsets = offsets.baseAddress else { return }
                let xOffsets = yOffsets + unit.gathered
                for i in 0..<unit.gathered {
                    yOffsets[i] = xsmm_offset(4 * i * unit.tiles * filters)
                    xOffsets[i] = xsmm_offset(4 * i * unit.tiles * channels)
                }
                let units = images * unit.perImage
                var (image, imageIndex) = (UnsafePointer(scratch), -1)
                for start in Swift.stride(from: 0, to: units, by: unit.gathered) {
                    let count = min(unit.gathered, units - start)
                    for i in 0..<count {
                        let (index, part) = (start + i).quotientAndRemainder(dividingBy: unit.perImage)
                        if index != imageIndex {
                            imageIndex = index
                            image = DirectConvolution.pad(
                                input + index * g.input.count, g.input, g.padding, into: scratch)
                        }
                        transformInput(
                            x + i * unit.tiles * channels, image, g, unit, part, stride: xStride, areas.workspace)
                        transformOutputGradient(
                            y + i * unit.tiles * filters, outputGradient + index * g.output.count, g, unit, part,
                            stride: yStride, areas.workspace)
                    }
                    for point in 0..<points {
                        xsmm_run(
                            start == 0 ? first : further, y + point * yStride, x + point * xStride,
                            sums + point * stride, xsmm_offset(count),
                            yOffsets, xOffsets)
                    }
                }
            }
            for c in 0..<channels {
                forEachVector(filters) { k, repeated in
                    let source = sums + c * filters + k
                    let target = weightGradient + c * filters + k
                    let mask = firstElements(repeated)
                    WeightGradient.applyBoth(
                        areas.workspace, { source.vector(($0 * side + $1) * stride) },
                        {
                            let offset = ($0 * kernelSize + $1) * channels * filters
                            target.store(target.vector(offset) + $2.replacing(with: 0, where: mask), offset)
                        })
                }
            }
            return true
        }

        /// The kernel that multiplies `rows` rows of `depth` floats by a matrix of `columns` columns.
        private static func product(_ columns: Int, _ rows: Int, _ depth: Int) -> UnsafeRawPointer? {
            xsmm_kernel(
                Int32(columns), Int32(rows), Int32(depth), Int32(columns), Int32(depth), Int32(columns), 0, 0)
        }

        /// c = a b at each point.
        private static func multiply(
            _ kernel: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ a: UnsafePointer<Float>,
            _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int
        ) {
            var start: xsmm_offset = 0
            for point in 0..<points {
                xsmm_run(kernel, b + point * bStride, a + point * aStride, c + point * cStride, 1, &start, &start)
            }
        }
    }
#endif
