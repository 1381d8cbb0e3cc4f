#if XSMM
    /// Rows of tiles of one image that are taken together.
    struct WinogradUnit {
        let rows, columns, perImage: Int
        var tiles: Int { rows * columns }
        /// Units whose products are summed at a time in the weight gradient.
        var gathered: Int { max(1, Winograd.tilesAtOnce / tiles) }

        init(_ g: Convolution) {
            let (tileRows, columns) = (g.output.height / Winograd.step, g.output.width / Winograd.step)
            rows = (1...tileRows).last { tileRows % $0 == 0 && $0 * columns <= Winograd.tilesAtOnce } ?? 1
            self.columns = columns
            perImage = tileRows / rows
        }
    }

    /// The parts of scratch memory behind the padded image.
    struct WinogradAreas {
        /// The transformed tiles of the input and of the output, and the sums of the transformed weight's gradient.
        let x, y, sums: UnsafeMutablePointer<Float>
        /// Memory for a transform between its two directions.
        let workspace: UnsafeMutablePointer<Vector>
    }

    /// Tiles: which are taken together, and how they come out of an image.
    extension WinogradConvolution {
        static func areas(
            _ g: Convolution, _ unit: WinogradUnit, _ scratch: UnsafeMutablePointer<Float>
        ) -> WinogradAreas {
            let tiles = unit.gathered * unit.tiles
            let x = scratch + paddedCount(g)
            let y = x + points * row(tiles * g.input.channels)
            let sums = y + points * row(tiles * g.filters)
            return WinogradAreas(x: x, y: y, sums: sums, workspace: vectors(at: sums + weightCount(g)))
        }

        /// The floats of scratch memory that a call needs.
        static func scratchCount(_ g: Convolution) -> Int {
            let unit = WinogradUnit(g)
            let (tiles, width) = (unit.gathered * unit.tiles, g.input.width + 2 * g.padding)
            let areas = points * (row(tiles * g.input.channels) + row(tiles * g.filters)) + weightCount(g)
            let tileRow = side * (row(width * g.input.channels) + row(unit.columns * g.input.channels))
            return paddedCount(g) + areas + 16
                + (g.input.channels < 16 ? max(tileRow, 16 * fewChannelsCount(g)) : workspaceCount)
        }

        private static func paddedCount(_ g: Convolution) -> Int {
            let count = (g.input.height + 2 * g.padding) * (g.input.width + 2 * g.padding) * g.input.channels
            return (count + 15) / 16 * 16
        }

        /// The vectors that lie at an address, or up to fifteen floats on.
        static func vectors(at address: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Vector> {
            let raw = UnsafeMutableRawPointer(address).alignedUp(for: Vector.self)
            return raw.assumingMemoryBound(to: Vector.self)
        }

        /// The inside of a padded image.
        static func cutMargin(
            _ inside: UnsafeMutablePointer<Float>, from image: UnsafePointer<Float>, _ g: Convolution
        ) {
            let (channels, width) = (g.input.channels, g.input.width + 2 * g.padding)
            let row = g.input.width * channels
            for y in 0..<g.input.height {
                (inside + y * row).update(
                    from: image + ((y + g.padding) * width + g.padding) * channels, count: row)
            }
        }

        /// The tiles of a unit of a padded image, at the points.
        static func transformInput(
            _ x: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, _ g: Convolution, _ unit: WinogradUnit,
            _ part: Int, stride: Int, _ workspace: UnsafeMutablePointer<Vector>
        ) {
            let (channels, width) = (g.input.channels, g.input.width + 2 * g.padding)
            guard channels < 16 else {
                return transformTiles(
                    Input.self, x, image, width: width, channels: channels, unit, part, stride: stride,
                    workspace)
            }
            for row in 0..<unit.rows {
                let corner = image + (part * unit.rows + row) * step * width * channels
                transformTileRow(
                    x + row * unit.columns * channels, corner, width, channels, unit, stride: stride, workspace)
            }
        }

        /// The tiles of a unit of an output's gradient, at the points.
        static func transformOutputGradient(
            _ y: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, _ g: Convolution, _ unit: WinogradUnit,
            _ part: Int, stride: Int, _ workspace: UnsafeMutablePointer<Vector>
        ) {
            transformTiles(
                OutputGradient.self, y, gradient, width: g.output.width, channels: g.filters, unit, part,
                stride: stride, workspace)
        }

        /// The tiles of a unit of an image `width` wide of at least 16 channels, at the points.
        @inline(__always)
        private static func transformTiles<Transform: WinogradTransform>(
            _ transform: Transform.Type, _ points: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>,
            width: Int, channels: Int, _ unit: WinogradUnit, _ part: Int, stride: Int,
            _ workspace: UnsafeMutablePointer<Vector>
        ) {
            forEachTile(unit, part) { tile, row, column in
                let corner = image + (row * width + column) * channels
                forEachVector(channels) { c, _ in
                    let (source, target) = (corner + c, points + tile * channels + c)
                    Transform.applyBoth(
                        workspace, { source.vector(($0 * width + $1) * channels) },
                        { target.store($2, ($0 * side + $1) * stride) })
                }
            }
        }

        /// A row of tiles of few channels: a vector holds several tiles then.
        private static func transformTileRow(
            _ x: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, _ width: Int, _ channels: Int,
            _ unit: WinogradUnit, stride: Int, _ workspace: UnsafeMutablePointer<Vector>
        ) {
            let (pixels, tiles) = (width * channels, unit.columns * channels)
            let (rowCount, tileCount) = (row(pixels), row(tiles))
            let down = UnsafeMutableRawPointer(workspace).assumingMemoryBound(to: Float.self)
            let across = down + side * rowCount
            for v in Swift.stride(from: 0, to: pixels, by: 16) {
                Input.apply({ image.vector($0 * pixels + v) }, { down.store($1, $0 * rowCount + v) })
            }
            for y in 0..<side {
                // Position j of all tiles side by side; what a vector writes too much is written over.
                for j in 0..<side {
                    let (source, target) = (down + y * rowCount + j * channels, across + j * tileCount)
                    for tile in 0..<unit.columns {
                        target.store(source.vector(tile * step * channels), tile * channels)
                    }
                }
                for v in Swift.stride(from: 0, to: tiles, by: 16) {
                    Input.apply(
                        { across.vector($0 * tileCount + v) }, { x.store($1, (y * side + $0) * stride + v) })
                }
            }
        }

        /// Calls `body(number in the unit, first row and column of its outputs)` for each tile.
        @inline(__always)
        static func forEachTile(_ unit: WinogradUnit, _ part: Int, _ body: (Int, Int, Int) -> Void) {
            for row in 0..<unit.rows {
                for column in 0..<unit.columns {
                    body(row * unit.columns + column, (part * unit.rows + row) * step, column * step)
                }
            }
        }

        /// Calls `body(first element, how many of it an earlier vector has)` for vectors that cover at least 16
        /// elements.
        @inline(__always)
        static func forEachVector(_ count: Int, _ body: (Int, Int) -> Void) {
            for first in Swift.stride(from: 0, to: count, by: 16) {
                let start = min(first, count - 16)
                body(start, first - start)
            }
        }
    }
#endif
