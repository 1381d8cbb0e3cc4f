internal import COpenMPI
import Essentials
import Foundation

/// A group of ranks that work together.
///
/// A communicator of one rank never calls MPI in a collective: what is asked for is already there. Only the thread that
/// started MPI may use it (`MPI_THREAD_FUNNELED`), so it is not `Sendable`.
///
/// Collectives throw a `Failure` 74 that names the MPI function when MPI reports an error. After one the ranks are no
/// longer in step and the program has to end; `Communicator.main` sees to that.
public final class Communicator {
    /// This process's number in the group, from 0.
    public let rank: Int
    /// The number of ranks in the group.
    public let worldSize: Int
    /// This process's number among all ranks of the job, by which a person knows it.
    let jobRank: Int
    /// The name of the machine that this rank runs on.
    public let hostName: String

    /// The handle of the group in MPI; nil in a process that runs alone.
    let handle: OpaquePointer?
    private let isWorld: Bool
    /// Of a rank that is but imagined: then nothing is sent, and what it would send is noted here.
    package let rehearsal: Rehearsal?
    /// Of all ranks of a job: the ranks by their hosts, and short sums over them.
    private var groups: HostGroups?
    private(set) var short: ShortReduction?
    /// The gathers in rounds that were begun.
    private var gathers: Int32 = 0

    private init(
        rank: Int, worldSize: Int, jobRank: Int? = nil, handle: OpaquePointer?, isWorld: Bool,
        rehearsal: Rehearsal? = nil
    ) {
        self.rank = rank
        self.worldSize = worldSize
        self.jobRank = jobRank ?? rank
        self.handle = handle
        self.isWorld = isWorld
        self.rehearsal = rehearsal
        hostName = Communicator.readHostName()
    }

    /// The group of a handle; `jobRank` is nil for all ranks of the job.
    private convenience init(handle: OpaquePointer?, isWorld: Bool, jobRank: Int? = nil) throws {
        try check(MPI_Comm_set_errhandler(handle, mpi_errors_return()), "MPI_Comm_set_errhandler")
        var rank: Int32 = 0
        var size: Int32 = 0
        try check(MPI_Comm_rank(handle, &rank), "MPI_Comm_rank")
        try check(MPI_Comm_size(handle, &size), "MPI_Comm_size")
        self.init(rank: Int(rank), worldSize: Int(size), jobRank: jobRank, handle: handle, isWorld: isWorld)
    }

    /// A group of ranks that are but imagined.
    convenience init(rank: Int, worldSize: Int, rehearsal: Rehearsal) {
        self.init(rank: rank, worldSize: worldSize, handle: nil, isWorld: false, rehearsal: rehearsal)
    }

    /// The communicator of a process that runs alone: rank 0 of 1. It never calls MPI.
    public static var alone: Communicator {
        Communicator(rank: 0, worldSize: 1, handle: nil, isWorld: true)
    }

