/// The sums of a step or an epoch over the global batch. Drawn samples are mean training's: mean samples and noise
/// samples.
package struct TrainingSums: Equatable {
    /// The sum of the samples' losses.
    var loss = 0.0
    /// Samples whose winning output is not their label.
    var errors = 0.0
    /// Samples.
    package var images = 0.0
    /// Drawn samples, and those of them whose winning output is not their label.
    package var drawn = 0.0
    var drawnErrors = 0.0
    /// Images of the data set that an output for nonsense wins.
    package var rejected = 0.0

    /// The given sums; what is left out is 0.
    package init(
        loss: Double = 0, errors: Double = 0, images: Double = 0, drawn: Double = 0, drawnErrors: Double = 0,
        rejected: Double = 0
    ) {
        self.loss = loss
        self.errors = errors
        self.images = images
        self.drawn = drawn
        self.drawnErrors = drawnErrors
        self.rejected = rejected
    }

    static func += (sums: inout TrainingSums, other: TrainingSums) {
        sums.loss += other.loss
        sums.errors += other.errors
        sums.images += other.images
        sums.drawn += other.drawn
        sums.drawnErrors += other.drawnErrors
        sums.rejected += other.rejected
    }

    /// The means over repeated updates on the same samples.
    static func /= (sums: inout TrainingSums, count: Double) {
        sums.loss /= count
        sums.errors /= count
        sums.images /= count
        sums.drawn /= count
        sums.drawnErrors /= count
        sums.rejected /= count
    }

    var meanLoss: Double { images > 0 ? loss / images : 0 }
    /// The error on all samples.
    var error: Double { images > 0 ? errors / images : 0 }
    /// The error on images of the data set; nil without one.
    var imageError: Double? { images > drawn ? (errors - drawnErrors) / (images - drawn) : nil }
    /// The error on drawn samples; nil without one.
    var drawnError: Double? { drawn > 0 ? drawnErrors / drawn : nil }
    /// The share of the images of the data set that are rejected.
    var rejectedShare: Double { images > drawn ? rejected / (images - drawn) : 0 }
}
