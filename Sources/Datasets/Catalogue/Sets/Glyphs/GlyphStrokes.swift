/// A stroke of a digit: points in the unit box, x to the right and y downwards.
struct GlyphStroke: Sendable {
    let points: [SIMD2<Float>]
    /// True where the stroke runs through its points in a curve, or in straight lines.
    let curved: Bool

    static func curve(_ points: (Float, Float)...) -> GlyphStroke {
        GlyphStroke(points: points.map { SIMD2($0.0, $0.1) }, curved: true)
    }

    static func lines(_ points: (Float, Float)...) -> GlyphStroke {
        GlyphStroke(points: points.map { SIMD2($0.0, $0.1) }, curved: false)
    }

    /// The writing styles of the ten digits, each a list of strokes.
    static let styles: [[[GlyphStroke]]] = [
        zero, one, two, three, four, five, six, seven, eight, nine,
    ]

    private static let zero: [[GlyphStroke]] = [
        [
            .curve(
                (0.5, 0), (0.12, 0.16), (0, 0.5), (0.12, 0.84), (0.5, 1), (0.88, 0.84), (1, 0.5), (0.88, 0.16), (0.5, 0)
            )
        ],
        // Left open at the top right.
        [
            .curve(
                (0.62, 0.04), (0.25, 0.1), (0.03, 0.5), (0.2, 0.92), (0.6, 0.98), (0.95, 0.6), (0.85, 0.15), (0.5, 0.08)
            )
        ],
        // Narrow and leaning.
        [.curve((0.6, 0), (0.32, 0.2), (0.2, 0.6), (0.3, 0.96), (0.55, 0.95), (0.78, 0.6), (0.82, 0.2), (0.6, 0))],
    ]

    private static let one: [[GlyphStroke]] = [
        [.lines((0.5, 0), (0.5, 1))],
        [.lines((0.22, 0.26), (0.56, 0), (0.56, 1))],
        [.lines((0.22, 0.24), (0.55, 0), (0.55, 1)), .lines((0.2, 1), (0.88, 1))],
    ]

    private static let two: [[GlyphStroke]] = [
        [
            .curve((0.05, 0.26), (0.2, 0.06), (0.52, 0), (0.86, 0.12), (0.9, 0.38), (0.55, 0.7), (0.03, 1)),
            .lines((0.03, 1), (1, 1)),
        ],
        // A loop at the foot.
        [
            .curve(
                (0.1, 0.18), (0.45, 0), (0.85, 0.14), (0.82, 0.45), (0.42, 0.86), (0.12, 0.98), (0.06, 0.82),
                (0.28, 0.76), (0.6, 0.94), (1, 0.92))
        ],
        // An angular neck.
        [
            .curve((0.08, 0.3), (0.22, 0.04), (0.65, 0.02), (0.9, 0.24), (0.72, 0.52)),
            .lines((0.72, 0.52), (0.05, 0.98), (0.95, 0.94)),
        ],
    ]

    private static let three: [[GlyphStroke]] = [
        [
            .curve((0.06, 0.14), (0.42, 0), (0.84, 0.1), (0.84, 0.36), (0.38, 0.48)),
            .curve((0.38, 0.48), (0.9, 0.58), (0.96, 0.84), (0.52, 1), (0.04, 0.88)),
        ],
        // A flat top.
        [
            .lines((0.06, 0.02), (0.88, 0), (0.4, 0.4)),
            .curve((0.4, 0.4), (0.86, 0.5), (0.94, 0.78), (0.52, 1), (0.05, 0.9)),
        ],
        // In one sweep, the waist hardly drawn in.
        [
            .curve(
                (0.1, 0.1), (0.55, 0), (0.82, 0.22), (0.52, 0.46), (0.86, 0.68), (0.7, 0.95), (0.3, 1), (0.06, 0.84))
        ],
    ]

    private static let four: [[GlyphStroke]] = [
        // Open.
        [.lines((0.22, 0), (0.06, 0.56), (1, 0.56)), .lines((0.78, 0.18), (0.72, 1))],
        // Closed.
        [.lines((0.7, 1), (0.7, 0), (0, 0.66), (1, 0.66))],
        // Open, with a round bowl like that of a nine.
        [.curve((0.15, 0.02), (0.08, 0.34), (0.3, 0.54), (0.82, 0.46)), .lines((0.86, 0.02), (0.78, 1))],
    ]

