import Essentials
import MessagePassing

/// Where the ranks of a job run.
package struct RankPlaces {
    /// The host of each rank.
    package let hosts: [String]
    /// The cores that each rank may use.
    package let cores: [NumberList]

    package init(hosts: [String], cores: [NumberList]) {
        (self.hosts, self.cores) = (hosts, cores)
    }

    /// Asks all ranks. Collective: every rank of the communicator calls this.
    init(_ communicator: Communicator) throws {
        self.init(
            hosts: try communicator.allGather(communicator.hostName),
            cores: try communicator.allGather("\(NumberList.allowedCores)").map(NumberList.init(parsing:)))
    }

    /// The number of hosts.
    package var hostCount: Int { Set(hosts).count }

    /// A line for each host: `node1: rank 0 on core 0, rank 1 on core 1`; ranks of equal cores together.
    package var lines: [String] {
        hosts.indices.filter { hosts.firstIndex(of: hosts[$0]) == $0 }.map { first in
            var groups: [(ranks: [Int], cores: NumberList)] = []
            for rank in hosts.indices where hosts[rank] == hosts[first] {
                if groups.last?.cores == cores[rank] {
                    groups[groups.count - 1].ranks.append(rank)
                } else {
                    groups.append(([rank], cores[rank]))
                }
            }
            return "\(hosts[first]): "
                + groups.map { "\(NumberList($0.ranks).counting("rank")) on \($0.cores.counting("core"))" }
                .joined(separator: ", ")
        }
    }
}
