/// A collective under way that goes on in stages: for each, every rank has to have done its part of the one before.
///
/// Several may be under way at once. A rank may go on with them in any order as far as it can without waiting
/// (`advance`); where it waits, all ranks wait in the same order.
public protocol StagedCollective: AnyObject {
    /// The stages that are left; 0 where nothing is under way.
    var stagesLeft: Int { get }
    /// True where the others have done what the next stage needs. Local.
    func isReady() throws -> Bool
    /// Waits until they have, and lets `others` go on meanwhile. Collective.
    func waitUntilReady(meanwhile others: () throws -> Void) throws
    /// Does the next stage, which is ready. Local.
    func completeStage() throws
}

extension StagedCollective {
    /// Goes on by a stage if it can without waiting; returns whether nothing is left. Local.
    public func advance() throws -> Bool {
        if stagesLeft > 0, try isReady() { try completeStage() }
        return stagesLeft == 0
    }

    /// Waits for the end, and lets `others` go on meanwhile. Collective, unless nothing is left.
    public func finish(meanwhile others: () throws -> Void = {}) throws {
        while stagesLeft > 0 {
            try waitUntilReady(meanwhile: others)
            try completeStage()
        }
    }
}
