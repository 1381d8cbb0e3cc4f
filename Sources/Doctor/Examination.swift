import Essentials
import MessagePassing

/// The job that is examined: its ranks and hosts, and the directories that it would use.
public struct Examination {
    /// All ranks of the job.
    let world: Communicator
    /// The host of each rank.
    let hosts: [String]
    /// The directory that runs go to.
    let directory: String
    /// Where data sets are looked for first, or nil.
    let dataDirectory: String?

    /// Learns who is there. Collective: every rank of the communicator calls this.
    public init(_ world: Communicator, directory: String, dataDirectory: String?) throws {
        self.world = world
        self.directory = directory
        self.dataDirectory = dataDirectory
        hosts = try world.allGather(world.hostName)
    }

    /// The hosts, each once, by their lowest rank.
    var hostNames: [String] { hosts.enumerated().filter { hosts.firstIndex(of: $1) == $0 }.map(\.element) }
    /// The ranks of a host.
    func ranks(of host: String) -> [Int] { hosts.indices.filter { hosts[$0] == host } }
    /// True where this rank speaks for its host: the lowest there.
    var speaksForHost: Bool { hosts.firstIndex(of: world.hostName) == world.rank }
    /// `rank 3 on node2`.
    func name(_ rank: Int) -> String { "rank \(rank) on \(hosts[rank])" }

    /// The ranks' answers, told once where all say the same: else each value with its ranks.
    func tell(_ values: [String]) -> [String] {
        var order: [String] = []
        for value in values where !order.contains(value) { order.append(value) }
        guard order.count > 1 else { return order }
        return order.map { value in
            "\(describe(values.indices.filter { values[$0] == value })): \(value)"
        }
    }

    /// `ranks 0-3,7`, with the host where it is one of several.
    func describe(_ ranks: [Int]) -> String {
        let places = Set(ranks.map { hosts[$0] })
        let place = places.count == 1 && hostNames.count > 1 ? " on \(places.first ?? "")" : ""
        return NumberList(ranks).counting("rank") + place
    }
}

/// One thing that is looked at. A check that fails to look says so in its finding; it throws only where MPI fails.
protocol Check {
    /// Its name on the page.
    static var name: String { get }
    /// Looks. Collective: every rank of the job calls this; the finding is equal on all ranks.
    static func examine(_ job: Examination) throws -> Finding
}
