import Essentials
import MessagePassing
import TestSupport
import Testing

@Suite("Agreement: all ranks proceed or all stop", .underMPIRun)
struct AgreementTests {
    @Test("where nothing fails every rank gets its own value", arguments: rankCounts)
    func success(ranks: Int) throws {
        let result = try runCase(ranks, "agree")
        #expect(result.status == 0)
        #expect(result.lines.sorted() == (0..<ranks).map { "value \($0 * 2)" }.sorted())
    }

    @Test("one rank's failure is every rank's", arguments: [2, 3, 4, 8])
    func oneFails(ranks: Int) throws {
        let result = try runCase(ranks, "agree", "\(ranks - 1)")
        #expect(result.status == 0)
        #expect(result.lines.count == ranks && Set(result.lines).count == 1)
        #expect(result.output.hasPrefix("failure 65 rank \(ranks - 1) read nonsense (rank \(ranks - 1) on "))
    }

    @Test("of two failing ranks the lower one speaks")
    func twoFail() throws {
        let result = try runCase(4, "agree", "3", "1")
        #expect(result.lines.count == 4 && Set(result.lines).count == 1)
        #expect(result.output.hasPrefix("failure 65 rank 1 read nonsense (rank 1 on "))
    }

    @Test("a failure of all ranks names none")
    func allFail() throws {
        let result = try runCase(2, "agree", "0", "1")
        #expect(result.lines == Array(repeating: "failure 65 rank 0 read nonsense", count: 2))
    }

    @Test("alone, a failure is thrown with its code and sentence")
    func alone() throws {
        let failure = Failure(.noInput, "no such file")
        do {
            try Communicator.alone.agree { throw failure }
            Issue.record("nothing thrown")
        } catch {
            #expect((error as? Agreed)?.failure == failure)
            #expect(Communicator.exitCode(for: error) == 66)
        }
    }

    @Test("equal items pass", arguments: rankCounts)
    func equalItems(ranks: Int) throws {
        #expect(try runCase(ranks, "agreeOnEqual").lines == Array(repeating: "equal", count: ranks))
    }

    @Test("a different item is named on every rank, with ranks, hosts and values", arguments: [2, 3, 8])
    func differentItem(ranks: Int) throws {
        let result = try runCase(ranks, "agreeOnEqual", "\(ranks - 1)")
        let host = Communicator.alone.hostName
        let sentence =
            "64 the ranks differ in the build: rank 0 on \(host) has 1.0, rank \(ranks - 1) on \(host) has 2.0: "
            + "make it the same on all hosts and start again"
        #expect(result.lines == Array(repeating: sentence, count: ranks))
    }

    @Test("ranks with other items are other programs")
    func differentNames() throws {
        let result = try runCase(3, "agreeOnEqual", "-2")
        #expect(result.lines.count == 3 && Set(result.lines).count == 1)
        #expect(result.output.contains("run different programs"))
    }
}
