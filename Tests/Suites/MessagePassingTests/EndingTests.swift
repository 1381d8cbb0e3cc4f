import Foundation
import TestSupport
import Testing

@Suite("Endings: one sentence, the right code, no hang", .underMPIRun)
struct EndingTests {
    @Test("an agreed failure is told once and its code is mpirun's", arguments: [65, 70, 75], [1, 3])
    func together(code: Int, ranks: Int) throws {
        let result = try runCase(ranks, "failTogether", "\(code)", "\(ranks - 1)")
        #expect(result.status == Int32(code))
        #expect(result.sentences.count == 1)
        #expect(result.sentences.first?.hasPrefix("steadfast: no more luck") == true)
        #expect(result.seconds < 10)
    }

    @Test("an error that is no failure has code 70")
    func oddError() throws {
        let result = try runCase(2, "agreeOnOddError")
        #expect(result.status == 70)
        #expect(result.sentences.count == 1)
    }

    @Test("a failure of one rank alone ends all", arguments: [0, 2])
    func alone(rank: Int) throws {
        let result = try runCase(3, "failAlone", "\(rank)")
        #expect(result.status == 65)
        #expect(result.sentences.count == 1)
        #expect(result.sentences.first?.hasPrefix("steadfast: rank \(rank) on ") == true)
        #expect(result.seconds < 10)
    }

    @Test("a failure of a part of the ranks ends all and is told once")
    func inPart() throws {
        let result = try runCase(4, "failInPart")
        #expect(result.status == 75)
        #expect(result.sentences == ["steadfast: our part fails"])
        #expect(result.seconds < 10)
    }

    @Test("without mpirun the failure's code is the program's")
    func withoutMpirun() throws {
        let result = try spawn("RankProgram", arguments: ["failAlone"]).wait(timeout: 10)
        #expect(result.status == 65)
        #expect(result.sentences == ["steadfast: nobody knows but me"])
    }

    @Test("a rank that is aborted, for want of memory, ends all with a sentence")
    func aborted() throws {
        let result = try runCase(3, "abort")
        #expect(result.status == 70)
        #expect(result.sentences.count == 1)
        #expect(result.sentences.first?.hasPrefix("steadfast: rank 2 on ") == true, "\(result.errors)")
        #expect(result.sentences.first?.contains("memory") == true)
        #expect(result.seconds < 10)
    }

    @Test("a killed rank takes the others along within seconds", arguments: [0, 1, 3])
    func killed(rank: Int) throws {
        let running = try spawnMpirun(ranks: 4, "RankProgram", arguments: ["forever"])
        try running.waitForOutput { $0.split(separator: "\n").count == 4 }
        let processes = (0..<4).compactMap { running.process(ofRank: $0) }
        try #require(processes.count == 4)
        let start = Date()
        kill(processes[rank], SIGKILL)
        let result = try running.wait(timeout: 20)
        #expect(result.status != 0)
        #expect(Date().timeIntervalSince(start) < 10)
        while processes.contains(where: RunningProgram.isAlive), Date().timeIntervalSince(start) < 10 { usleep(10_000) }
        #expect(!processes.contains(where: RunningProgram.isAlive), "ranks are left")
    }

    @Test("a rank that crashes takes the others along")
    func crash() throws {
        let result = try runCase(3, "crash")
        #expect(result.status != 0)
        #expect(result.seconds < 20)
    }

    @Test("USR1 to mpirun stops all ranks together with code 75", arguments: [1, 3])
    func userSignal(ranks: Int) throws {
        let running = try spawnMpirun(ranks: ranks, "RankProgram", arguments: ["steps"])
        try running.waitForOutput { $0.split(separator: "\n").count == ranks }
        running.signal(SIGUSR1)
        let result = try running.wait(timeout: 20)
        #expect(result.status == 75)
        #expect(result.sentences == ["steadfast: stopped, saved: resume"])
    }

    @Test("a signal to one rank alone stops all together", arguments: [SIGTERM, SIGINT, SIGUSR1])
    func signalToOne(signal: Int32) throws {
        let running = try spawnMpirun(ranks: 3, "RankProgram", arguments: ["steps"])
        try running.waitForOutput { $0.split(separator: "\n").count == 3 }
        let process = try #require(running.process(ofRank: 1))
        kill(process, signal)
        let result = try running.wait(timeout: 20)
        #expect(result.status == 75)
        #expect(result.sentences.count == 1)
    }

    @Test("the second interrupt ends the program at once with code 130")
    func interruptedTwice() throws {
        let running = try spawn("RankProgram", arguments: ["deaf"])
        try running.waitForOutput { $0.contains("running") }
        running.signal(SIGINT)
        try running.waitForOutput { $0.contains("requested") }
        running.signal(SIGINT)
        #expect(try running.wait(timeout: 10).status == 130)
    }
}
