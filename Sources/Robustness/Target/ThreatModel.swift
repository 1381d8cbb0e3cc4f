import Kernels
import Networks

/// The limits and the goal of an attack on an image: the ball of a radius about the image, whether it has to
/// stay in the range of pixels, and when it has succeeded. The radius is the strength that it is run with.
public struct ThreatModel: Hashable, Sendable {
    /// How a change is measured. A strength of 1 is a change of an element by the whole pixel range in `linf`, and an
    /// L2 norm of one pixel range in `l2`.
    public enum Norm: String, Sendable { case linf, l2 }

    /// How a change is measured.
    public var norm: Norm
    /// True where pixels have to stay in 0...255.
    public var isClipped: Bool
    /// When an attack has succeeded.
    public var success: SuccessCriterion

    /// Makes the value.
    public init(_ norm: Norm = .linf, isClipped: Bool = true, success: SuccessCriterion = .error) {
        self.norm = norm
        self.isClipped = isClipped
        self.success = success
    }

    /// True where points stay in the Linf ball of the strength and in the range of pixels.
    var staysInBall: Bool { norm == .linf && isClipped }

    /// For the record.
    var settings: [String: String] {
        ["norm": norm.rawValue, "clipped": isClipped ? "yes" : "no", "success": success.rawValue]
    }

    /// Moves y to the nearest point of the ball about x and, if need be, into the range of pixels.
    func project(
        _ y: UnsafeMutablePointer<Float>, about x: UnsafePointer<Float>, strength: Double, _ box: PixelBox
    ) {
        switch norm {
        case .linf: projectLinf(y, about: x, radius: Float(255 * strength), count: box.low.count)
        case .l2: projectL2(y, about: x, radius: 255 * strength, count: box.low.count)
        }
        if isClipped { box.clamp(y) }
    }

    /// True where outputs z of an image with this label are a success.
    func succeeds(_ z: UnsafePointer<Float>, label: Int, _ plan: NetworkPlan) -> Bool {
        let winner = plan.network.loss.winner(z, outputs: plan.outputs)
        guard winner != label else { return false }
        return success == .error || plan.accepts(z, winner: winner)
    }
}

extension AttackSpecification {
    /// The parameters of ``ThreatModel``: `clipped`, `success`.
    static let threatParameters = ["clipped", "success"]

    /// The threat model that the parameters ask for.
    func threat(_ norm: ThreatModel.Norm = .linf, clipped: Bool = true) throws -> ThreatModel {
        ThreatModel(
            norm, isClipped: try flag("clipped", default: clipped),
            success: try choice("success", SuccessCriterion.self))
    }
}
