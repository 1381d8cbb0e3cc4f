import Foundation
import Kernels

/// One injection, drawn from a seed: the same for the same seed and number.
struct Draw {
    let fault: Fault
    /// Ranks of the job, and of the resumed one; they differ.
    let ranks: Int
    let resumedRanks: Int
    /// When, as a share of the undisturbed job's time. (A fault in a call has its instant in itself.)
    let instant: Double

    /// - Parameters:
    ///   - attempt: from 0; another where a job was over before its fault came.
    ///   - calls: of an undisturbed job's rank 0, by name.
    init(seed: UInt64, number: Int, attempt: Int, calls: [String: Int]) {
        var random = Philox(seed: seed, purpose: .test, number, attempt)
        let kinds = Self.kinds
        let kind = kinds[number % kinds.count]
        // A rank that stands still is noticed by others.
        let needsTwo: Set<Kind> = [.stop, .stopInCall, .killWaiting, .clock, .noSharedMemory, .two]
        let ranks = Int.random(in: (needsTwo.contains(kind) ? 2 : 1)...4, using: &random)
        self.ranks = ranks
        resumedRanks = (ranks + Int.random(in: 0...2, using: &random)) % 4 + 1
        instant = Double.random(in: 0..<1, using: &random)
        func one<Element>(of elements: [Element]) -> Element {
            elements[Int.random(in: elements.indices, using: &random)]
        }
        func call(_ names: [String], _ effects: [String], rank: Int = 0) -> Fault {
            let name = one(of: names)
            return .call(
                Fault.CallFault(
                    name: name, number: Int.random(in: 1...max(1, calls[name] ?? 1), using: &random),
                    effect: one(of: effects), rank: rank))
        }
        let part = Int.random(in: 0..<ranks, using: &random)
        switch kind {
        case .killRank: fault = .kill(.rank(part))
        case .killLauncher: fault = .kill(.launcher)
        case .killAll: fault = .kill(.all)
        case .stop: fault = .stop(rank: part)
        case .signalLauncher: fault = .signal(one(of: [SIGTERM, SIGINT, SIGUSR1]), to: .launcher)
        case .signalRank: fault = .signal(one(of: [SIGTERM, SIGINT, SIGUSR1]), to: .rank(part))
        case .fullDisk: fault = .fullDisk
        case .readOnly: fault = .readOnly
        case .killBefore: fault = call(Self.fileCalls, ["kill"])
        case .killAfter: fault = call(Self.fileCalls, ["killed"])
        case .stopInCall: fault = call(Self.fileCalls, ["stop"])
        case .failing: fault = call(Self.fileCalls, ["EIO", "EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EMFILE"])
        case .short: fault = call(["write"], ["short", "short", "EINTR"])
        case .slow: fault = call(["write", "fsync", "rename"], ["slow"])
        case .clock: fault = call(["clock"], ["forward", "back"])
        case .killWaiting: fault = .killWaiting(rank: part, other: (part + 1) % ranks)
        case .noSharedMemory: fault = .noSharedMemory
        case .two:
            fault = one(of: [
                .both(.kill(.rank(part)), .kill(.rank((part + 1) % ranks))), .both(.fullDisk, .kill(.rank(part))),
                .both(.signal(SIGUSR1, to: .launcher), .kill(.rank(part))), .both(.readOnly, .fullDisk),
                .both(.signal(SIGTERM, to: .launcher), .signal(SIGUSR1, to: .rank(part))),
            ])
        case .memory: fault = call(["memory"], ["ENOMEM"], rank: part)
        }
    }

    private enum Kind: CaseIterable {
        case killRank, killBefore, failing, killLauncher, stop, fullDisk, signalLauncher, killAfter, readOnly, short
        case killAll, signalRank, stopInCall, memory, slow, clock, killWaiting, noSharedMemory, two
    }

    /// True where the ranks' watch has to notice a rank that stands still, or must not be misled by a clock.
    var isWatched: Bool {
        switch fault {
        case .stop: true
        case .call(let fault): ["stop", "forward", "back"].contains(fault.effect)
        default: false
        }
    }

    /// A given fault in a call, on one rank.
    init(_ fault: Fault.CallFault) {
        self.fault = .call(fault)
        (ranks, resumedRanks, instant) = (1, 2, 0)
    }

    /// Each round, all of them; the two that hit a checkpoint's instants exactly come twice.
    private static let kinds = Kind.allCases + [.killBefore, .failing]
    private static let fileCalls = ["open", "write", "fsync", "fsync", "rename", "rename"]
}
