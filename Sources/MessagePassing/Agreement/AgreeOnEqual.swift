import Essentials
import Foundation

extension Communicator {
    /// Checks that all ranks hold the same values: the recipe's digest, the data's, the build, the CPU type.
    ///
    /// Collective: every rank of the communicator calls this.
    ///
    /// - Parameter items: in the same order on all ranks; the name goes into the sentence ("the build").
    /// - Throws: `Agreed` with code 64 that names the first item that differs, two ranks, their hosts and values, and
    ///   what to do.
    public func agreeOnEqual(_ items: [(name: String, value: String)]) throws {
        guard worldSize > 1 else { return }
        let own = try agree {
            String(decoding: try JSONEncoder().encode(items.flatMap { [$0.name, $0.value] }), as: UTF8.self)
        }
        let texts = try allGather(own)
        guard let other = texts.indices.first(where: { texts[$0] != texts[0] }) else { return }
        let hosts = try allGather(hostName)
        let lists = try agree { try texts.map { try JSONDecoder().decode([String].self, from: Data($0.utf8)) } }
        throw Agreed(Communicator.difference(lists, hosts, other), by: self)
    }

    /// The sentence for the first item in which any rank differs from rank 0; the same on all ranks.
    private static func difference(_ lists: [[String]], _ hosts: [String], _ other: Int) -> Failure {
        let first = lists[0]
        // Where the names differ, the programs do.
        let names = lists.map { list in list.indices.filter { $0 % 2 == 0 }.map { list[$0] } }
        if let stranger = names.indices.first(where: { names[$0] != names[0] }) {
            return Failure(
                .usage,
                "rank 0 on \(hosts[0]) and rank \(stranger) on \(hosts[stranger]) run different programs: "
                    + "start all ranks from the same build")
        }
        for item in stride(from: 1, to: first.count, by: 2) {
            guard let rank = lists.indices.first(where: { lists[$0][item] != first[item] }) else { continue }
            return Failure(
                .usage,
                "the ranks differ in \(first[item - 1]): rank 0 on \(hosts[0]) has \(shortened(first[item])), "
                    + "rank \(rank) on \(hosts[rank]) has \(shortened(lists[rank][item])): "
                    + "make it the same on all hosts and start again")
        }
        return Failure(.software, "rank \(other) sent what it does not hold")
    }

    private static func shortened(_ value: String) -> String {
        value.count <= 80 ? value : value.prefix(77) + "..."
    }
}
