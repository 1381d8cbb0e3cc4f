/// Where the seconds of a step go.
struct TrainingClock {
    var input = 0.0
    var compute = 0.0
    var communication = 0.0

    static func - (a: TrainingClock, b: TrainingClock) -> TrainingClock {
        TrainingClock(
            input: a.input - b.input, compute: a.compute - b.compute,
            communication: a.communication - b.communication)
    }
}

/// Seconds since an instant.
func seconds(since start: ContinuousClock.Instant) -> Double { (ContinuousClock.now - start) / .seconds(1) }
