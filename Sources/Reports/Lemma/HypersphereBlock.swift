import Foundation
import Kernels

/// The basic block of the proof of Lemma 1 (figure 5.a): two layers of symmetric activation functions that decide
/// whether a point lies in a hypersphere about 0.
///
///     t(X) = sum_k (s(lambda x_k) - 1),   y(X) = s(t(X))                          (equation 4)
///
/// with s the 1-D RBF or the mReLU. All in double precision.
package struct HypersphereBlock {
    /// The activation function: `rbf` or `mrelu`.
    package let activation: Activation
    /// The parameter lambda: how much of the function a radius takes up.
    package let scale: Double

    /// Makes a block.
    package init(activation: Activation, scale: Double) { (self.activation, self.scale) = (activation, scale) }

    /// t at a point.
    package func sum(_ x: some Sequence<Double>) -> Double { x.reduce(0) { $0 + drop(scale * $1) } }
    /// y at a point.
    package func output(_ x: some Sequence<Double>) -> Double { 1 + drop(sum(x)) }

    /// t at distance r along an axis.
    package func sumOnAxis(_ radius: Double) -> Double { drop(scale * radius) }
    /// t at distance r along the diagonal of n dimensions.
    package func sumOnDiagonal(_ radius: Double, dimensions n: Int) -> Double {
        Double(n) * drop(scale * radius / Double(n).squareRoot())
    }
    /// f1(r): y at distance r along an axis (equation 5).
    package func onAxis(_ radius: Double) -> Double { 1 + drop(sumOnAxis(radius)) }
    /// f2(r): y at distance r along the diagonal of n dimensions (equation 5).
    package func onDiagonal(_ radius: Double, dimensions n: Int) -> Double {
        1 + drop(sumOnDiagonal(radius, dimensions: n))
    }

    /// s(u) - 1, without the loss of digits near u = 0.
    private func drop(_ u: Double) -> Double {
        activation == .mrelu ? max(-1, -abs(u)) : expm1(-u * u)
    }
}