    private static let five: [[GlyphStroke]] = [
        [
            .lines((0.9, 0), (0.2, 0.02), (0.13, 0.45)),
            .curve((0.13, 0.45), (0.5, 0.36), (0.92, 0.54), (0.88, 0.88), (0.45, 1), (0.04, 0.9)),
        ],
        // The bar drawn apart.
        [
            .curve((0.24, 0.06), (0.16, 0.42), (0.5, 0.4), (0.86, 0.58), (0.84, 0.88), (0.42, 1), (0.08, 0.88)),
            .lines((0.26, 0.05), (0.95, 0)),
        ],
        // Like an S.
        [
            .curve(
                (0.92, 0.05), (0.4, 0.02), (0.14, 0.24), (0.4, 0.46), (0.84, 0.64), (0.8, 0.92), (0.4, 1), (0.06, 0.9))
        ],
    ]

    private static let six: [[GlyphStroke]] = [
        [
            .curve(
                (0.82, 0.02), (0.4, 0.16), (0.1, 0.5), (0.06, 0.8), (0.4, 1), (0.84, 0.9), (0.88, 0.64), (0.52, 0.5),
                (0.1, 0.72))
        ],
        // A straight stem.
        [
            .lines((0.66, 0), (0.1, 0.66)),
            .curve((0.1, 0.66), (0.08, 0.9), (0.45, 1), (0.86, 0.86), (0.8, 0.6), (0.42, 0.54), (0.08, 0.76)),
        ],
        // A small loop under a tall stem.
        [
            .curve(
                (0.52, 0), (0.2, 0.3), (0.1, 0.7), (0.25, 0.98), (0.65, 0.98), (0.76, 0.78), (0.5, 0.66), (0.18, 0.8))
        ],
    ]

    private static let seven: [[GlyphStroke]] = [
        [.lines((0.04, 0.02), (0.95, 0), (0.36, 1))],
        // With a bar.
        [.lines((0.04, 0.02), (0.95, 0), (0.4, 1)), .lines((0.28, 0.5), (0.9, 0.48))],
        // With a serif and a bent stem.
        [.lines((0.04, 0.2), (0.06, 0.02), (0.94, 0.02)), .curve((0.94, 0.02), (0.62, 0.38), (0.48, 0.68), (0.44, 1))],
    ]

    private static let eight: [[GlyphStroke]] = [
        [
            .curve(
                (0.5, 0.48), (0.14, 0.3), (0.2, 0.06), (0.5, 0), (0.8, 0.06), (0.86, 0.3), (0.5, 0.48), (0.06, 0.7),
                (0.12, 0.94), (0.5, 1), (0.88, 0.94), (0.94, 0.7), (0.5, 0.48))
        ],
        // In one sweep from the top right.
        [
            .curve(
                (0.86, 0.12), (0.5, 0), (0.16, 0.14), (0.24, 0.36), (0.74, 0.62), (0.84, 0.86), (0.48, 1), (0.12, 0.86),
                (0.28, 0.6), (0.74, 0.36), (0.86, 0.12))
        ],
        // A small loop on a large one.
        [
            .curve((0.5, 0), (0.26, 0.1), (0.28, 0.32), (0.5, 0.4), (0.72, 0.32), (0.74, 0.1), (0.5, 0)),
            .curve((0.5, 0.4), (0.06, 0.56), (0.06, 0.86), (0.5, 1), (0.94, 0.86), (0.94, 0.56), (0.5, 0.4)),
        ],
    ]

    private static let nine: [[GlyphStroke]] = [
        // A straight stem.
        [
            .curve((0.9, 0.26), (0.68, 0.02), (0.24, 0.06), (0.08, 0.32), (0.36, 0.54), (0.76, 0.46), (0.9, 0.22)),
            .lines((0.92, 0.06), (0.84, 1)),
        ],
        // A bent tail.
        [
            .curve((0.9, 0.28), (0.62, 0), (0.18, 0.08), (0.1, 0.36), (0.46, 0.54), (0.9, 0.3)),
            .curve((0.9, 0.2), (0.9, 0.66), (0.6, 0.96), (0.14, 0.94)),
        ],
        // In one sweep, a small loop on a tall stem.
        [
            .curve(
                (0.78, 0.1), (0.46, 0), (0.18, 0.16), (0.3, 0.38), (0.66, 0.3), (0.8, 0.08), (0.74, 0.55), (0.62, 1))
        ],
    ]
}
