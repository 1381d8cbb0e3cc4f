import Essentials

/// The result of a task: its number and its result in bytes.
public typealias TaskResult = (task: Int, bytes: [UInt8])

extension Communicator {
    private static var requestTag: Int32 { 11 }
    private static var replyTag: Int32 { 12 }

    /// The message by which a worker asks for the next task.
    private enum Word: UInt8 {
        case ready, result, failed
    }

    /// Schedules tasks on the ranks as they come free, in the order given, so that no rank idles for longer than one
    /// task takes. Rank 0 works too, and hands out tasks and takes results in between.
    ///
    /// Every other rank has one task waiting beside the one that it works on. When a rank fails no more tasks are
    /// given out; those under way are finished and delivered first.
    ///
    /// Collective: every rank of the communicator calls this. `work` and `deliver` are local: they call no collective.
    ///
    /// - Parameters:
    ///   - tasks: the tasks' numbers; rank 0 gives out its own list.
    ///   - work: does a task on this rank. It calls `poll` every few milliseconds.
    ///   - deliver: takes a result, on rank 0.
    /// - Throws: `Agreed` with the first failure of `work` or `deliver` on any rank.
    public func schedule(
        _ tasks: [Int], work: (_ task: Int, _ poll: @escaping () throws -> Void) throws -> [UInt8],
        deliver: @escaping (TaskResult) throws -> Void
    ) throws {
        var failure: (any Error)?
        if rank == 0 {
            failure = try lead(tasks, work: work, deliver: deliver)
        } else {
            failure = try follow(work: work)
        }
        try agree { if let failure { throw failure } }
    }

    private func lead(
        _ tasks: [Int], work: (_ task: Int, _ poll: @escaping () throws -> Void) throws -> [UInt8],
        deliver: @escaping (TaskResult) throws -> Void
    ) throws -> (any Error)? {
        var left = tasks[...]
        var failure: (any Error)?
        // Requests that no task was left for: each worker makes two at a time, and ends when both are refused.
        var waiting: [Int] = []
        var replies: [PendingMessage] = []

        func answer() throws {
            let (worker, bytes) = try receive(tag: Communicator.requestTag)
            let word = Word(rawValue: bytes[0]) ?? .failed
            if word == .failed { left = [] }
            if word == .result {
                do { try deliver((Communicator.number(bytes, at: 1), Array(bytes[9...]))) } catch {
                    failure = failure ?? error
                    left = []
                }
            }
            guard let next = left.popFirst() else { return waiting.append(worker) }
            for reply in replies { try reply.poll() }
            replies.removeAll { $0.isOut }
            replies.append(try send(Communicator.bytes(next), to: worker, tag: Communicator.replyTag))
        }
        func poll() throws {
            guard worldSize > 1 else { return }
            while try hasArrived(tag: Communicator.requestTag) { try answer() }
        }

        while true {
            try poll()
            guard let task = left.popFirst() else { break }
            do { try deliver((task, try work(task, poll))) } catch {
                failure = failure ?? error
                left = []
            }
        }
        while waiting.count < 2 * (worldSize - 1) { try answer() }
        // All is done: they leave together, and none waits for another in a collective.
        for worker in waiting {
            replies.append(try send(Communicator.bytes(-1), to: worker, tag: Communicator.replyTag))
        }
        for reply in replies { try reply.finish() }
        return failure
    }

    private func follow(
        work: (_ task: Int, _ poll: @escaping () throws -> Void) throws -> [UInt8]
    ) throws -> (any Error)? {
        var failure: (any Error)?
        var sent: [PendingMessage] = []
        for _ in 0..<2 { sent.append(try send([Word.ready.rawValue], to: 0, tag: Communicator.requestTag)) }
        var refusals = 0
        while refusals < 2 {
            let task = Communicator.number(try receive(from: 0, tag: Communicator.replyTag).bytes, at: 0)
            guard task >= 0 else {
                refusals += 1
                continue
            }
            var word = [Word.failed.rawValue]
            if failure == nil {
                do {
                    let result = try work(task) { for message in sent { try message.poll() } }
                    word = [Word.result.rawValue] + Communicator.bytes(task) + result
                } catch { failure = error }
            }
            for message in sent { try message.poll() }
            sent.removeAll { $0.isOut }
            sent.append(try send(word, to: 0, tag: Communicator.requestTag))
        }
        for message in sent { try message.finish() }
        return failure
    }

    private static func bytes(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
    }

    private static func number(_ bytes: [UInt8], at start: Int) -> Int {
        Int(bytes[start..<start + 8].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) })
    }
}
