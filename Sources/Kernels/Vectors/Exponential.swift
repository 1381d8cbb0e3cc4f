/// exp(x), elementwise, within 2 units in the last place for -87 < x < 88; 0 below that, and capped at exp(88.37)
/// above.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) by a polynomial (the coefficients of Cephes' expf, Moshier 1992), and
/// 2^n by its exponent bits.
@inline(__always) func exponential(_ x: Vector) -> Vector {
    let high = x.replacing(with: 88.37, where: x .> 88.37)
    // Adding 1.5 * 2^23 rounds to the nearest integer, which then stands in the low bits of the sum.
    let shifted = Vector(repeating: 12_582_912).addingProduct(high, Vector(repeating: 1.442_695_04))
    let n = shifted - 12_582_912
    var r = high.addingProduct(n, Vector(repeating: -0.693_359_375))
    r.addProduct(n, Vector(repeating: 2.121_944_4e-4))
    var p = Vector(repeating: 1.987_569_15e-4)
    p = Vector(repeating: 1.398_199_95e-3).addingProduct(p, r)
    p = Vector(repeating: 8.333_451_9e-3).addingProduct(p, r)
    p = Vector(repeating: 4.166_579_6e-2).addingProduct(p, r)
    p = Vector(repeating: 1.666_666_55e-1).addingProduct(p, r)
    p = Vector(repeating: 5.000_000_1e-1).addingProduct(p, r)
    p = (r + 1).addingProduct(p, r * r)
    let tooLow = x .< -87.33
    let scale = unsafeBitCast((unsafeBitCast(shifted, to: SIMD16<Int32>.self) &+ 127) &<< 23, to: Vector.self)
    // NaN compares false and passes through the polynomial.
    return (p * scale).replacing(with: 0, where: tooLow)
}

/// tanh(x), elementwise, within 2 units in the last place: near 0 by a polynomial (the coefficients of Cephes' tanhf,
/// Moshier 1992), elsewhere 1 - 2 / (exp(2 |x|) + 1) with the sign of x.
@inline(__always) func hyperbolicTangent(_ x: Vector) -> Vector {
    let size = x.replacing(with: -x, where: x .< 0)
    let far = 1 - 2 / (exponential(size + size) + 1)
    let s = x * x
    var p = Vector(repeating: -5.704_988_7e-3)
    p = Vector(repeating: 2.063_908_9e-2).addingProduct(p, s)
    p = Vector(repeating: -5.373_971_6e-2).addingProduct(p, s)
    p = Vector(repeating: 1.333_144_2e-1).addingProduct(p, s)
    p = Vector(repeating: -3.333_328_2e-1).addingProduct(p, s)
    let near = x.addingProduct(x * s, p)
    return near.replacing(with: far, where: x .>= 0.625).replacing(with: -far, where: x .<= -0.625)
}

/// y = exp(x) for `count` floats, as the activations compute it.
package func exponential(_ y: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, count: Int) {
    for i in stride(from: 0, to: count, by: 16) {
        let values = exponential(x.vector(i))
        for j in 0..<min(16, count - i) { y[i + j] = values[j] }
    }
}
