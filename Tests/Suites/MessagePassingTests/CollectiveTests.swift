import MessagePassing
import TestSupport
import Testing

@Suite("Collectives", .underMPIRun)
struct CollectiveTests {
    private static let names = [
        "barrier", "broadcast", "gather", "allGather", "allReduce", "allToAll", "split", "rowGather",
    ]

    @Test("each gives every rank what it has to", arguments: rankCounts)
    func collectives(ranks: Int) throws {
        for (name, lines) in zip(Self.names, try runCases(ranks, Self.names.map { [$0] })) {
            #expect(lines == Array(repeating: "ok", count: ranks), "\(name)")
        }
    }

    @Test("a gather of many ranks goes in rounds", arguments: [9, 13, 16])
    func rounds(ranks: Int) throws {
        let result = try runCase(ranks, "allGather")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines == Array(repeating: "ok", count: ranks))
    }

    @Test("a program without mpirun is rank 0 of 1")
    func singleton() throws {
        for name in Self.names {
            let result = try spawn("RankProgram", arguments: [name]).wait(timeout: 30)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.lines == ["ok"])
        }
    }

    @Test("a communicator that is alone needs no MPI")
    func alone() throws {
        let communicator = Communicator.alone
        #expect(communicator.rank == 0 && communicator.worldSize == 1 && !communicator.hostName.isEmpty)
        try communicator.barrier()
        #expect(try communicator.broadcast([1, 2, 3]) == [1, 2, 3])
        #expect(try communicator.allGather("text") == ["text"])
        #expect(try communicator.gather([Int16(4)]) == [[4]])
        #expect(try communicator.allReduce(Float(2), .sum) == 2)
        #expect(try communicator.split(color: 3, key: 0).worldSize == 1)
        #expect(try communicator.agree { 5 } == 5)
        try communicator.agreeOnEqual([("the build", "1.0")])
        try communicator.finish()
    }

    @Test("ranks are numbered host by host, hosts by their lowest rank")
    func numbering() {
        #expect(Communicator.orderByHost([0, 0, 1, 1]) == nil)
        #expect(Communicator.orderByHost([5]) == nil && Communicator.orderByHost([]) == nil)
        #expect(Communicator.orderByHost([0, 1, 0, 1]) == [0, 2, 1, 3])
        #expect(Communicator.orderByHost([7, 2, 2, 7, 1]) == [0, 3, 1, 2, 4])
    }

    @Test("hosts of a test that are not there for each rank are one sentence")
    func testHosts() throws {
        for hosts in ["0", "0,x", "-1,0"] {
            let result = try spawnMpirun(
                ranks: 2, "RankProgram", arguments: ["barrier"], environment: ["STEADFAST_TEST_HOSTS": hosts]
            ).wait(timeout: 60)
            #expect(result.status == 64 && !result.sentences.isEmpty, "\(hosts): \(result.errors)")
        }
    }

    @Test("the launcher fails when a program is not built")
    func missingProgram() {
        #expect(throws: (any Error).self) { try mpirun(ranks: 1, "NoSuchProgram", arguments: []) }
    }
}
