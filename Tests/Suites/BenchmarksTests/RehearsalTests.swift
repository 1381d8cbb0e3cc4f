import Foundation
import TestSupport
import Testing

@Suite("A job that is but imagined sends what the real one does", .underMPIRun, .serialized)
struct RehearsalTests {
    /// A message of a trace.
    private struct Message: Hashable {
        let from: Int, to: Int, tag: Int, bytes: Int
    }

    @Test(
        "messages match, bytes are the real ones, smpirun replays them", arguments: zip([2, 16], [2, 1]))
    func hosts(hosts: Int, size: Int) throws {
        try withTemporaryDirectory { folder in
            let ranks = hosts * size
            let words = [
                "benchmark", "train", "--dataset", "glyphs", "--batch", "128", "--set", "lanes=16", "--seconds", "0.3",
                "--replay-trace", folder + "/traces", "--hosts", "\(hosts)", "--ranks", "\(ranks)", "--json",
                folder + "/figures.json",
            ]
            let rehearsed = try spawn("steadfast", arguments: words).wait(timeout: 60)
            #expect(rehearsed.status == 0, "\(rehearsed.errors)")
            let (sent, received) = try messages(in: folder + "/traces", ranks: ranks)
            #expect(sent == received && !sent.isEmpty)
            // Only the first ranks of the hosts speak with others.
            let between = sent.filter { $0.key.from / size != $0.key.to / size }
            #expect(between.keys.allSatisfy { $0.from % size == 0 && $0.to % size == 0 && $0.bytes > 0 })
            let bytes = between.filter { $0.key.from == 0 }.reduce(0) { $0 + $1.key.bytes * $1.value }
            let count = between.filter { $0.key.from == 0 }.reduce(0) { $0 + $1.value }
            let few = try counted(steps: 3, hosts: hosts, size: size, in: folder)
            let many = try counted(steps: 7, hosts: hosts, size: size, in: folder)
            #expect(4 * bytes == many.bytes - few.bytes && 4 * count == many.messages - few.messages)
            try replay(folder, hosts: hosts, ranks: ranks)
        }
    }

    @Test("ranks that cannot be rehearsed: one sentence and the right code")
    func refusals() throws {
        for (words, word) in [
            (["--hosts", "2", "--ranks", "5"], "--ranks"), (["--hosts", "2"], "--ranks"),
            (["--hosts", "1", "--ranks", "3"], "lanes"),
            (["--hosts", "2", "--ranks", "2", "--project", "4"], "--project"),
        ] {
            let result = try spawn(
                "steadfast",
                arguments: ["benchmark", "train", "--dataset", "glyphs", "--replay-trace", "/nowhere/x"] + words
            ).wait(timeout: 60)
            #expect(result.status == 64 && result.errors.contains(word), "\(result.errors)")
        }
    }

    /// The messages that ranks send by their traces, and those that they receive, each with how often.
    private func messages(in folder: String, ranks: Int) throws -> (sent: [Message: Int], received: [Message: Int]) {
        var (sent, received): ([Message: Int], [Message: Int]) = ([:], [:])
        for rank in 0..<ranks {
            let text = try String(contentsOfFile: "\(folder)/rank-\(rank).trace", encoding: .utf8)
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                #expect(words[0] == "\(rank)")
                let numbers = words.dropFirst(2).compactMap { Int($0) }
                switch words[1] {
                case "send", "isend":
                    sent[Message(from: rank, to: numbers[0], tag: numbers[1], bytes: numbers[2]), default: 0] += 1
                case "recv", "irecv":
                    received[Message(from: numbers[0], to: rank, tag: numbers[1], bytes: numbers[2]), default: 0] += 1
                default: break
                }
            }
        }
        return (sent, received)
    }

    /// The messages and bytes, as Open MPI counts them, that rank 0 sends to the first ranks of the other hosts in a
    /// training of so many steps.
    private func counted(steps: Int, hosts: Int, size: Int, in folder: String) throws -> (messages: Int, bytes: Int) {
        let file = "\(folder)/counted-\(steps)"
        let numbers = (0..<hosts * size).map { "\($0 / size)" }
        let result = try spawnMpirun(
            ranks: hosts * size, "steadfast",
            arguments: [
                "train", "glyphs-mrelu-r-m", "--run", "\(folder)/run-\(steps)", "--set", "batch=128", "--set",
                "lanes=16", "--set", "max_steps=\(steps)", "--set", "validation=0",
            ],
            environment: [
                "STEADFAST_TEST_HOSTS": numbers.joined(separator: ","), "OMPI_MCA_pml_monitoring_enable": "2",
                "OMPI_MCA_pml_monitoring_enable_output": "3", "OMPI_MCA_pml_monitoring_filename": file,
            ]
        ).wait(timeout: 120)
        #expect(result.status == 0, "\(result.errors)")
        // E (a message) or I (of a collective) <from> <to> <bytes> bytes <messages> msgs sent ...
        let text = try String(contentsOfFile: file + ".0.prof", encoding: .utf8)
        var (count, bytes) = (0, 0)
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 5, ["E", "I"].contains(words[0]), words[1] == "0" else { continue }
            guard let other = Int(words[2]), other >= size, other % size == 0 else { continue }
            bytes += try #require(Int(words[3]))
            count += try #require(Int(words[5]))
        }
        return (count, bytes)
    }

    private func replay(_ folder: String, hosts: Int, ranks: Int) throws {
        let result = try TestSupport.spawn(
            path: packageFolder + "/Tests/cluster/simulate",
            arguments: ["replay", folder + "/traces", "\(hosts)", "\(ranks)", "star"]
        ).wait(timeout: 60)
        guard result.status != 77 else { return print(result.errors, terminator: "") }
        let figures = try JSONSerialization.jsonObject(
            with: try Data(contentsOf: URL(fileURLWithPath: folder + "/figures.json")))
        let work = try #require((figures as? [String: Any])?["work_seconds"] as? Double)
        let step = try #require(
            Double(result.output.trimmingCharacters(in: .whitespacesAndNewlines)), "\(result.errors)")
        #expect(work < step && step < work + 0.05)
    }
}
