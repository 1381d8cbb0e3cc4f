/// The work of a rank over some steps, and the seconds of it, waiting for others left out.
package struct RankThroughput: BitwiseCopyable {
    var images = 0
    var steps = 0
    var seconds = 0.0

    package init(images: Int = 0, steps: Int = 0, seconds: Double = 0) {
        (self.images, self.steps, self.seconds) = (images, steps, seconds)
    }

    /// Seconds of computing an image; not a number where nothing was measured.
    var secondsPerImage: Double { images > 0 ? seconds / Double(images) : .nan }
    /// Seconds of computing a step; not a number where nothing was measured.
    var secondsPerStep: Double { steps > 0 ? seconds / Double(steps) : .nan }
}
