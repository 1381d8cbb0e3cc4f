#if XSMM
    import COpenBLAS

    /// The input gradient of a Winograd convolution whose input has few channels. A vector of channels would be mostly
    /// empty, so a vector holds the same number of up to sixteen tiles: the output's gradient is transposed on its way
    /// in, the input's on its way out.
    extension WinogradConvolution {
        /// Tiles in a vector.
        private static var lanes: Int { 16 }
        /// Filters that are added up at a time.
        private static var filtersAtOnce: Int { 4 }

        /// Writes the transformed weight's points for each filter and channel side by side, [filters, points,
        /// channels].
        @inline(__always)
        static func gatherPoints(
            _ gathered: UnsafeMutablePointer<Float>, _ transformed: UnsafePointer<Float>, _ g: Convolution
        ) {
            let (channels, stride) = (g.input.channels, weightCount(g) / points)
            for k in 0..<g.filters {
                for point in 0..<points {
                    let target = gathered + (k * points + point) * channels
                    for c in 0..<channels { target[c] = transformed[point * stride + c * g.filters + k] }
                }
            }
        }

        /// The vectors of scratch memory for the input gradient: cells and a square of lanes, the transformed filters,
        /// the sums, a workspace.
        static func fewChannelsCount(_ g: Convolution) -> Int {
            (step * step + 1) * lanes + (filtersAtOnce + g.input.channels + 1) * points
        }

        /// True where a row of tiles fits into a vector.
        static func suitsLanes(_ g: Convolution) -> Bool { g.output.width / step <= lanes }

        /// inputGradient = outputGradient * weight^T for one image.
        ///
        /// - Parameter weight: as `gatherPoints` writes it.
        @inline(__always)
        static func inputGradientOfFewChannels(
            _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
            _ weight: UnsafePointer<Float>, _ g: Convolution, scratch: UnsafeMutablePointer<Float>
        ) -> Bool {
            let (unit, channels, filters) = (WinogradUnit(g), g.input.channels, g.filters)
            let width = g.input.width + 2 * g.padding
            let image = g.padding > 0 ? scratch : inputGradient
            image.update(repeating: 0, count: (g.input.height + 2 * g.padding) * width * channels)
            let turned = areas(g, unit, scratch).workspace
            let square = turned + step * step * lanes
            let transformed = square + lanes
            let sums = transformed + filtersAtOnce * points
            let workspace = sums + channels * points
            withPlaces(g, unit) { places in
                for part in 0..<unit.perImage {
                    for i in 0..<channels * points { sums[i] = .zero }
                    for first in stride(from: 0, to: filters, by: lanes) {
                        let start = min(first, filters - lanes)
                        turn(outputGradient + start, into: turned, g, unit, part, places)
                        // Elements shared with the vector before count there.
                        let repeated = first - start
                        for k in stride(
                            from: repeated / filtersAtOnce * filtersAtOnce, to: lanes, by: filtersAtOnce)
                        {
                            for i in 0..<filtersAtOnce {
                                OutputGradient.applyBoth(
                                    workspace, { k + i < repeated ? .zero : turned[($0 * step + $1) * lanes + k + i] },
                                    { transformed[($0 * side + $1) * filtersAtOnce + i] = $2 })
                            }
                            addFour(sums, transformed, weight + (start + k) * channels * points, channels: channels)
                        }
                    }
                    addTiles(sums, workspace, square, to: image, g, unit, part, places)
                }
            }
            if g.padding > 0 { cutMargin(inputGradient, from: image, g) }
            return true
        }

        private static func withPlaces(_ g: Convolution, _ unit: WinogradUnit, _ body: (LanePlaces) -> Void) {
            withUnsafeTemporaryAllocation(of: Int.self, capacity: 4 * lanes) { memory in
                guard let first = memory.baseAddress else { return }
                let places = LanePlaces(
                    outputs: first, inputs: first + lanes, vectors: first + 2 * lanes, row: first + 3 * lanes)
                for lane in 0..<lanes {
                    let (y, x) = min(lane, unit.tiles - 1).quotientAndRemainder(dividingBy: unit.columns)
                    places.outputs[lane] = step * (y * g.output.width + x) * g.filters
                    places.inputs[lane] = step * (y * (g.input.width + 2 * g.padding) + x) * g.input.channels
                    places.vectors[lane] = lane * 16
                }
                body(places)
            }
        }

        /// The gradients of sixteen filters, from the first of `gradient` on, at each cell of the tiles, a vector of
        /// tiles a filter.
        private static func turn(
            _ gradient: UnsafePointer<Float>, into turned: UnsafeMutablePointer<Vector>, _ g: Convolution,
            _ unit: WinogradUnit, _ part: Int, _ places: LanePlaces
        ) {
            let row = g.output.width * g.filters
            let corner = gradient + part * unit.rows * step * row
            for i in 0..<step {
                for j in 0..<step {
                    transpose_square(
                        corner + i * row + j * g.filters, places.outputs, floats(turned + (i * step + j) * lanes),
                        places.vectors)
                }
            }
        }

        private static func floats(_ vectors: UnsafeMutablePointer<Vector>) -> UnsafeMutablePointer<Float> {
            UnsafeMutableRawPointer(vectors).assumingMemoryBound(to: Float.self)
        }

        /// sums(point, c) += the sum over four filters of weight(filter, point, c) transformed(point, filter).
        private static func addFour(
            _ sums: UnsafeMutablePointer<Vector>, _ transformed: UnsafePointer<Vector>,
            _ weight: UnsafePointer<Float>, channels: Int
        ) {
            let filter = channels * points
            for point in 0..<points {
                let x = transformed + point * filtersAtOnce
                let (a, b, c, d) = (x[0], x[1], x[2], x[3])
                for channel in 0..<channels {
                    let w = weight + point * channels + channel
                    let sum = sums + point * channels + channel
                    sum.pointee = sum.pointee.addingProduct(a, w[0]).addingProduct(b, w[filter])
                        .addingProduct(c, w[2 * filter]).addingProduct(d, w[3 * filter])
                }
            }
        }

        /// Adds the tiles of a unit, from their values at the points, to the padded image.
        private static func addTiles(
            _ sums: UnsafeMutablePointer<Vector>, _ workspace: UnsafeMutablePointer<Vector>,
            _ square: UnsafeMutablePointer<Vector>, to image: UnsafeMutablePointer<Float>, _ g: Convolution,
            _ unit: WinogradUnit, _ part: Int, _ places: LanePlaces
        ) {
            let channels = g.input.channels
            let row = (g.input.width + 2 * g.padding) * channels
            let corner = image + part * unit.rows * step * row
            for channel in 0..<channels {
                let values = sums + channel
                InputGradient.applyBoth(
                    workspace, { values[($0 * side + $1) * channels] }, { values[($0 * side + $1) * channels] = $2 })
            }
            // The floats of a tile's row, `side` positions with all channels, sixteen at a time.
            for first in stride(from: 0, to: side * channels, by: lanes) {
                let mask = .!firstElements(side * channels - first)
                for k in 0..<lanes { places.row[k] = 16 * min(first + k, side * channels - 1) }
                for i in 0..<side {
                    transpose_square(floats(sums + i * side * channels), places.row, floats(square), places.vectors)
                    for tile in 0..<unit.tiles {
                        let target = corner + places.inputs[tile] + i * row + first
                        target.store(target.vector(0) + square[tile].replacing(with: 0, where: mask), 0)
                    }
                }
            }
        }
    }

    /// Offsets of each lane of a vector, in floats.
    private struct LanePlaces {
        /// Corner of the lane's tile, in the output and in the padded input. Lanes behind the last tile repeat it
        /// and are never read.
        let outputs, inputs: UnsafeMutablePointer<Int>
        /// The lane's vector in a square of sixteen.
        let vectors: UnsafeMutablePointer<Int>
        /// The vectors of a row of a tile, set by `addTiles`.
        let row: UnsafeMutablePointer<Int>
    }
#endif
