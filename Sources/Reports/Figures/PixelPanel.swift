import Kernels

/// Small images beside each other as one picture with transparent gaps, so that the page's ground shows; texts and
/// frames over it.
enum PixelPanel {
    /// An image with what is said of it.
    struct Cell {
        /// Red, green and blue of each pixel, row by row.
        let pixels: [SIMD3<UInt8>]
        /// The line above it.
        let text: String
        /// In a red frame.
        var isFramed = false
    }

    /// The colours of an image of `shape`, whose values are asked for; grey where it has one channel.
    static func colours(_ shape: ImageShape, _ value: (_ index: Int) -> UInt8) -> [SIMD3<UInt8>] {
        (0..<shape.area).map { place in
            let levels = (0..<3).map { value(place * shape.channels + min($0, shape.channels - 1)) }
            return SIMD3(levels[0], levels[1], levels[2])
        }
    }

    /// The panel of some rows of images of one shape.
    ///
    /// - Parameters:
    ///   - headings: above the columns; none for no headings.
    ///   - fontSize: of the lines above the images.
    static func panel(
        _ name: String, _ rows: [[Cell]], _ shape: ImageShape, headings: [String] = [], fontSize: Int
    ) -> Panel {
        let (stepX, stepY) = (max(shape.width + 5, 28), shape.height + 13)
        let (width, height) = ((rows.map(\.count).max() ?? 0) * stepX, rows.count * stepY)
        // Gnuplot takes the points for one picture, row by row: the gaps are points, too.
        var canvas = [String](repeating: "0 0 0 0", count: width * height)
        var marks: [String] = []
        for (row, cells) in rows.enumerated() {
            for (column, cell) in cells.enumerated() {
                let (left, top) = (column * stepX, row * stepY)
                for (place, colour) in cell.pixels.enumerated() {
                    canvas[(top + place / shape.width) * width + left + place % shape.width] =
                        "\(colour.x) \(colour.y) \(colour.z) 255"
                }
                marks.append(label(cell.text, left: left, shape, y: Double(top) - 4.5, size: fontSize))
                guard cell.isFramed else { continue }
                marks.append(
                    "set object rectangle from \(Double(left) - 1),\(Double(top) - 1) to "
                        + "\(left + shape.width),\(top + shape.height) front fs empty border lc rgb '\(Palette.red)' "
                        + "lw 2"
                )
            }
        }
        for (column, heading) in headings.enumerated() {
            marks.append(label(heading, left: column * stepX, shape, y: -14, size: 10))
        }
        let pixels = canvas.enumerated().map { "\($0 % width) \($0 / width) \($1)" }
        let above = headings.isEmpty ? 10 : 20
        return Panel(
            name: name, width: 900, height: 900 * (height + above) / (width + 4),
            script: (["$pixels << EOD"] + pixels + ["EOD"] + marks).joined(separator: "\n") + """

                unset border
                unset tics
                unset grid
                set margins 0,0,0,0
                set xrange [-3:\(width)]
                set yrange [\(height - 8):-\(above)]
                plot $pixels with rgbalpha
                """)
    }

    private static func label(_ text: String, left: Int, _ shape: ImageShape, y: Double, size: Int) -> String {
        "set label \(Gnuplot.quoted(text)) at \(Double(left) + Double(shape.width) / 2),\(y) center font ',\(size)'"
    }
}
