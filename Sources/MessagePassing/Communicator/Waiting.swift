internal import COpenMPI
import Foundation

/// Nanoseconds between two looks at a message by a rank that has waited long: a part of its time so far, within
/// these.
private let naps: ClosedRange<UInt64> = 20_000...1_000_000

/// Begins an operation and waits until it is done. MPI's own functions that wait look again and again for as long as it
/// takes, on a core that others may need.
func complete(_ function: StaticString, _ start: (UnsafeMutablePointer<MPI_Request?>) -> Int32) throws {
    var request: MPI_Request? = mpi_request_null()
    try check(start(&request), function)
    try wait { try isDone(&request) }
}

/// Looks again and again until what messages bring is done.
func wait(until isDone: () throws -> Bool) throws {
    try Progress.waiting {
        var patience = Patience(isWoken: false)
        while try !isDone() {
            if let waited = patience.pass() { nap(waited) }
        }
    }
}

/// Lets MPI go on with an operation, and returns whether it is done; none is.
func isDone(_ request: inout MPI_Request?) throws -> Bool {
    guard request != mpi_request_null() else { return true }
    var isDone: Int32 = 0
    try check(MPI_Test(&request, &isDone, mpi_status_ignore()), "MPI_Test")
    return isDone != 0
}

/// Sleeps between two looks at messages, when so many nanoseconds have been waited.
func nap(_ waited: UInt64) { usleep(UInt32(min(max(waited / 64, naps.lowerBound), naps.upperBound) / 1000)) }
