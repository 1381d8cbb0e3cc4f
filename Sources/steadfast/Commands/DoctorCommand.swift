import ArgumentParser
import Doctor
import Essentials
import Foundation
import MessagePassing

/// `steadfast doctor`.
struct DoctorCommand: CollectiveCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check all that a training job depends on, alone or under mpirun.",
        discussion: "Start it as the job will be started: the same mpirun, hosts, number of ranks and directory.")

    @Option(name: .customLong("run"), help: "The directory of runs; rank 0 writes a small file there and removes it.")
    var directory: String?

    @OptionGroup var location: DataLocation

    @Option(help: "Write the findings to this file, one JSON object.")
    var json: String?

    @Option(help: "Seconds without progress of any rank, after which the job ends (71); 0: never.")
    var stallTimeout = 60.0

    func validate() throws {
        guard (0...1e6).contains(stallTimeout) else {
            throw ValidationError("--stall-timeout has to be a number of seconds, 0 to 1000000")
        }
    }

    func run() throws {
        Communicator.main(deadline: stallTimeout, isResumable: false) { world in
            let doctor = try Watchdog.during(world, timeout: stallTimeout, isResumable: false) {
                try Progress.during(.examining) {
                    try Doctor(
                        Examination(world, directory: try world.broadcast(place), dataDirectory: location.dataDirectory)
                    )
                }
            }
            try world.agree {
                guard world.rank == 0 else { return }
                print(doctor.lines.joined(separator: "\n"))
                fflush(nil)
                if let json { try AtomicFile.write(doctor.json + "\n", to: json) }
            }
            try world.agree {
                guard doctor.verdict == .fail else { return }
                throw Failure(
                    .unavailable,
                    "doctor: FAIL: \(doctor.names(.fail).joined(separator: ", ")); the page says what to do")
            }
        }
    }

    /// The directory, or the nearest one above it that is there.
    private var place: String {
        var path = directory ?? "checkpoints"
        while !FileManager.default.isDirectory(path) {
            let parent = (path as NSString).deletingLastPathComponent
            if parent.isEmpty { return "." }
            path = parent
        }
        return path
    }
}
