/// The check that the hosts have CPUs of one type.
enum CPUCheck: Check {
    static let name = "CPU"

    static func examine(_ job: Examination) throws -> Finding {
        let models = try job.world.allGather("\(ProcessFacts.cpuModel), \(ProcessFacts.vectors)")
        var finding = Finding()
        job.tell(models).forEach { finding.add($0) }
        if Set(models).count > 1 {
            finding.complain(
                .warn,
                "the CPUs are of different types: the slowest sets the pace unless balance is on, and the bits may "
                    + "depend on who computes")
        }
        return finding
    }
}
