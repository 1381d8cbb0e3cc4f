import Essentials
import Foundation

extension Communicator {
    /// The host of this process in a test that places the ranks of one machine on several:
    /// `STEADFAST_TEST_HOSTS=0,0,1,1` has a number for each rank, in the launcher's order. Nil where there is no test.
    ///
    /// - Throws: `Failure` 64 where this rank has none.
    static func testHost() throws -> Int? {
        guard let text = ProcessInfo.processInfo.environment["STEADFAST_TEST_HOSTS"] else { return nil }
        let hosts = text.split(separator: ",").map { Int($0) }
        guard hosts.indices.contains(launchedRank), let host = hosts[launchedRank], (0...99_999).contains(host) else {
            throw Failure(
                .usage, "STEADFAST_TEST_HOSTS is '\(text)': give a number for each rank, as in 0,0,1,1, or unset it")
        }
        return host
    }

    /// True where the launcher's environment says that the job's ranks are on several hosts: known before MPI starts.
    static var spansHosts: Bool {
        let environment = ProcessInfo.processInfo.environment
        func number(_ name: String) -> Int? { environment[name].flatMap(Int.init) }
        if let hosts = environment["STEADFAST_TEST_HOSTS"] { return Set(hosts.split(separator: ",")).count > 1 }
        if let all = number("OMPI_COMM_WORLD_SIZE"), let here = number("OMPI_COMM_WORLD_LOCAL_SIZE") {
            return here < all
        }
        return (number("SLURM_STEP_NUM_NODES") ?? 1) > 1
    }

    /// The order in which ranks are numbered host by host, hosts by their lowest rank; nil where they are already.
    ///
    /// - Parameter hosts: a number for each rank, the same for ranks of one host.
    package static func orderByHost(_ hosts: [Int]) -> [Int]? {
        var first: [Int: Int] = [:]
        for (rank, host) in hosts.enumerated() where first[host] == nil { first[host] = rank }
        let order = hosts.indices.sorted { (first[hosts[$0]] ?? 0, $0) < (first[hosts[$1]] ?? 0, $1) }
        return order == Array(hosts.indices) ? nil : order
    }

    /// The same ranks numbered host by host, in the launcher's order within a host: what neighbours do together stays
    /// on a host.
    ///
    /// Collective: every rank of the communicator calls this.
    func numberedByHost() throws -> Communicator {
        let host = try splitByNode()
        let hosts = try allGather(try host.broadcast(rank))
        try host.finish()
        guard let order = Self.orderByHost(hosts), let number = order.firstIndex(of: rank) else { return self }
        return try renumbered(number)
    }
}
