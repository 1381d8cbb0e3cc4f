import Foundation
import TestSupport
import Testing

@Suite("Jobs that stand still are ended, and the rank at fault named", .underMPIRun, .serialized)
struct StallTests {
    private func start(_ ranks: Int, timeout: Double, stuck: Int = -1) throws -> RunningProgram {
        let running = try spawnMpirun(
            ranks: ranks, "RankProgram", arguments: ["watched", "\(timeout)", "\(stuck)"])
        try running.waitForOutput { $0.split(separator: "\n").count == ranks }
        return running
    }

    private func sentences(_ result: ProgramResult) -> [String] {
        result.errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("steadfast: ") }
    }

    @Test("a stopped rank, rank 0 too, is named by another", arguments: [(3, 1), (3, 0), (5, 0), (2, 1)])
    func stopped(ranks: Int, rank: Int) throws {
        let running = try start(ranks, timeout: 2)
        let processes = (0..<ranks).compactMap { running.process(ofRank: $0) }
        try #require(processes.count == ranks)
        kill(processes[rank], SIGSTOP)
        let result = try running.wait(timeout: 30)
        #expect(result.status == 71, "\(result.errors)")
        let told = sentences(result)
        #expect(told.count == 1, "\(told)")
        #expect(told.first?.hasPrefix("steadfast: rank \(rank) on ") == true, "\(told)")
        #expect(told.first?.contains("no sign of life") == true)
        let limit = Date().addingTimeInterval(10)
        while processes.contains(where: RunningProgram.isAlive), Date() < limit { usleep(10_000) }
        #expect(!processes.contains(where: RunningProgram.isAlive), "ranks are left")
    }

    @Test("a rank that hangs is named with what it was doing", arguments: [0, 2])
    func hanging(rank: Int) throws {
        let result = try start(3, timeout: 2, stuck: rank).wait(timeout: 30)
        #expect(result.status == 71)
        let told = sentences(result)
        #expect(told.count == 1, "\(told)")
        #expect(told.first?.hasPrefix("steadfast: rank \(rank) on ") == true, "\(told)")
        #expect(told.first?.contains("writing a checkpoint after step 100") == true, "\(told)")
    }

    @Test("a job that gets on is left alone, and one that is stopped whole for a while")
    func fine() throws {
        #expect(try start(3, timeout: 2, stuck: -2).wait(timeout: 30).status == 0)
        let running = try start(2, timeout: 2)
        let processes = (0..<2).compactMap { running.process(ofRank: $0) }
        processes.forEach { kill($0, SIGSTOP) }
        usleep(5_000_000)
        processes.forEach { kill($0, SIGCONT) }
        usleep(1_500_000)
        #expect(processes.allSatisfy(RunningProgram.isAlive))
        running.killAll()
        #expect(sentences(try running.wait()) == [])
    }

    @Test(
        "a rank that is stopped before MPI has started ends the job too; between hosts the network is named",
        arguments: [(0, "train", "0,1"), (1, "train", "0,0"), (1, "doctor", "0,1")])
    func start(rank: Int, command: String, hosts: String) throws {
        try withTemporaryDirectory { folder in
            let program = try spawnMpirun(
                ranks: 2, "steadfast",
                arguments: command == "doctor"
                    ? ["doctor", "--run", folder, "--stall-timeout", "3"]
                    : ["train", "glyphs-plain", "--run", folder + "/run", "--set", "stall_timeout=3"],
                environment: ["STEADFAST_TEST_HOSTS": hosts])
            while program.isRunning {
                guard let process = program.process(ofRank: rank) else { continue }
                kill(process, SIGSTOP)
                break
            }
            let result = try program.wait(timeout: 30)
            #expect(result.status == 71, "\(result.errors)")
            let told = sentences(result)
            #expect(told.count == 1, "\(told)")
            #expect(told.first?.contains(command == "doctor" ? "start it again" : "stall_timeout") == true, "\(told)")
            #expect(told.first?.contains("OMPI_MCA_btl_tcp_if_exclude") == (hosts == "0,1"), "\(told)")
        }
    }

    @Test("a rank that is stopped at its very end, when all others have left, is killed by a process beside it")
    func stoppedAtEnd() throws {
        let result = try spawnMpirun(ranks: 3, "RankProgram", arguments: ["stoppedAtEnd", "1"]).wait(timeout: 40)
        #expect(result.status == 128 + SIGKILL, "\(result.errors)")
        let told = sentences(result)
        #expect(told.count == 1 && told.first?.hasPrefix("steadfast: rank 1 on ") == true, "\(told)")
        #expect(told.first?.contains("has done its work and does not end") == true, "\(told)")
    }

    @Test("a launcher that stays though a rank gave up is ended, and the ranks that it has")
    func launcherStays() throws {
        let running = try start(3, timeout: 2)
        let processes = (0..<3).compactMap { running.process(ofRank: $0) }
        try #require(processes.count == 3)
        running.signal(SIGSTOP)
        kill(processes[1], SIGSTOP)
        let result = try running.wait(timeout: 40)
        #expect(result.status != 0)
        let limit = Date().addingTimeInterval(10)
        while processes.contains(where: RunningProgram.isAlive), Date() < limit { usleep(10_000) }
        #expect(!processes.contains(where: RunningProgram.isAlive), "ranks are left")
    }

    @Test("training is watched: a stopped rank, one that evaluates too, ends it with code 71, a killed one within 10 s")
    func training() throws {
        let cases = [(SIGSTOP, 1, []), (SIGKILL, 0, []), (SIGSTOP, 1, ["--evaluation-ranks", "1"])]
        for (signal, rank, more) in cases {
            try withTemporaryDirectory { folder in
                let run = folder + "/run"
                let program = try spawnMpirun(
                    ranks: 2, "steadfast",
                    arguments: [
                        "train", "glyphs-plain", "--run", run, "--set", "batch=24", "--set", "stall_timeout=2",
                    ] + more)
                try program.waitForOutput { _ in
                    (try? String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8))?.contains("\"step\":20,")
                        == true
                }
                let process = try #require(program.process(ofRank: rank))
                let start = Date()
                kill(process, signal)
                let result = try program.wait(timeout: 30)
                #expect(Date().timeIntervalSince(start) < 10)
                if signal == SIGSTOP {
                    #expect(result.status == 71)
                    #expect(result.errors.contains("rank 1 on ") && result.errors.contains("stall_timeout"))
                } else {
                    #expect(result.status != 0)
                }
            }
        }
    }
}
