import Essentials

/// A failure that every rank of a communicator throws at the same place: they are still in step and can end together.
///
/// `Communicator.agree` throws it. A plain error, in contrast, is known to one rank alone.
public struct Agreed: Error, CustomStringConvertible {
    /// The failure, equal on all ranks.
    public let failure: Failure
    /// This rank's number in the group that agreed; its rank 0 tells the user.
    public let rank: Int
    /// The number of ranks that agreed.
    public let worldSize: Int

    init(_ failure: Failure, by communicator: Communicator) {
        self.failure = failure
        rank = communicator.rank
        worldSize = communicator.worldSize
    }

    /// The sentence.
    public var description: String { failure.message }
}

extension Failure {
    /// The failure that an error is: itself, the one agreed on, or 70 with the error's description.
    public init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let agreed as Agreed: self = agreed.failure
        default: self.init(.software, "\(error)")
        }
    }
}