    /// Starts MPI and returns the communicator of all ranks, numbered host by host: where the launcher did not do so,
    /// its numbers are others. A process that no launcher started is alone and does not start MPI. Call it once in a
    /// process.
    ///
    /// Collective: every rank of the job calls this.
    ///
    /// - Throws: `Failure` 69 when this MPI cannot work beside threads, 74 when it fails.
    public static func start() throws -> Communicator {
        guard isUnderMpirun else { return alone }
        var provided: Int32 = 0
        try check(MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided), "MPI_Init_thread")
        guard provided >= Int32(MPI_THREAD_FUNNELED) else {
            throw Failure(.unavailable, "this MPI was built without threads: install one with MPI_THREAD_FUNNELED")
        }
        let world = try Communicator(handle: mpi_comm_world(), isWorld: true).numberedByHost()
        guard world.worldSize > 1 else { return world }
        try world.settle(HostGroups(world))
        return world
    }

    /// Takes the hosts of all ranks, for short sums over them. Collective.
    func settle(_ groups: HostGroups) throws {
        self.groups = groups
        short = try ShortReduction(groups)
    }

    /// The ranks by their hosts.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Throws: `Failure` 74 when MPI fails.
    public func hostGroups() throws -> HostGroups { try groups ?? HostGroups(self) }

    /// True where a launcher (mpirun, or srun with PMI or PMIx) started this process, by its environment.
    public static var isUnderMpirun: Bool {
        let environment = ProcessInfo.processInfo.environment
        let isRank = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"].contains { environment[$0] != nil }
        // srun without PMI: MPI_Init explains what is missing, where ranks that think they are alone would collide.
        return isRank || environment["SLURM_STEP_NUM_TASKS"].flatMap(Int.init).map { $0 > 1 } == true
    }

    /// This process's rank by its launcher's environment, for what happens before MPI starts; 0 without a launcher.
    public static var launchedRank: Int {
        let environment = ProcessInfo.processInfo.environment
        return ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"].lazy.compactMap { environment[$0].flatMap(Int.init) }
            .first ?? 0
    }

    /// A number by which the messages of a gather in rounds differ from those of others under way: the same on all
    /// ranks, which begin collectives in the same order.
    func nextGather() -> Int32 {
        gathers = (gathers + 1) % 4096
        return gathers
    }

    /// The same group by itself: what one begins and the other does not mix.
    ///
    /// Collective: every rank of the communicator calls this.
    public func duplicate() throws -> Communicator {
        if let rehearsal { return Communicator(rank: rank, worldSize: worldSize, rehearsal: rehearsal) }
        guard let handle else { return .alone }
        var copy: MPI_Comm?
        try check(MPI_Comm_dup(handle, &copy), "MPI_Comm_dup")
        return try Communicator(handle: copy, isWorld: false, jobRank: jobRank)
    }

    /// Splits the group: the ranks that give the same `color` form a new group, ordered by `key`, then by rank.
    ///
    /// Collective: every rank of the communicator calls this.
    public func split(color: Int, key: Int) throws -> Communicator {
        try split(color: color, key: key, isWorld: false)
    }

    /// The same ranks in another order, of which this one has the number `rank`; ends MPI as this communicator does.
    /// Collective.
    func renumbered(_ rank: Int) throws -> Communicator { try split(color: 0, key: rank, isWorld: isWorld) }

    private func split(color: Int, key: Int, isWorld: Bool) throws -> Communicator {
        guard let handle else { return .alone }
        var part: MPI_Comm?
        try check(MPI_Comm_split(handle, messageCount(color), Int32(clamping: key), &part), "MPI_Comm_split")
        return try Communicator(handle: part, isWorld: isWorld, jobRank: isWorld ? nil : jobRank)
    }

    /// Splits the group by machine: the ranks that share this one's memory, in the order of their ranks.
    ///
    /// Collective: every rank of the communicator calls this.
    public func splitByNode() throws -> Communicator {
        guard let handle else { return .alone }
        if let host = try Self.testHost() { return try split(color: host, key: rank) }
        var part: MPI_Comm?
        try check(
            MPI_Comm_split_type(handle, Int32(MPI_COMM_TYPE_SHARED), Int32(rank), mpi_info_null(), &part),
            "MPI_Comm_split_type")
        return try Communicator(handle: part, isWorld: false, jobRank: jobRank)
    }

    /// Ends the use of the communicator; for the one that `start` returned, ends MPI. Nothing may be called after it.
    ///
    /// Collective: every rank of the communicator calls this.
    public func finish() throws {
        guard let handle else { return }
        if isWorld { return try check(MPI_Finalize(), "MPI_Finalize") }
        var freed: MPI_Comm? = handle
        try check(MPI_Comm_free(&freed), "MPI_Comm_free")
    }

    /// Ends every rank of the job at once with an exit code, for when the ranks are no longer in step. Local.
    public func abort(_ code: Int32) -> Never {
        // The whole job, not this group alone.
        if handle != nil { MPI_Abort(mpi_comm_world(), code) }
        exit(code)
    }

    private static func readHostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown host" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
