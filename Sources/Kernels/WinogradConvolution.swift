#if XSMM
    import CXSMM

    /// Convolutions of kernels of 5x5 by Winograd's minimal filtering, F(4x4, 5x5): tiles of 8x8 positions of the image, transformed,
    /// are multiplied by the transformed weight, point by point of 64, and give 4x4 outputs each: 64 multiply-adds where the
    /// definition has 400. The products go by LIBXSMM, the transforms by ``WinogradTransform``.
    ///
    /// Tiles are taken a unit at a time: so many rows of tiles of one image that what belongs to it stays in the second-level
    /// cache. Both passes use the same tiles, the backward pass by the transposed maps. An element's bits depend on its own image
    /// alone. Each returns false, having done nothing, where LIBXSMM has no such kernel for this CPU.
    enum WinogradConvolution {
        /// The points at which tiles and weights are evaluated.
        static let points = 64
        /// Outputs of a tile in each direction.
        static let step = 4
        /// Tiles whose products are formed together, at most, but where a row has more.
        private static let tilesAtOnce = 16

        /// The floats of scratch memory that a call needs.
        static func scratchCount(_ g: Convolution) -> Int {
            let unit = Unit(g)
            let image = (g.input.height + 2 * g.padding) * (g.input.width + 2 * g.padding) * g.input.channels
            let tiles = unit.gathered * unit.tiles
            return image + points * (row(tiles * g.input.channels) + row(tiles * g.filters))
                + points * row(g.input.channels * g.filters) + 16
        }

        /// The floats of the transformed weight, [points, channels, filters], and of its transpose.
        static func weightCount(_ g: Convolution) -> Int { points * row(g.input.channels * g.filters) }

        /// From one point's matrix to the next, so that matrices of a power of two do not fall on the same lines of the cache.
        private static func row(_ count: Int) -> Int { (count + 15) / 16 * 16 + 16 }

        /// Rows of tiles of one image that are taken together.
        struct Unit {
            let rows, columns, perImage: Int
            var tiles: Int { rows * columns }
            /// Units whose products are summed at a time in the weight gradient.
            var gathered: Int { max(1, tilesAtOnce / tiles) }

            init(_ g: Convolution) {
                let (tileRows, columns) = (g.output.height / step, g.output.width / step)
                rows = (1...tileRows).last { tileRows % $0 == 0 && $0 * columns <= tilesAtOnce } ?? 1
                self.columns = columns
                perImage = tileRows / rows
            }
        }

        /// Writes the transformed weight, `weightCount` floats.
        static func transform(
            _ transformed: UnsafeMutablePointer<Float>, _ weight: UnsafePointer<Float>, _ g: Convolution
        ) {
            let (count, stride) = (g.input.channels * g.filters, row(g.input.channels * g.filters))
            withWorkspace { workspace in
                for c in 0..<g.input.channels {
                    forEachVector(g.filters) { k, _ in
                        let (source, target) = (weight + c * g.filters + k, transformed + c * g.filters + k)
                        WeightTransform.applyBoth(
                            workspace, { source.vector(($0 * 5 + $1) * count) },
                            { target.store($2, ($0 * 8 + $1) * stride) })
                    }
                }
            }
        }

        /// Writes the transformed weight's transpose, [points, filters, channels].
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
        static func forward(
            _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, packed: UnsafePointer<Float>,
            _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (unit, channels, filters) = (Unit(g), g.input.channels, g.filters)
            guard let kernel = product(filters, unit.tiles, channels) else { return false }
            let image = DirectConvolution.pad(input, g.input, g.padding, into: scratch)
            let (x, y) = areas(g, unit, tiles: unit.tiles, scratch: scratch)
            let (xStride, yStride) = (row(unit.tiles * channels), row(unit.tiles * filters))
            for part in 0..<unit.perImage {
                transformInput(x, image, g, unit, part, stride: xStride)
                multiply(kernel, y, yStride, x, xStride, packed, row(channels * filters))
                withWorkspace { workspace in
                    forEachTile(unit, part) { tile, row, column in
                        let target = output + (row * g.output.width + column) * filters
                        forEachVector(filters) { k, _ in
                            let source = y + tile * filters + k
                            OutputTransform.applyBoth(
                                workspace, { source.vector(($0 * 8 + $1) * yStride) },
                                { target.store($2, ($0 * g.output.width + $1) * filters + k) })
                        }
                    }
                }
            }
            return true
        }

        /// inputGradient = outputGradient * weight^T for one image.
        static func inputGradient(
            _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            _ transposed: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (unit, channels, filters) = (Unit(g), g.input.channels, g.filters)
            guard let kernel = product(channels, unit.tiles, filters) else { return false }
            let (x, y) = areas(g, unit, tiles: unit.tiles, scratch: scratch)
            let (xStride, yStride) = (row(unit.tiles * channels), row(unit.tiles * filters))
            let width = g.input.width + 2 * g.padding
            let image = g.padding > 0 ? scratch : inputGradient
            image.update(repeating: 0, count: (g.input.height + 2 * g.padding) * width * channels)
            for part in 0..<unit.perImage {
                transformOutputGradient(y, outputGradient, g, unit, part, stride: yStride)
                multiply(kernel, x, xStride, y, yStride, transposed, row(channels * filters))
                withWorkspace { workspace in
                    forEachTile(unit, part) { tile, row, column in
                        let target = image + (row * width + column) * channels
                        forEachVector(channels) { c, repeated in
                            let source = x + tile * channels + c
                            // What the last vector shares with the one before counts there.
                            let mask = firstElements(repeated)
                            InputGradientTransform.applyBoth(
                                workspace, { source.vector(($0 * 8 + $1) * xStride) },
                                {
                                    let offset = ($0 * width + $1) * channels + c
                                    target.store(target.vector(offset) + $2.replacing(with: 0, where: mask), offset)
                                })
                        }
                    }
                }
            }
            if g.padding > 0 { cutMargin(inputGradient, from: image, g) }
            return true
        }

        /// weightGradient += the sum over `images` images of input^T * outputGradient.
        static func weightGradient(
            _ weightGradient: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
            _ outputGradient: UnsafePointer<Float>, _ g: Convolution, images: Int,
            scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (unit, channels, filters) = (Unit(g), g.input.channels, g.filters)
            guard
                let kernel = xsmm_kernel(
                    Int32(filters), Int32(channels), Int32(unit.tiles), Int32(filters), Int32(channels), Int32(filters),
                    1, 1)
            else { return false }
            let tiles = unit.gathered * unit.tiles
            let (x, y) = areas(g, unit, tiles: tiles, scratch: scratch)
            let (xStride, yStride) = (row(tiles * channels), row(tiles * filters))
            let (sums, stride) = (y + points * yStride, row(channels * filters))
            sums.update(repeating: 0, count: points * stride)
            withUnsafeTemporaryAllocation(of: xsmm_offset.self, capacity: 2 * unit.gathered) { offsets in
                guard let yOffsets = offsets.baseAddress else { return }
                let xOffsets = yOffsets + unit.gathered
                for i in 0..<unit.gathered {
                    yOffsets[i] = xsmm_offset(4 * i * unit.tiles * filters)
                    xOffsets[i] = xsmm_offset(4 * i * unit.tiles * channels)
                }
                let units = images * unit.perImage
                for first in Swift.stride(from: 0, to: units, by: unit.gathered) {
                    let count = min(unit.gathered, units - first)
                    for i in 0..<count {
                        let (index, part) = (first + i).quotientAndRemainder(dividingBy: unit.perImage)
                        let image = DirectConvolution.pad(
                            input + index * g.input.count, g.input, g.padding, into: scratch)
                        transformInput(x + i * unit.tiles * channels, image, g, unit, part, stride: xStride)
                        transformOutputGradient(
                            y + i * unit.tiles * filters, outputGradient + index * g.output.count, g, unit, part,
                            stride: yStride)
                    }
                    for point in 0..<points {
                        xsmm_run(
                            kernel, y + point * yStride, x + point * xStride, sums + point * stride, xsmm_offset(count),
                            yOffsets, xOffsets)
                    }
                }
            }
            withWorkspace { workspace in
                for c in 0..<channels {
                    forEachVector(filters) { k, repeated in
                        let source = sums + c * filters + k
                        let target = weightGradient + c * filters + k
                        let mask = firstElements(repeated)
                        WeightGradientTransform.applyBoth(
                            workspace, { source.vector(($0 * 8 + $1) * stride) },
                            {
                                let offset = ($0 * 5 + $1) * channels * filters
                                target.store(target.vector(offset) + $2.replacing(with: 0, where: mask), offset)
                            })
                    }
                }
            }
            return true
        }

        // MARK: Parts

        /// Where the transformed tiles of the input and of the output lie in `scratch`, behind an image between zeros.
        @inline(__always)
        private static func areas(
            _ g: Convolution, _ unit: Unit, tiles: Int, scratch: UnsafeMutablePointer<Float>
        ) -> (x: UnsafeMutablePointer<Float>, y: UnsafeMutablePointer<Float>) {
            let image = (g.input.height + 2 * g.padding) * (g.input.width + 2 * g.padding) * g.input.channels
            let x = scratch + (image + 15) / 16 * 16
            return (x, x + points * row(tiles * g.input.channels))
        }

        /// The inside of a padded image.
        static func cutMargin(_ inside: UnsafeMutablePointer<Float>, from image: UnsafePointer<Float>, _ g: Convolution) {
            let (row, channels) = (g.input.width * g.input.channels, g.input.channels)
            for y in 0..<g.input.height {
                (inside + y * row).update(
                    from: image + ((y + g.padding) * (g.input.width + 2 * g.padding) + g.padding) * channels, count: row)
            }
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

        /// The tiles of a unit of a padded image, at the points.
        private static func transformInput(
            _ x: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, _ g: Convolution, _ unit: Unit,
            _ part: Int, stride: Int
        ) {
            let (channels, width) = (g.input.channels, g.input.width + 2 * g.padding)
            if channels < 16 {
                for row in 0..<unit.rows {
                    let corner = image + (part * unit.rows + row) * step * width * channels
                    transformTileRow(x + row * unit.columns * channels, corner, width, channels, unit, stride: stride)
                }
                return
            }
            withWorkspace { workspace in
                forEachTile(unit, part) { tile, row, column in
                    let corner = image + (row * width + column) * channels
                    forEachVector(channels) { c, _ in
                        let (source, target) = (corner + c, x + tile * channels + c)
                        InputTransform.applyBoth(
                            workspace, { source.vector(($0 * width + $1) * channels) },
                            { target.store($2, ($0 * 8 + $1) * stride) })
                    }
                }
            }
        }

        /// A row of tiles of few channels: a vector holds several tiles then.
        private static func transformTileRow(
            _ x: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, _ width: Int, _ channels: Int, _ unit: Unit,
            stride: Int
        ) {
            let (pixels, tiles) = (width * channels, unit.columns * channels)
            let (rowCount, tileCount) = (row(pixels), row(tiles))
            withUnsafeTemporaryAllocation(of: Float.self, capacity: 8 * (rowCount + tileCount)) { memory in
                guard let down = memory.baseAddress else { return }
                let across = down + 8 * rowCount
                for v in Swift.stride(from: 0, to: pixels, by: 16) {
                    InputTransform.apply({ image.vector($0 * pixels + v) }, { down.store($1, $0 * rowCount + v) })
                }
                for y in 0..<8 {
                    // Position j of all tiles side by side; what a vector writes too much is written over.
                    for j in 0..<8 {
                        let (source, target) = (down + y * rowCount + j * channels, across + j * tileCount)
                        for tile in 0..<unit.columns {
                            target.store(source.vector(tile * step * channels), tile * channels)
                        }
                    }
                    for v in Swift.stride(from: 0, to: tiles, by: 16) {
                        InputTransform.apply(
                            { across.vector($0 * tileCount + v) }, { x.store($1, (y * 8 + $0) * stride + v) })
                    }
                }
            }
        }

        /// The tiles of a unit of an output's gradient, at the points.
        private static func transformOutputGradient(
            _ y: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, _ g: Convolution, _ unit: Unit,
            _ part: Int, stride: Int
        ) {
            let (filters, width) = (g.filters, g.output.width)
            withWorkspace { workspace in
                forEachTile(unit, part) { tile, row, column in
                    let corner = gradient + (row * width + column) * filters
                    forEachVector(filters) { k, _ in
                        let (source, target) = (corner + k, y + tile * filters + k)
                        OutputGradientTransform.applyBoth(
                            workspace, { source.vector(($0 * width + $1) * filters) },
                            { target.store($2, ($0 * 8 + $1) * stride) })
                    }
                }
            }
        }

        /// Calls `body(number in the unit, first row and column of its outputs)` for each tile.
        @inline(__always)
        private static func forEachTile(_ unit: Unit, _ part: Int, _ body: (Int, Int, Int) -> Void) {
            for row in 0..<unit.rows {
                for column in 0..<unit.columns {
                    body(row * unit.columns + column, (part * unit.rows + row) * step, column * step)
                }
            }
        }

        /// Calls `body(first element, how many of it an earlier vector has)` for vectors that cover at least 16 elements.
        @inline(__always)
        private static func forEachVector(_ count: Int, _ body: (Int, Int) -> Void) {
            for first in Swift.stride(from: 0, to: count, by: 16) {
                let start = min(first, count - 16)
                body(start, first - start)
            }
        }

        @inline(__always)
        private static func withWorkspace(_ body: (UnsafeMutablePointer<Vector>) -> Void) {
            withUnsafeTemporaryAllocation(of: Vector.self, capacity: points) { workspace in
                if let address = workspace.baseAddress { body(address) }
            }
        }
    }
#endif
