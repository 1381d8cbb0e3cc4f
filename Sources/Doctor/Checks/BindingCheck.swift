import Essentials

/// The check that each rank has a core of its own.
enum BindingCheck: Check {
    static let name = "binding"

    static func examine(_ job: Examination) throws -> Finding {
        let lists = try job.world.allGather("\(NumberList.allowedCores)").map(NumberList.init(parsing:))
        let cores = lists.map(\.numbers)
        var finding = Finding()
        for (rank, own) in lists.enumerated() where lists.count <= 16 {
            finding.add("\(job.name(rank)): \(own.counting("core"))")
        }
        if cores.count > 16 {
            let sizes = cores.map(\.count)
            finding.add("\(sizes.min() ?? 0) to \(sizes.max() ?? 0) cores for each of \(cores.count) ranks")
        }
        for host in job.hostNames {
            let ranks = job.ranks(of: host)
            let all = Set(ranks.flatMap { cores[$0] })
            if ranks.count > all.count {
                finding.complain(
                    .warn,
                    "\(ranks.count) ranks share \(counted(all.count, "core")) on \(host): start one "
                        + "rank for each core, or bind them to more (mpirun --bind-to core --map-by ppr:N:node)")
            } else if let (first, second) = sharing(ranks, cores) {
                finding.complain(
                    .warn,
                    "ranks \(first) and \(second) are bound to the same core\(cores[first].count == 1 ? "" : "s") of "
                        + "\(host) while others are free: let mpirun bind (--bind-to core)")
            }
        }
        return finding
    }

    /// Two ranks of a host that are held on equal cores, too few for all that are held there.
    private static func sharing(_ ranks: [Int], _ cores: [[Int]]) -> (Int, Int)? {
        for group in Dictionary(grouping: ranks, by: { cores[$0] }).values where group.count > cores[group[0]].count {
            return (group[0], group[1])
        }
        return nil
    }
}
