import Essentials

/// Who is there.
enum HostsCheck: Check {
    static let name = "hosts"

    static func examine(_ job: Examination) throws -> Finding {
        var finding = Finding()
        let counts = job.hostNames.map { (host: $0, ranks: job.ranks(of: $0)) }
        if counts.count <= 8 {
            for (host, ranks) in counts { finding.add("\(host): \(counted(ranks.count, "rank"))") }
        } else {
            let sizes = counts.map(\.ranks.count)
            finding.add(
                "\(counts.count) hosts, \(sizes.min() ?? 0) to \(sizes.max() ?? 0) ranks each, from \(counts[0].host) "
                    + "to \(counts[counts.count - 1].host)")
        }
        let groups = try job.world.hostGroups()
        if groups.world.worldSize > 1 { finding.add("sums \(groups.way)") }
        if groups.obstacle != nil, job.hostNames.count < groups.world.worldSize {
            finding.complain(
                .warn, "let the ranks of a host share memory: one user, one container, STEADFAST_SHARED_MEMORY not off")
        }
        finding.figure("most_ranks_of_a_host", counts.map(\.ranks.count).max() ?? 0)
        return finding
    }
}
