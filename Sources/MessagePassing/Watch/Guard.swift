internal import COpenMPI
import Essentials
import Foundation

/// Processes beside a rank, for what none of its threads can end: the rank itself where it is stopped, and a launcher
/// that stays though a rank has given up.
///
/// They are shells, which share neither memory nor MPI with the rank, in process groups of their own.
enum Guard {
    /// Says a sentence, leaves with the code of a host's fault and without MPI's leave, and sees to it that the
    /// launcher ends the job.
    ///
    /// - Parameter timeout: the watch's seconds; the launcher gets as many to end, 5 at least and 60 at most.
    static func giveUp(_ sentence: String, timeout: Double) -> Never {
        Array("steadfast: \(sentence)\n".utf8).withUnsafeBytes { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
        endLauncher(after: min(60, max(5, timeout)))
        // Neither MPI nor anything that the main thread may hold: the launcher ends the other ranks, stopped ones too.
        _exit(ExitCode.hostFault.rawValue)
    }

    /// Kills this process where it has not ended by itself after so many seconds, with a sentence. Seconds in which
    /// both are stopped, as by `scontrol suspend`, do not count.
    static func killSelf(after seconds: Double, saying sentence: String) {
        // The process holds the other end of the shell's input until it ends, stopped or not.
        var ends: [Int32] = [-1, -1]
        guard pipe_create(&ends) == 0 else { return }
        let script = """
            count=0
            while [ $count -lt "$2" ]; do
                timeout 1 cat >/dev/null
                [ $? = 124 ] || exit
                count=$((count + 1))
            done
            echo "steadfast: $3" >&2
            kill -KILL "$1"
            """
        start(
            script, ["\(getpid())", "\(Int(seconds.rounded(.up)))", sentence],
            [.descriptor(ends[0]), .file("/dev/null", O_WRONLY), .descriptor(STDERR_FILENO)])
        close(ends[0])
    }

    /// Ends the launcher that started this process, at last by force and with the ranks that it has here, where it
    /// still runs after so many seconds. A process that is none of Open MPI's launchers, SLURM's for one, is left
    /// alone.
    private static func endLauncher(after seconds: Double) {
        let launcher = getppid()
        let name = kernelText("/proc/\(launcher)/comm").trimmingCharacters(in: .whitespacesAndNewlines)
        guard ["mpirun", "mpiexec", "orterun", "orted", "prterun", "prted", "prte"].contains(name) else { return }
        // A line of /proc/N/stat behind the name: the state, the parent, ..., the time of the start.
        let script = """
            begun() {
                set -- $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)
                [ "${1:-Z}" = Z ] || echo "${20}"
            }
            start=$(begun "$1")
            runs() { [ -n "$start" ] && [ "$(begun "$1")" = "$start" ] && sleep 1; }
            count=0
            while [ $count -lt "$2" ]; do
                runs "$1" || exit
                count=$((count + 1))
            done
            ranks=
            for file in /proc/[0-9]*/stat; do
                line=$(sed 's/.*) //' "$file" 2>/dev/null)
                case $line in ?" $1 "*) number=${file%/stat} && ranks="$ranks ${number#/proc/}" ;; esac
            done
            kill -TERM "$1"
            for count in 1 2 3 4 5; do runs "$1" || exit; done
            kill -KILL "$1" $ranks
            """
        let nowhere = ChildStream.file("/dev/null", O_RDWR)
        start(script, ["\(launcher)", "\(Int(seconds.rounded(.up)))"], [nowhere, nowhere, nowhere])
    }

    private static func start(_ script: String, _ arguments: [String], _ streams: [ChildStream]) {
        // Without it the job does without a guard. The environment is not the rank's: a library that is put into ranks
        // has no business here.
        _ = try? spawn(
            "/bin/sh", ["-c", script, "guard"] + arguments, streams: streams,
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"], leadsGroup: true)
    }
}
