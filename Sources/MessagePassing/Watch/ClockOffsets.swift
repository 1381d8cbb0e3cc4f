internal import COpenMPI
import Foundation

extension Communicator {
    /// How far a rank's clock is ahead of rank 0's, in seconds, and how far that may be from the truth.
    public struct ClockOffset: BitwiseCopyable, Sendable {
        /// Ahead of rank 0's clock of the day.
        public let seconds: Double
        /// Half of the fastest round trip: the truth lies within so many seconds.
        public let uncertainty: Double
    }

    /// Compares the ranks' clocks of the day with rank 0's, by the fastest of some round trips (Cristian 1989).
    ///
    /// Collective: every rank of the communicator calls this.
    public func clockOffsets(rounds: Int = 30) throws -> [ClockOffset] {
        var offsets = [ClockOffset](repeating: ClockOffset(seconds: 0, uncertainty: 0), count: worldSize)
        for other in 1..<max(worldSize, 1) {
            guard rank == 0 || rank == other else { continue }
            for _ in 0..<rounds {
                var time = 0.0
                if rank == 0 {
                    let sent = Self.clockOfTheDay
                    try exchange(&time, with: other, sendsFirst: true)
                    let arrived = Self.clockOfTheDay
                    let half = (arrived - sent) / 2
                    if offsets[other].uncertainty == 0 || half < offsets[other].uncertainty {
                        offsets[other] = ClockOffset(seconds: time - sent - half, uncertainty: half)
                    }
                } else {
                    try exchange(&time, with: 0, sendsFirst: false)
                }
            }
        }
        return try broadcast(offsets)
    }

    /// One way and back; the answer carries the answering rank's time.
    private func exchange(_ time: inout Double, with other: Int, sendsFirst: Bool) throws {
        let tag: Int32 = 77
        func send(_ value: Double) throws {
            var value = value
            try check(MPI_Send(&value, 1, mpi_double(), Int32(other), tag, handle), "MPI_Send")
        }
        func receive() throws -> Double {
            var value = 0.0
            var status = MPI_Status()
            try check(MPI_Recv(&value, 1, mpi_double(), Int32(other), tag, handle, &status), "MPI_Recv")
            return value
        }
        if sendsFirst {
            try send(0)
            time = try receive()
        } else {
            _ = try receive()
            try send(Self.clockOfTheDay)
        }
    }

    private static var clockOfTheDay: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
