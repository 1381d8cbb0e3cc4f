import Kernels
import Networks

extension PixelBox {
    /// One step of projected gradient ascent in the Linf ball: y <- P(y + length sign g), P into the ball of a radius
    /// about x and into the range of pixels; lengths in pixel units.
    package func ascend(
        _ y: UnsafeMutablePointer<Float>, along g: UnsafePointer<Float>, length: Float, about x: UnsafePointer<Float>,
        radius: Float
    ) {
        addSign(y, y, g, scale: length, count: low.count)
        projectLinf(y, about: x, radius: radius, count: low.count)
        clamp(y)
    }
}

/// Projected gradient ascent (Madry et al. 2018) on rows of a group: x <- P(x + a sign g), or x + a g / |g| in L2.
struct ProjectedAscent {
    private let target: TargetModel
    private let threat: ThreatModel
    private let surrogateSlope: Float
    private let gradient: Buffer<Float>

    /// - Parameter surrogateSlope: see ``TargetModel/gradients(_:of:into:surrogateSlope:objective:)``.
    init(_ target: TargetModel, _ threat: ThreatModel = ThreatModel(), surrogateSlope: Double = 0) {
        self.target = target
        self.threat = threat
        self.surrogateSlope = Float(surrogateSlope)
        gradient = Buffer(TargetModel.groupSize * target.size)
    }

    /// Moves rows of `images`, [group, input shape], `steps` steps up an objective, within the ball about those of
    /// `origins`.
    ///
    /// - Parameters:
    ///   - length: of each step, in pixel units.
    ///   - objective: called with the step, each row and its outputs z; writes the gradient with respect to z.
    func climb(
        _ rows: [Int], _ images: UnsafeMutablePointer<Float>, about origins: UnsafePointer<Float>, strength: Double,
        steps: Int, length: (_ step: Int) -> Double,
        objective: (
            _ step: Int, _ row: Int, _ z: UnsafePointer<Float>, _ zGradient: UnsafeMutablePointer<Float>
        ) -> Void
    ) throws {
        for step in 0..<steps {
            try target.gradients(rows, of: images, into: gradient.pointer, surrogateSlope: surrogateSlope) {
                objective(step, $0, $1, $2)
            }
            let length = length(step)
            for row in rows {
                let place = row * target.size
                move(images + place, along: gradient.pointer + place, length: length)
                threat.project(images + place, about: origins + place, strength: strength, target.box)
            }
        }
    }

    private func move(_ x: UnsafeMutablePointer<Float>, along g: UnsafePointer<Float>, length: Double) {
        switch threat.norm {
        case .linf: addSign(x, x, g, scale: Float(length), count: target.size)
        case .l2:
            let norm = sumOfSquares(g, count: target.size).squareRoot()
            if norm > 0 { addScaled(x, x, g, scale: Float(length / norm), count: target.size) }
        }
    }
}
