import Checkpoints
import Foundation
import TestSupport
import Testing

/// mpirun across hosts of one's own: every test starts a cluster of four.
@Suite("mpirun across hosts", .underMPIRun, .serialized, .enabled(if: HostCluster.isPossible))
struct HostsTests {
    private static let runsAll = ProcessInfo.processInfo.environment["STEADFAST_TEST_ALL"] != nil

    private func recipe(_ run: String, steps: Int) -> [String] {
        ["train", "glyphs-mrelu-r-m", "--run", run, "--set", "max_steps=\(steps)", "--set", "batch=24"]
    }

    private func alone(_ folder: String, steps: Int) throws -> String {
        let result = try spawn("steadfast", arguments: recipe(folder + "/alone", steps: steps)).wait(timeout: 120)
        #expect(result.status == 0, "\(result.errors)")
        return try digest(folder + "/alone")
    }

    private func digest(_ run: String) throws -> String {
        try Checkpoint.load(try RunDirectory.latestCheckpoint(in: run)).trainingDigest
    }

    @Test("4 hosts x 1 and x 2 ranks, and unequal slots, train to the bits of one rank; each says its place")
    func bits() throws {
        try HostCluster.run { hosts in
            let expected = try alone(hosts.folder, steps: 20)
            for (slots, sharing) in [
                ([1, 1, 1, 1], "lanes"), ([2, 2, 2, 2], "lanes"), ([3, 1, 1], "lanes"), ([2, 2], "node"),
            ] {
                let run = hosts.folder + "/run-" + slots.map(String.init).joined()
                let result = try hosts.mpirun(
                    slots, recipe(run, steps: 20) + ["--set", "data_sharing=\(sharing)"])
                #expect(result.status == 0, "\(slots): \(result.errors)")
                #expect(try digest(run) == expected, "\(slots)")
                for host in slots.indices { #expect(result.output.contains("node\(host + 1)"), "\(result.output)") }
            }
        }
    }

    @Test("ranks that mpirun places host by turns train to the bits of one rank, and share memory all the same")
    func byNode() throws {
        try HostCluster.run { hosts in
            let (run, expected) = (hosts.folder + "/run", try alone(hosts.folder, steps: 10))
            let result = try hosts.mpirun([2, 2], placed: ["--map-by", "node"], recipe(run, steps: 10))
            #expect(result.status == 0, "\(result.errors)")
            #expect(try digest(run) == expected)
            #expect(result.output.contains("between the 2 hosts"), "\(result.output)")
            #expect(result.output.contains("node1: ranks 0-1 on"), "\(result.output)")
        }
    }

    @Test("what a host sends in a step does not grow with its ranks")
    func traffic() throws {
        try HostCluster.run { hosts in
            /// Bytes that node1 sends for each of 40 steps.
            func bytes(_ slots: [Int]) throws -> Double {
                let sent = try [10, 50].map { steps in
                    let before = try hosts.sentBytes(of: "node1")
                    let run = "\(hosts.folder)/\(UUID().uuidString)"
                    let result = try hosts.mpirun(
                        slots, recipe(run, steps: steps) + ["--set", "stall_timeout=0", "--set", "overlap=on"])
                    #expect(result.status == 0, "\(result.errors)")
                    return try hosts.sentBytes(of: "node1") - before
                }
                return Double(sent[1] - sent[0]) / 40
            }
            let one = try bytes([1, 1])
            for ranks in [2, 4] {
                let more = try bytes([ranks, ranks])
                print("a host sends \(Int(one)) bytes a step with one rank, \(Int(more)) with \(ranks)")
                #expect(more <= 1.1 * one)
            }
        }
    }

    @Test("what is wrong with the hosts is said in one sentence before anything is trained")
    func badHosts() throws {
        try HostCluster.run { hosts in
            let (product, folder) = (hosts.folder + "/product", hosts.folder)
            let program = product + "/steadfast"
            try makeDirectories(product, folder + "/recipes", folder + "/data", folder + "/shared")
            try copyProgram(try builtProgram("steadfast"), to: program)
            try FileManager.default.copyItem(
                atPath: packageFolder + "/cluster/recipes/glyphs-plain.yaml", toPath: folder + "/recipes/here.yaml")
            let train = ["train", folder + "/recipes/here.yaml", "--set", "max_steps=4", "--run"]

            /// The words of launch, its code, and that it did not try again.
            func expect(
                _ code: Int32, _ sentence: String, _ hostFile: String, run: String? = nil, _ more: [String] = []
            ) throws {
                let run = run ?? "\(folder)/runs/\(UUID().uuidString)"
                let result = try hosts.launch(
                    ["-n", "2", "--hostfile", hostFile] + train + [run] + more, environment: ["STEADFAST": program]
                ).wait(timeout: 60)
                #expect(result.status == code, "\(sentence): \(result.errors)")
                let lines = result.errors.split(separator: "\n").filter { $0.contains(sentence) }
                #expect(lines.count == 1, "\(sentence): \(result.errors)")
                #expect(!result.errors.contains("start 2"), "\(result.errors)")
            }
            let two = try hosts.hostFile([1, 1])

            try expect(65, "'node1 two slots' is no host", try hosts.hostFile("node1 two slots"))
            try expect(65, "names no host", try hosts.hostFile("# none"))
            try expect(69, "node9 does not answer", try hosts.hostFile("node1 slots=1\nnode9 slots=1"))

            try hosts.hide(product, on: "node2")
            try expect(66, "node2 has no \(program)", two)
            try hosts.restore(product, on: "node2")

            let other = folder + "/other"
            try copyProgram(program, to: other, appending: "more")
            try hosts.replace(program, by: other, on: "node2")
            try expect(64, "the ranks differ in the build: rank 0 on node1 has", two)
            try hosts.restore(program, on: "node2")

            // Rank 0 writes the run on the first host of the file.
            try hosts.hide(folder + "/shared", on: "node2")
            try expect(
                66, "node2 does not see \(folder)/shared/run of node1",
                try hosts.hostFile("node2 slots=1\nnode1 slots=1"), run: folder + "/shared/run")

            try hosts.hide(folder + "/recipes", on: "node2")
            try expect(66, "(rank 1 on node2)", two)
            try hosts.restore(folder + "/recipes", on: "node2")

            let made = try spawn(
                "steadfast", arguments: ["data", "make", "glyphs", "--data-directory", folder + "/data"]
            ).wait()
            #expect(made.status == 0, "\(made.errors)")
            let data = folder + "/data/letters"
            try FileManager.default.moveItem(atPath: folder + "/data/glyphs", toPath: data)
            try hosts.hide(data, on: "node2")
            try expect(66, "data set '\(data)' not found", two, ["--set", "dataset=\(data)"])
            try hosts.restore(data, on: "node2")
            let labels = data + "/train-labels-idx1-ubyte"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: labels))
            bytes[bytes.count - 1] = bytes[bytes.count - 1] == 0 ? 1 : 0
            try bytes.write(to: URL(fileURLWithPath: folder + "/labels"))
            try hosts.replace(labels, by: folder + "/labels", on: "node2")
            try expect(64, "the ranks differ in the data: rank 0 on node1 has", two, ["--set", "dataset=\(data)"])
            try hosts.restore(labels, on: "node2")
            // Nothing of all that stands in the way of a run, bound as the user says.
            let binding = ["--map-by", "ppr:1:node", "--bind-to", "core", "--"]
            let good = try hosts.launch(
                ["-n", "2", "--hostfile", two] + binding + train
                    + [folder + "/runs/good", "--set", "dataset=\(data)"], environment: ["STEADFAST": program]
            ).wait(timeout: 60)
            #expect(good.status == 0, "\(good.errors)")
            #expect(good.output.contains("node2: rank 1 on core "), "\(good.output)")
        }
    }

    @Test(
        "hosts that are hard to talk to: other login shells and chatty ones, ssh's own words, dots, one machine twice")
    func contact() throws {
        try HostCluster.run { hosts in
            let folder = hosts.folder
            let made = try spawn("steadfast", arguments: ["data", "make", "glyphs", "--data-directory", folder]).wait()
            #expect(made.status == 0, "\(made.errors)")
            try FileManager.default.moveItem(atPath: folder + "/glyphs", toPath: folder + "/letters")
            func launch(_ list: String) throws -> ProgramResult {
                try hosts.launch(
                    [
                        "--host", list, "train", "glyphs-plain", "--set", "dataset=letters", "--set", "max_steps=2",
                        "--run", "\(folder)/run-\(UUID().uuidString)",
                    ], environment: ["STEADFAST": try builtProgram("steadfast"), "STEADFAST_DATA": folder]
                ).wait(timeout: 60)
            }
            let users = try String(contentsOfFile: "/etc/passwd", encoding: .utf8).split(separator: "\n").map {
                $0.hasPrefix("root:")
                    ? $0.split(separator: ":", omittingEmptySubsequences: false).dropLast()
                        .joined(separator: ":") + ":/bin/dash" : String($0)
            }
            try Data((users.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/passwd"))
            try hosts.replace("/etc/passwd", by: folder + "/passwd", on: "node2")
            let home = String(cString: getpwuid(0).pointee.pw_dir)
            if FileManager.default.fileExists(atPath: home + "/.bashrc") {
                try Data("printf '\\033]0;node3\\007'\n".utf8).write(to: URL(fileURLWithPath: folder + "/bashrc"))
                try hosts.replace(home + "/.bashrc", by: folder + "/bashrc", on: "node3")
            }
            let good = try launch("node1,node2,node3")
            #expect(good.status == 0 && good.errors.contains("start 1: 3 ranks"), "\(good.errors)")

            try hosts.name("w.1.example.org", "node1")
            try hosts.name("w.2.example.org", "node2")
            let dotted = try launch("w.1.example.org,w.2.example.org")
            #expect(dotted.status == 0 && dotted.errors.contains("start 1: 2 ranks"), "\(dotted.errors)")
            let twice = try launch("node1,w.1.example.org")
            #expect(
                twice.status == 65 && twice.errors.contains("node1 and w.1.example.org are one machine"),
                "\(twice.errors)")
            try hosts.name("stranger", "node4", isKnown: false)
            let stranger = try launch("node1,stranger")
            #expect(
                stranger.status == 69
                    && stranger.errors.contains("stranger does not answer (Host key verification failed.)"),
                "\(stranger.errors)")
        }
    }

    @Test(
        "a host that is cut off ends the job; launch goes on with the others, to the same bits", .enabled(if: runsAll),
        arguments: ["node3", "node2"])
    func cutOff(host: String) throws {
        try HostCluster.run { hosts in
            let expected = try alone(hosts.folder, steps: 600)
            let run = hosts.folder + "/run"
            let program = try hosts.launch(
                ["--hostfile", try hosts.hostFile([1, 1, 1, 1]), "--pause", "1"] + recipe(run, steps: 600)
                    + ["--set", "checkpoint.every_steps=20"])
            let limit = Date().addingTimeInterval(60)
            while RunFiles.steps(run) < 50, Date() < limit { usleep(20_000) }
            #expect((50..<600).contains(RunFiles.steps(run)))
            try hosts.control("cut", host)
            let cut = Date()
            let result = try program.wait(timeout: 180)
            #expect(result.status == 0, "\(result.errors)")
            // With ssh's own words between.
            #expect(result.errors.contains("launch: \(host) does not answer"), "\(result.errors)")
            #expect(result.errors.contains("): left out\nlaunch: start 2: 3 ranks"), "\(result.errors)")
            #expect(try digest(run) == expected)
            print("\(host) cut off: the run ended \(Int(Date().timeIntervalSince(cut))) s later")
        }
    }

    /// Starts a run of 300 steps on three hosts, and does something to them while its ranks are halted.
    private func disturb(_ hosts: HostCluster, _ fault: () throws -> Void, afterwards: () throws -> Void = {}) throws
        -> ProgramResult
    {
        let expected = try alone(hosts.folder, steps: 300)
        let run = hosts.folder + "/run"
        let program = try hosts.launch(
            ["--hostfile", try hosts.hostFile([1, 1, 1]), "--pause", "1"] + recipe(run, steps: 300)
                + ["--set", "checkpoint.every_steps=20"])
        let ranks = try HaltedProcesses(ranksOf: run, count: 3, step: 50)
        try fault()
        ranks.goOn()
        try afterwards()
        let result = try program.wait(timeout: 180)
        #expect(result.status == 0, "\(result.errors)")
        #expect(try digest(run) == expected)
        return result
    }

    @Test("a link that is lost for 10 s and comes back costs that time and nothing else", .enabled(if: runsAll))
    func linkLost() throws {
        try HostCluster.run { hosts in
            let result = try disturb(hosts, { try hosts.control("cut", "node3") }) {
                sleep(10)
                try hosts.control("join", "node3")
            }
            #expect(!result.errors.contains("launch: start 2"), "\(result.errors)")
        }
    }

    @Test(
        "mpirun's daemon on a host, or its connection there, is killed: launch goes on, to the same bits",
        .enabled(if: runsAll), arguments: [("node2", "orted"), ("node1", "ssh")])
    func daemonKilled(host: String, program: String) throws {
        try HostCluster.run { hosts in
            let result = try disturb(hosts, { try hosts.command(on: host, "pkill", "-KILL", "-x", program) })
            #expect(result.errors.contains("launch: start 2: 3 ranks"), "\(result.errors)")
        }
    }

    @Test("the doctor examines four hosts in less than 10 s, and tells them apart", .enabled(if: runsAll))
    func doctor() throws {
        try HostCluster.run { hosts in
            let (file, runs) = (hosts.folder + "/doctor.json", hosts.folder + "/runs")
            try makeDirectories(runs)
            func examine(_ slots: [Int]) throws -> [String: Any] {
                let result = try hosts.mpirun(slots, ["doctor", "--run", runs, "--json", file])
                let data = try #require(FileManager.default.contents(atPath: file), "\(result.errors)")
                return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            }
            func check(_ name: String, _ json: [String: Any]) throws -> [String: Any] {
                let checks = try #require(json["checks"] as? [[String: Any]])
                return try #require(checks.first { $0["name"] as? String == name })
            }
            let json = try examine([1, 1, 1, 1])
            #expect(json["hosts"] as? Int == 4 && json["ranks"] as? Int == 4)
            let seconds = try #require(json["seconds"] as? Double)
            #expect(seconds < 10)
            #expect(try check("shared directory", json)["verdict"] as? String == "OK")
            #expect((try check("binding", json)["found"] as? String)?.contains("rank 3 on node4") == true)

            let bandwidths = try [false, true].map { limited in
                if limited { try hosts.control("limit", "1gbit") }
                let figures = try check("messages", try examine([1, 1]))["figures"] as? [String: Any]
                return try #require(figures?["bandwidth_bytes_per_second"] as? Double)
            }
            print("doctor on 4 hosts: \(seconds) s; messages \(bandwidths) bytes/s, free and limited to 1 Gbit/s")
            #expect(bandwidths[1] < 125e6)
            try hosts.hide(runs, on: "node4")
            #expect(try check("shared directory", try examine([1, 1, 1, 1]))["verdict"] as? String == "FAIL")
        }
    }

    private func makeDirectories(_ paths: String...) throws {
        for path in paths { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    }
}
