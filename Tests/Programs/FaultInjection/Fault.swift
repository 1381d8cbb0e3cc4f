import Foundation

/// The processes of a job.
enum Part: Equatable {
    case rank(Int)
    case launcher
    case all
}

/// Something that is done to a running job.
indirect enum Fault {
    /// SIGKILL.
    case kill(Part)
    /// SIGSTOP of a rank: a host that stands still.
    case stop(rank: Int)
    /// A signal that asks to stop.
    case signal(Int32, to: Part)
    /// Nothing more fits into the run's file system.
    case fullDisk
    /// The run's folder of checkpoints can be read only.
    case readOnly
    /// SIGKILL of one rank while another stands still for a moment, so that the one is most likely waiting for the
    /// other's sums: in memory that they share, by default.
    case killWaiting(rank: Int, other: Int)
    /// /dev/shm has no room from the start, for the ranks' sums and MPI's own messages.
    case noSharedMemory
    /// Two at once.
    case both(Fault, Fault)
    /// The action of the library FaultInjector on a call of a rank.
    case call(CallFault)

    /// A fault in a rank's calls.
    struct CallFault {
        var name: String
        /// From 1.
        var number: Int
        var effect: String
        var rank = 0
    }

    /// The row of the table.
    var kind: String {
        switch self {
        case .kill(.rank): "a rank killed"
        case .kill(.launcher): "mpirun killed"
        case .kill(.all): "all killed"
        case .stop: "a rank stopped (SIGSTOP)"
        case .signal(let number, let part):
            "\(number == SIGTERM ? "TERM" : number == SIGINT ? "INT" : "USR1") to "
                + "\(part == .launcher ? "mpirun" : "a rank")"
        case .killWaiting: "a rank killed in a sum"
        case .noSharedMemory: "/dev/shm full"
        case .both: "two at once"
        case .fullDisk: "disk full"
        case .readOnly: "folder read-only"
        case .call(let fault):
            switch fault.effect {
            case "kill": "killed before a call"
            case "killed": "killed after a call"
            case "stop": "stopped in a call"
            case "short": "a write cut short"
            case "slow": "a slow disk"
            case "forward", "back": "the clock jumps an hour"
            default: fault.name == "memory" ? "no memory" : "a call fails"
            }
        }
    }

    /// The action, for people.
    var title: String {
        switch self {
        case .kill(.rank(let rank)), .signal(_, .rank(let rank)), .stop(let rank): "\(kind), rank \(rank)"
        case .killWaiting(let rank, let other): "\(kind), rank \(rank), waiting for rank \(other)"
        case .both(let one, let other): "\(kind): \(one.title); \(other.title)"
        case .call(let fault): "\(kind), \(fault.name) \(fault.number) \(fault.effect) on rank \(fault.rank)"
        default: kind
        }
    }

    /// True where the fault needs a file system of its own, which only root may mount.
    var needsMount: Bool {
        switch self {
        case .fullDisk, .readOnly, .noSharedMemory: true
        case .both(let one, let other): one.needsMount || other.needsMount
        default: false
        }
    }

    /// How a job may end.
    struct Ending {
        /// Its exit codes; nil: any but 0.
        var codes: Set<Int32>?
        /// How many sentences of ours there may be.
        var sentences: ClosedRange<Int>
        /// True where temporary files may be left, for the resumed run to remove.
        var leavesTemporaries: Bool
    }

    /// How the job may end by this fault.
    ///
    /// - Parameter phase: what the run was at, `Inspection.phase`: at the `start` ranks do not listen to signals yet.
    func ending(in phase: String) -> Ending {
        let listens = phase != "start"
        return switch self {
        case .kill, .killWaiting, .both: Ending(codes: nil, sentences: 0...1, leavesTemporaries: true)
        // One that is stopped when all others have left is killed by a process beside it.
        case .stop where phase == "exit": Ending(codes: [71, 137], sentences: 1...1, leavesTemporaries: false)
        // A rank that is stopped while it writes has its temporary file.
        case .stop: Ending(codes: [71], sentences: 1...1, leavesTemporaries: true)
        case .signal(SIGUSR1, _), .signal(_, to: .rank):
            listens
                ? Ending(codes: [75], sentences: 1...1, leavesTemporaries: false)
                : Ending(codes: nil, sentences: 0...1, leavesTemporaries: true)
        // mpirun kills the ranks where they are slow to end.
        case .signal: Ending(codes: nil, sentences: 0...1, leavesTemporaries: true)
        // The ranks send messages then; where MPI cannot either, they say so.
        case .noSharedMemory: Ending(codes: [69, 71, 73, 74], sentences: 1...1, leavesTemporaries: false)
        case .fullDisk: Ending(codes: [73, 74], sentences: 1...1, leavesTemporaries: false)
        // Nothing can be removed either.
        case .readOnly: Ending(codes: [73, 74], sentences: 1...1, leavesTemporaries: true)
        case .call(let fault):
            switch fault.effect {
            case "kill", "killed": Ending(codes: nil, sentences: 0...1, leavesTemporaries: true)
            case "stop": Ending(codes: [71], sentences: 1...1, leavesTemporaries: true)
            // What is left is written after a part.
            case "short", "EINTR": Ending(codes: [0, 73, 74], sentences: 0...1, leavesTemporaries: false)
            // C libraries may not look at what they get, and end by a signal.
            // The job takes longer, or its records bear odd times, and that is all.
            case "slow", "forward", "back": Ending(codes: [], sentences: 0...0, leavesTemporaries: false)
            case "ENOMEM" where fault.name == "memory": Ending(codes: nil, sentences: 0...1, leavesTemporaries: true)
            default: Ending(codes: [73, 74], sentences: 1...1, leavesTemporaries: false)
            }
        }
    }
}
