import Essentials
import Foundation
import TestSupport

/// Four hosts on this machine, by Tests/cluster/hosts: node1 ... node4.
struct HostCluster {
    /// A directory that all hosts share; it is removed in the end.
    let folder: String

    private static let control = packageFolder + "/Tests/cluster/hosts"
    private var place: String { folder + "/cluster" }

    /// True where hosts can be made here; says what is missing where they cannot.
    static let isPossible: Bool = {
        guard let result = try? TestSupport.spawn(path: control, arguments: ["check", "/tmp"]).wait() else {
            return false
        }
        if result.status != 0 { print(result.errors, terminator: "") }
        return result.status == 0
    }()

    /// Makes the hosts, runs the body, removes them.
    static func run(_ body: (HostCluster) throws -> Void) throws {
        try withTemporaryDirectory { folder in
            let cluster = HostCluster(folder: folder)
            defer { _ = try? TestSupport.spawn(path: control, arguments: ["stop", cluster.place]).wait(timeout: 30) }
            try cluster.control("start")
            try body(cluster)
        }
    }

    /// `cut`, `join`, `limit`: an action of Tests/cluster/hosts.
    func control(_ action: String, _ arguments: String...) throws {
        let result = try TestSupport.spawn(path: Self.control, arguments: [action, place] + arguments).wait(
            timeout: 120)
        guard result.status == 0 else { throw Failure(.unavailable, "hosts \(action): \(result.errors)") }
    }

    /// A host file with so many slots on node1, node2, ...
    func hostFile(_ slots: [Int]) throws -> String {
        try hostFile(slots.enumerated().map { "node\($0 + 1) slots=\($1)" }.joined(separator: "\n"))
    }

    /// A host file of any content.
    func hostFile(_ content: String) throws -> String {
        let path = "\(folder)/hosts-\(UUID().uuidString)"
        try Data((content + "\n").utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Starts a program on a host, as its shell would.
    func spawn(
        on host: String = "node1", _ words: [String], environment: [String: String] = [:]
    ) throws -> RunningProgram {
        try TestSupport.spawn(
            path: Self.control, arguments: ["run", place, host] + words,
            environment: ["OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"].merging(environment) { $1 })
    }

    /// Runs a program on a host, which has to succeed.
    @discardableResult
    func command(on host: String, _ words: String...) throws -> String {
        let result = try spawn(on: host, words).wait(timeout: 60)
        guard result.status == 0 else { throw Failure(.software, "\(words) on \(host): \(result.errors)") }
        return result.output
    }

    /// Puts an empty directory in a directory's place, on one host alone.
    func hide(_ directory: String, on host: String) throws {
        try command(on: host, "mount", "-t", "tmpfs", "tmpfs", directory)
    }

    /// Puts a file in another's place, on one host alone.
    func replace(_ file: String, by other: String, on host: String) throws {
        try command(on: host, "mount", "--bind", other, file)
    }

    /// Gives a host another name, with its key unless that shall not be known.
    func name(_ name: String, _ host: String, isKnown: Bool = true) throws {
        let number = host.dropFirst("node".count)
        try append("10.77.0.\(number) \(name)\n", to: place + "/addresses")
        guard isKnown else { return }
        let keys = try String(contentsOfFile: place + "/known_hosts", encoding: .utf8).split(separator: "\n")
        for line in keys where line.hasPrefix(host + " ") {
            try append(name + line.dropFirst(host.count) + "\n", to: place + "/known_hosts")
        }
    }

    private func append(_ text: String, to path: String) throws {
        guard let file = FileHandle(forWritingAtPath: path) else { throw Failure(.unavailable, "no \(path)") }
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    /// Ends `hide` or `replace`.
    func restore(_ path: String, on host: String) throws { try command(on: host, "umount", path) }

    /// The bytes that a host has sent to others so far.
    func sentBytes(of host: String) throws -> Int {
        // eth0: what was received, 8 figures, then what was sent.
        let line = try command(on: host, "cat", "/proc/net/dev").split(separator: "\n").first { $0.contains("eth0:") }
        let figures = line?.split(separator: ":").last?.split(separator: " ").compactMap { Int($0) } ?? []
        guard figures.count > 8 else { throw Failure(.unavailable, "\(host) counts no bytes") }
        return figures[8]
    }

    /// Runs `steadfast` by plain mpirun, from node1, on so many ranks of each host, placed slot by slot or as mpirun's
    /// arguments say.
    func mpirun(
        _ slots: [Int], placed placement: [String] = [], _ arguments: [String], timeout: Double = 120
    ) throws -> ProgramResult {
        // Other hosts have no environment of this process's; a kernel that it chose has to be that of all.
        let shared = ["OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "STEADFAST_DATA"].filter {
            $0 == "OPENBLAS_NUM_THREADS" || ProcessInfo.processInfo.environment[$0] != nil
        }
        return try spawn(
            ["mpirun", "--hostfile", try hostFile(slots), "-n", "\(slots.reduce(0, +))"] + placement
                + shared.flatMap { ["-x", $0] } + [try builtProgram("steadfast")] + arguments
        ).wait(timeout: timeout)
    }

    /// Starts cluster/launch on node1.
    func launch(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningProgram {
        let program = environment.isEmpty ? ["STEADFAST": try builtProgram("steadfast")] : environment
        return try spawn([packageFolder + "/cluster/launch"] + arguments, environment: program)
    }
}
