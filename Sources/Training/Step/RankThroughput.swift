/// The work of a rank over some steps, and the seconds of it, waiting for others left out.
package struct RankThroughput: BitwiseCopyable {
    var images = 0
    var steps = 0
    var seconds = 0.0

    package init(images: Int = 0, steps: Int = 0, seconds: Double = 0) {
        (self.images, self.steps, self.seconds) = (images, steps, seconds)
    }

    /// Adds a step; but one with a pause in it, as of a job that was suspended, says nothing of the rank's speed.
    package mutating func add(images: Int, seconds: Double) {
        let step = RankThroughput(images: images, steps: 1, seconds: seconds)
        if steps == 1, hasPause(comparedTo: step) { self = RankThroughput() }
        guard steps == 0 || !step.hasPause(comparedTo: self) else { return }
        self.images += images
        steps += 1
        self.seconds += seconds
    }

    /// True where this is much slower than other work, by whole seconds a step.
    private func hasPause(comparedTo other: RankThroughput) -> Bool {
        secondsPerStep > 1 && secondsPerImage > 20 * other.secondsPerImage
    }

    /// Seconds of computing an image; not a number where nothing was measured.
    var secondsPerImage: Double { images > 0 ? seconds / Double(images) : .nan }
    /// Seconds of computing a step; not a number where nothing was measured.
    var secondsPerStep: Double { steps > 0 ? seconds / Double(steps) : .nan }
}
