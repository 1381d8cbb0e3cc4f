import MessagePassing
import TestSupport
import Testing

@Suite("Tasks go to ranks as they come free", .underMPIRun)
struct TaskSchedulingTests {
    @Test("each task is done once and delivered to rank 0, by all ranks", arguments: rankCounts)
    func once(ranks: Int) throws {
        let result = try runCase(ranks, "schedule", "60")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.contains("tasks " + (0..<60).map(String.init).joined(separator: " ")))
        #expect(result.lines.contains("ranks \(ranks)"))
    }

    @Test("no task, or fewer than ranks")
    func few() throws {
        let counts = [0, 1, 3]
        for (tasks, lines) in zip(counts, try runCases(4, counts.map { ["schedule", "\($0)"] })) {
            #expect(lines.contains("tasks " + (0..<tasks).map(String.init).joined(separator: " ")), "\(lines)")
        }
    }

    @Test("results larger than what MPI sends at once")
    func large() throws {
        let result = try runCase(3, "schedule", "30", "-1", "3000000")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.contains("tasks " + (0..<30).map(String.init).joined(separator: " ")))
    }

    @Test("a failing task is every rank's failure, wherever it runs", arguments: [1, 2, 3, 4])
    func failing(ranks: Int) throws {
        let tasks = [0, 1, 17]
        for (task, lines) in zip(tasks, try runCases(ranks, tasks.map { ["schedule", "40", "\($0)"] })) {
            #expect(lines.count == ranks && Set(lines).count == 1)
            #expect(lines.first?.hasPrefix("failure 65 task \(task) is bad") == true, "\(lines)")
        }
    }

    @Test("results that cannot be taken end the work", arguments: [1, 3])
    func undeliverable(ranks: Int) throws {
        let result = try runCase(ranks, "scheduleNothing")
        #expect(result.status == 74 && result.sentences.count == 1)
        #expect(result.sentences.first?.contains("the disk is full") == true)
    }
}
