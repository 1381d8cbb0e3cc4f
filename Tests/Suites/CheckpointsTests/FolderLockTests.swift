import Checkpoints
import Essentials
import Foundation
import TestSupport
import Testing

@Suite("The lock of a run directory", .serialized)
struct FolderLockTests {
    @Test("refuses a second job within the time given, names the first, and is free when that one ends")
    func excludes() throws {
        try withTemporaryDirectory { folder in
            do {
                let first = try RunDirectory(folder, resume: true)
                let start = Date()
                let refused = try failure { _ = try RunDirectory(folder, resume: true, lockTimeout: 0.5) }
                #expect(refused.code == .unavailable)
                #expect(refused.message.contains("another job (process \(getpid()) on"), "\(refused)")
                #expect(refused.message.contains(folder))
                #expect((0.4...5).contains(Date().timeIntervalSince(start)))
                withExtendedLifetime(first) {}
            }
            #expect(throws: Never.self) { try RunDirectory(folder, resume: true, lockTimeout: 10) }
        }
    }

    @Test(
        "is held by another process until that is killed, and waited for",
        .enabled(if: programPath("python3") != nil, "no python3 to hold the lock from another process"))
    func secondProcess() throws {
        let python = try #require(programPath("python3"))
        try withTemporaryDirectory { folder in
            _ = try RunDirectory(folder, resume: true)
            // F_OFD_SETLK = 37 with a struct flock of 32 bytes: a write lock on the whole file.
            let program = """
                import fcntl, struct, sys, time
                file = open(sys.argv[1], "r+")
                fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
                print("held", flush=True)
                time.sleep(60)
                """
            let holder = Process()
            holder.executableURL = URL(fileURLWithPath: python)
            holder.arguments = ["-c", program, folder + "/lock"]
            let pipe = Pipe()
            holder.standardOutput = pipe
            try holder.run()
            defer { if holder.isRunning { kill(holder.processIdentifier, SIGKILL) } }
            #expect(pipe.fileHandleForReading.availableData.starts(with: Data("held".utf8)))

            #expect(try failure { _ = try RunDirectory(folder, resume: true, lockTimeout: 0.3) }.code == .unavailable)
            let process = holder.processIdentifier
            Thread.detachNewThread {
                usleep(700_000)
                kill(process, SIGKILL)
            }
            let start = Date()
            #expect(throws: Never.self) { try RunDirectory(folder, resume: true, lockTimeout: 30) }
            #expect((0.5...20).contains(Date().timeIntervalSince(start)))
        }
    }

    @Test("is refused with what to do where the file system has none", arguments: [ENOSYS, ENOLCK, EOPNOTSUPP])
    func noLocks(_ error: Int32) throws {
        try withTemporaryDirectory { folder in
            let refused = try failure {
                _ = try FolderLock(folder, waitingUpTo: 0, beat: nil, takeLock: { _ in error })
            }
            #expect(refused.code == .unavailable)
            #expect(
                refused.message.contains("STEADFAST_LOCK=off") && refused.message.contains("no locks"), "\(refused)")
        }
    }

    @Test("has a stand-in without locks: a heartbeat keeps a second job out while the first lives")
    func heartbeat() throws {
        try withTemporaryDirectory { folder in
            func take(_ seconds: Double = 0) throws -> FolderLock {
                try FolderLock(folder, waitingUpTo: seconds, beat: 0.2)
            }
            do {
                let first = try take()
                let refused = try failure { _ = try take() }
                #expect(refused.code == .unavailable)
                #expect(refused.message.contains("process \(getpid()) on"), "\(refused)")
                withExtendedLifetime(first) {}
            }
            // Released: at once.
            let start = Date()
            do { withExtendedLifetime(try take()) {} }
            #expect(Date().timeIntervalSince(start) < 0.5)
            // Left by a job that was killed: after some beats without one.
            try write(Array("process 1 on nowhere, 7, beat 3\n".utf8), to: folder + "/heartbeat")
            let second = Date()
            withExtendedLifetime(try take()) {}
            #expect((0.6...5).contains(Date().timeIntervalSince(second)))
        }
    }

    @Test("a claim is nil where another job keeps it, also one that ends just then; else the lock or a failure")
    func claims() throws {
        try withTemporaryDirectory { folder in
            func claim(_ beat: Double?, _ error: Int32? = nil) throws -> FolderLock? {
                let take = error.map { error in { _ in error } } ?? FolderLock.takeKernelLock
                return try FolderLock.claim(folder, waitingUpTo: 0, beat: beat, takeLock: take)
            }
            // Busy when it was asked for, free when one looks again.
            #expect(try claim(nil, EAGAIN) == nil)
            #expect(try failure { _ = try claim(nil, ENOLCK) }.code == .unavailable)
            for beat in [nil, 0.2] {
                #expect(!FolderLock.isHeld(folder))
                do {
                    let first = try #require(try claim(beat))
                    #expect(try claim(beat) == nil)
                    #expect(FolderLock.isHeld(folder))
                    withExtendedLifetime(first) {}
                }
                #expect(try claim(beat) != nil)
            }
        }
    }

    @Test("keeps out a job that locks in the other way: by the kernel, or by a heartbeat")
    func bothWays() throws {
        try withTemporaryDirectory { folder in
            for (first, second) in [(nil, 0.2), (0.2, nil)] as [(Double?, Double?)] {
                do {
                    let held = try #require(try FolderLock.claim(folder, waitingUpTo: 0, beat: first))
                    #expect(try FolderLock.claim(folder, waitingUpTo: 0, beat: second) == nil)
                    withExtendedLifetime(held) {}
                }
                #expect(try FolderLock.claim(folder, waitingUpTo: 0, beat: second) != nil)
            }
        }
    }

    @Test("is not inherited by child processes")
    func notInherited() throws {
        try withTemporaryDirectory { folder in
            var child: pid_t = 0
            do {
                let run = try RunDirectory(folder, resume: true)
                var arguments = [strdup("/bin/sleep"), strdup("30"), nil]
                defer { for argument in arguments { free(argument) } }
                #expect(posix_spawn(&child, "/bin/sleep", nil, nil, &arguments, environ) == 0)
                withExtendedLifetime(run) {}
            }
            defer {
                kill(child, SIGKILL)
                waitpid(child, nil, 0)
            }
            // Not at once: a process that another test starts meanwhile has the descriptor until it runs its program.
            #expect(throws: Never.self) { try RunDirectory(folder, resume: true, lockTimeout: 10) }
        }
    }

    @Test("does not delay the refusal of a directory that holds a run")
    func refusalFirst() throws {
        try withTemporaryDirectory { folder in
            let run = try RunDirectory(folder, resume: true)
            try run.writeRecipe("seed: 1\n")
            let start = Date()
            #expect(try failure { _ = try RunDirectory(folder, resume: false) }.code == .cannotCreate)
            #expect(Date().timeIntervalSince(start) < 5)
        }
    }
}
