import Synchronization

/// The work that a rank is at, as a person would say it.
public enum Occupation: UInt8, CaseIterable, Sendable {
    /// Before anything else.
    case starting
    /// Data sets and checkpoints.
    case reading
    /// A training step.
    case training
    /// The errors on the validation images.
    case validating
    /// A checkpoint.
    case saving
    /// The lines of the run's record.
    case recording
    /// Lanes move to other ranks.
    case moving
    /// Another rank's lanes computed again.
    case auditing
    /// Samples under attack.
    case evaluating
    /// What a job depends on.
    case examining

    /// Completes `it was ...`.
    public var title: String {
        switch self {
        case .starting: "starting"
        case .reading: "reading data"
        case .training: "computing a training step"
        case .validating: "judging the validation images"
        case .saving: "writing a checkpoint"
        case .recording: "writing the run's record"
        case .moving: "moving samples between ranks"
        case .auditing: "auditing another rank's lanes"
        case .evaluating: "attacking samples"
        case .examining: "examining its host"
        }
    }
}

/// The work that this process's main thread is at, told to whoever watches it: some stores to memory that no one waits
/// for.
public enum Progress {
    private static let beats = Atomic<UInt64>(0)
    private static let occupation = Atomic<UInt8>(0)
    private static let isWaiting = Atomic<Bool>(false)
    private static let stepsDone = Atomic<Int>(0)

    /// The main thread has got on.
    @inline(__always)
    public static func beat() { beats.wrappingAdd(1, ordering: .relaxed) }

    /// So many steps are done.
    public static func finished(steps: Int) {
        stepsDone.store(steps, ordering: .relaxed)
        beat()
    }

    /// Does the body under a title; then the one before holds again.
    public static func during<Result>(_ new: Occupation, _ body: () throws -> Result) rethrows -> Result {
        let old = occupation.exchange(new.rawValue, ordering: .relaxed)
        beat()
        defer {
            occupation.store(old, ordering: .relaxed)
            beat()
        }
        return try body()
    }

    /// Waits for other ranks in the body.
    @inline(__always)
    static func waiting<Result>(_ body: () throws -> Result) rethrows -> Result {
        isWaiting.store(true, ordering: .relaxed)
        defer {
            isWaiting.store(false, ordering: .relaxed)
            beat()
        }
        return try body()
    }

    static var now: ProgressSnapshot {
        ProgressSnapshot(
            beats: beats.load(ordering: .relaxed), steps: Int64(stepsDone.load(ordering: .relaxed)),
            occupation: occupation.load(ordering: .relaxed), isWaiting: isWaiting.load(ordering: .relaxed))
    }
}

/// The work that a rank was at, at an instant.
package struct ProgressSnapshot: BitwiseCopyable, Equatable, Sendable {
    /// Grows as long as the main thread gets on.
    var beats: UInt64 = 0
    /// Steps done.
    var steps: Int64 = 0
    /// An `Occupation`.
    var occupation: UInt8 = 0
    /// True where the main thread waits for other ranks.
    var isWaiting = false

    package init(beats: UInt64 = 0, steps: Int64 = 0, occupation: UInt8 = 0, isWaiting: Bool = false) {
        (self.beats, self.steps, self.occupation, self.isWaiting) = (beats, steps, occupation, isWaiting)
    }

    /// `computing a training step after step 12`.
    var title: String {
        let work = Occupation(rawValue: occupation)
        let doing = work?.title ?? "at work"
        let waits = isWaiting ? ", waiting for other ranks" : ""
        // An evaluation and an examination have no steps.
        guard work != .evaluating, work != .examining else { return doing + waits }
        return doing + waits + (isWaiting ? "," : "") + " after step \(steps)"
    }
}
