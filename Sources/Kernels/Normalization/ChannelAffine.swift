// Batch normalization, the convolution's bias and the activation behind them, as one affine map for each channel and
// one function for each element:
//
//     z = scale u + shift,  y = f(z)
//
// with scale = gamma / sqrt(variance + stabilizer), shift = beta - scale mean (Ioffe & Szegedy 2015, algorithm 1); a
// layer without batch norm has scale = 1 and shift = bias. u and y are channels last; `count` is a multiple of the
// channels. The forward pass and dz are in Activation; here is the way from dz to du.

/// du = outputFactor dz + inputFactor u + constant, in place of dz: the backward pass of batch norm, with the
/// coefficients of ``NormalizationMoments``. Rows of the pattern.
public func affineGradient(
    _ zGradient: UnsafeMutablePointer<Float>, _ u: UnsafePointer<Float>, outputFactor: UnsafePointer<Float>,
    inputFactor: UnsafePointer<Float>, constant: UnsafePointer<Float>, pattern: ChannelPattern, count: Int
) {
    pattern.forEachVector(count) { i, p, valid in
        let rest = constant.vector(p).addingProduct(inputFactor.vector(p), u.vector(i))
        store(rest.addingProduct(outputFactor.vector(p), zGradient.vector(i)), to: zGradient + i, valid)
    }
}

/// dz = scale dz, in place: the backward pass of an affine map whose coefficients are constants (evaluation mode).
public func scaleGradient(
    _ zGradient: UnsafeMutablePointer<Float>, scale: UnsafePointer<Float>, pattern: ChannelPattern, count: Int
) {
    pattern.forEachVector(count) { i, p, valid in
        store(zGradient.vector(i) * scale.vector(p), to: zGradient + i, valid)
    }
}
