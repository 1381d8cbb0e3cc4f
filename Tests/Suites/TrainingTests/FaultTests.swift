import Foundation
import TestSupport
import Testing

@Suite(
    "Jobs broken on purpose, and readers given damaged inputs: short forms of Tests/faults and Tests/fuzz", .serialized)
struct FaultTests {
    @Test(
        "faults at seeded instants: the job ends, nothing is in part, the resumed run ends with the same bits",
        .underMPIRun)
    func faults() throws {
        let count = runsAll ? ["--long"] : []
        let result = try spawn("FaultInjection", arguments: count).wait(timeout: runsAll ? 7200 : 600)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        print(result.output)
    }

    @Test(
        "SIGKILL before and after every system call of a checkpoint's life: what is visible is whole, no bit is lost",
        .underMPIRun, .enabled(if: runsAll))
    func everyCall() throws {
        let result = try spawn("FaultInjection", arguments: ["--every-call"]).wait(timeout: 1800)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        print(result.output)
    }

    @Test("changed inputs: each reader ends in a result or a sentence")
    func inputs() throws {
        try withTemporaryDirectory { folder in
            let count = runsAll ? 100_000 : 1_500
            let result = try spawn("Fuzzing", arguments: ["--count", "\(count)", "--crashes", folder])
                .wait(timeout: runsAll ? 7200 : 300)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
        }
    }
}
