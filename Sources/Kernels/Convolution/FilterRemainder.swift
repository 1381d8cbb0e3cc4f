#if XSMM
    /// The few filters of a convolution that are left behind its last whole vector of 16: an output is the dot product
    /// of its patch with the filter, vector by vector along the patch's rows, which lie together in the image. So they
    /// cost what they are, and not another vector of filters.
    ///
    /// `image` is padded already, `width` pixels wide; a row of a patch is at least one vector long. Bits depend on the
    /// geometry alone.
    enum FilterRemainder {
        /// Writes the remaining filters' outputs of one image, beside those that are there.
        ///
        /// - Parameter weight: of each of them [kernelHeight, kernelWidth, channels].
        static func forward(
            _ output: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, width: Int,
            _ weight: UnsafePointer<Float>, _ g: Convolution
        ) {
            let (channels, shape) = (g.input.channels, g.output)
            let (run, rowCount) = (g.kernelWidth * channels, width * channels)
            let last = shape.width - 1
            for f in 0..<g.remainingFilters {
                let filter = weight + f * g.patchCount
                let column = output + (g.filters - g.remainingFilters + f)
                for y in 0..<shape.height {
                    for x in stride(from: 0, to: shape.width, by: 8) {
                        let row = image + y * rowCount
                        // Behind the last position it is computed again.
                        let starts = SIMD8<Int>(
                            x, min(x + 1, last), min(x + 2, last), min(x + 3, last), min(x + 4, last), min(x + 5, last),
                            min(x + 6, last), min(x + 7, last))
                        let sums = dot8(
                            row, starts &* channels, filter, run: run, rows: g.kernelHeight, rowCount: rowCount)
                        for i in 0..<8 { column[(y * shape.width + starts[i]) * g.filters] = sums[i] }
                    }
                }
            }
        }

        /// The dot products of eight patches, that begin at `starts`, with a filter.
        @inline(__always)
        private static func dot8(
            _ image: UnsafePointer<Float>, _ starts: SIMD8<Int>, _ filter: UnsafePointer<Float>, run: Int, rows: Int,
            rowCount: Int
        ) -> SIMD8<Float> {
            var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
            var (e, f, g, h) = (a, a, a, a)
            for i in 0..<rows {
                let (source, weights) = (image + i * rowCount, filter + i * run)
                @inline(__always) func add(_ weight: Vector, _ v: Int) {
                    let x = source + v
                    a.addProduct(weight, x.vector(starts[0]))
                    b.addProduct(weight, x.vector(starts[1]))
                    c.addProduct(weight, x.vector(starts[2]))
                    d.addProduct(weight, x.vector(starts[3]))
                    e.addProduct(weight, x.vector(starts[4]))
                    f.addProduct(weight, x.vector(starts[5]))
                    g.addProduct(weight, x.vector(starts[6]))
                    h.addProduct(weight, x.vector(starts[7]))
                }
                var v = 0
                while v + 16 <= run {
                    add(weights.vector(v), v)
                    v += 16
                }
                // The last vector ends with the row; what it shares with the one before counts there.
                if v < run {
                    add(weights.vector(run - 16).replacing(with: 0, where: firstElements(v + 16 - run)), run - 16)
                }
            }
            return SIMD8(fold(a), fold(b), fold(c), fold(d), fold(e), fold(f), fold(g), fold(h))
        }

        /// Adds one image's weight gradients of the remaining filters to `sums`, each [kernelHeight, kernelWidth,
        /// channels].
        static func addWeightGradient(
            _ sums: UnsafeMutablePointer<Float>, _ image: UnsafePointer<Float>, width: Int,
            _ outputGradient: UnsafePointer<Float>, _ g: Convolution
        ) {
            let channels = g.input.channels
            let (run, rowCount) = (g.kernelWidth * channels, width * channels)
            for f in 0..<g.remainingFilters {
                let column = outputGradient + (g.filters - g.remainingFilters + f)
                for i in 0..<g.kernelHeight {
                    let target = sums + f * g.patchCount + i * run
                    for v in stride(from: 0, to: run, by: 128) {
                        addProducts8(
                            target, from: v, run: run, image + i * rowCount, rowCount: rowCount, column, g)
                    }
                }
            }
        }

        /// The gradients of up to eight vectors of a filter's row, over all positions of an image.
        @inline(__always)
        private static func addProducts8(
            _ target: UnsafeMutablePointer<Float>, from first: Int, run: Int, _ image: UnsafePointer<Float>,
            rowCount: Int, _ gradients: UnsafePointer<Float>, _ g: Convolution
        ) {
            let last = run - 16
            let (v0, v1, v2) = (min(first, last), min(first + 16, last), min(first + 32, last))
            let (v3, v4, v5) = (min(first + 48, last), min(first + 64, last), min(first + 80, last))
            let (v6, v7) = (min(first + 96, last), min(first + 112, last))
            var (a, b, c, d) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
            var (e, f, s, h) = (a, a, a, a)
            let (channels, shape) = (g.input.channels, g.output)
            var gradient = gradients
            for y in 0..<shape.height {
                var x = image + y * rowCount
                for _ in 0..<shape.width {
                    let factor = Vector(repeating: gradient.pointee)
                    a.addProduct(factor, x.vector(v0))
                    b.addProduct(factor, x.vector(v1))
                    c.addProduct(factor, x.vector(v2))
                    d.addProduct(factor, x.vector(v3))
                    e.addProduct(factor, x.vector(v4))
                    f.addProduct(factor, x.vector(v5))
                    s.addProduct(factor, x.vector(v6))
                    h.addProduct(factor, x.vector(v7))
                    x += channels
                    gradient += g.filters
                }
            }
            @inline(__always) func add(_ sum: Vector, _ index: Int) {
                let offset = first + 16 * index
                guard offset < run else { return }
                let start = min(offset, last)
                // Elements shared with the vector before count there.
                target.store(
                    target.vector(start) + sum.replacing(with: 0, where: firstElements(offset - start)), start)
            }
            add(a, 0)
            add(b, 1)
            add(c, 2)
            add(d, 3)
            add(e, 4)
            add(f, 5)
            add(s, 6)
            add(h, 7)
        }

        /// weightGradient += `sums`, from the layout of ``addWeightGradient``.
        static func addSums(
            _ weightGradient: UnsafeMutablePointer<Float>, _ sums: UnsafePointer<Float>, _ g: Convolution
        ) {
            for f in 0..<g.remainingFilters {
                let column = weightGradient + (g.filters - g.remainingFilters + f)
                for i in 0..<g.patchCount { column[i * g.filters] += sums[f * g.patchCount + i] }
            }
        }

        /// The sum of a vector's elements, half by half.
        @inline(__always)
        private static func fold(_ x: Vector) -> Float {
            let eight = x.lowHalf + x.highHalf
            let four = eight.lowHalf + eight.highHalf
            let two = four.lowHalf + four.highHalf
            return two.x + two.y
        }
    }
#endif
