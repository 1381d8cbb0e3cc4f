import Essentials

/// The failure that the body ends with.
///
/// - Throws: another error of the body, or ``NoFailure`` where it throws none.
public func failure(_ body: () throws -> Void) throws -> Failure {
    do { try body() } catch let failure as Failure { return failure }
    throw NoFailure()
}

/// A body that should have failed did not.
public struct NoFailure: Error {}
