import COpenBLAS

/// Eight numbers in double precision.
private typealias Doubles = SIMD8<Double>
private typealias Bits = SIMD8<UInt64>

/// Eight pairs of independent draws of N(0, 1) from pairs of 32 random bits (Box and Muller 1958): the root of -2
/// log((u + 1) / 2^32), times the cosine and the sine of 2 pi v / 2^32.
///
/// Logarithm, sine and cosine are series of our own, so that bits are those of no library: the floats are the nearest
/// to the exact values, or their neighbours.
package func boxMuller(_ u: SIMD8<UInt64>, _ v: SIMD8<UInt64>) -> (SIMD8<Float>, SIMD8<Float>) {
    let radius = (-2 * logarithm((double(u) + 1) * 0x1p-32)).squareRoot()
    // The nearest number of right angles, and what is left of the angle.
    let rightAngles = (v &+ (1 << 29)) &>> 30
    let angle = (double(v) - double(rightAngles) * 0x1p30) * (.pi * 0x1p-31)
    let x = unsafeBitCast(radius * cosine(angle), to: Bits.self)
    let y = unsafeBitCast(radius * sine(angle), to: Bits.self)
    // After an odd number of right angles they change places; after one or two the cosine is negative, after two or
    // three the sine.
    let swapped = (x ^ y) & (0 &- (rightAngles & 1))
    let first = x ^ swapped ^ (((rightAngles &+ 1) & 2) &<< 62)
    let second = y ^ swapped ^ ((rightAngles & 2) &<< 62)
    return (narrow(unsafeBitCast(first, to: Doubles.self)), narrow(unsafeBitCast(second, to: Doubles.self)))
}

/// Numbers below 2^52, by the bits of 2^52 + x.
@inline(__always)
private func double(_ x: Bits) -> Doubles {
    unsafeBitCast(x | Bits(repeating: 0x433 << 52), to: Doubles.self) - 0x1p52
}

/// log(x) of normal numbers: that of 2^e is e log 2, and log m = 2 artanh s with s = (m - 1) / (m + 1), |s| < 0.172.
@inline(__always)
private func logarithm(_ x: Doubles) -> Doubles {
    // Mantissas from the root of 1/2 to that of 2.
    let bits = unsafeBitCast(x, to: Bits.self) &+ Bits(repeating: 0x3FF0_0000_0000_0000 - 0x3FE6_A09E_667F_3BCD)
    let exponent = double(bits &>> 52) - 1023
    let m = unsafeBitCast(
        (bits & Bits(repeating: 0xF_FFFF_FFFF_FFFF)) &+ Bits(repeating: 0x3FE6_A09E_667F_3BCD), to: Doubles.self)
    let s = (m - 1) / (m + 1)
    let t = s * s
    var series = Doubles(repeating: 1 / 13)
    series = Doubles(repeating: 1 / 11).addingProduct(series, t)
    series = Doubles(repeating: 1 / 9).addingProduct(series, t)
    series = Doubles(repeating: 1 / 7).addingProduct(series, t)
    series = Doubles(repeating: 1 / 5).addingProduct(series, t)
    series = Doubles(repeating: 1 / 3).addingProduct(series, t)
    series = Doubles(repeating: 1).addingProduct(series, t)
    return exponent * 0.6931471805599453 + 2 * s * series
}

/// sin(x) for |x| <= pi / 4, by Taylor's series.
@inline(__always)
private func sine(_ x: Doubles) -> Doubles {
    let t = x * x
    var series = Doubles(repeating: -1 / 39_916_800)
    series = Doubles(repeating: 1 / 362_880).addingProduct(series, t)
    series = Doubles(repeating: -1 / 5_040).addingProduct(series, t)
    series = Doubles(repeating: 1 / 120).addingProduct(series, t)
    series = Doubles(repeating: -1 / 6).addingProduct(series, t)
    series = Doubles(repeating: 1).addingProduct(series, t)
    return x * series
}

/// cos(x) for |x| <= pi / 4, by Taylor's series.
@inline(__always)
private func cosine(_ x: Doubles) -> Doubles {
    let t = x * x
    var series = Doubles(repeating: 1 / 479_001_600)
    series = Doubles(repeating: -1 / 3_628_800).addingProduct(series, t)
    series = Doubles(repeating: 1 / 40_320).addingProduct(series, t)
    series = Doubles(repeating: -1 / 720).addingProduct(series, t)
    series = Doubles(repeating: 1 / 24).addingProduct(series, t)
    series = Doubles(repeating: -1 / 2).addingProduct(series, t)
    series = Doubles(repeating: 1).addingProduct(series, t)
    return series
}
