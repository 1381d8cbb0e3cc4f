/// Copies `channels` floats of each of `positions` pixels from one image of channels-last data into another one; a
/// pixel is `stride` floats behind the one before.
public func copyChannels(
    _ target: UnsafeMutablePointer<Float>, stride targetStride: Int, _ source: UnsafePointer<Float>,
    stride sourceStride: Int, channels: Int, positions: Int
) {
    for position in 0..<positions {
        (target + position * targetStride).update(from: source + position * sourceStride, count: channels)
    }
}
