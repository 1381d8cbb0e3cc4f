import Essentials
import Foundation

/// Chromium without a window, steered by its DevTools protocol over two pipes.
public final class Browser {
    /// True where it is installed.
    public static let isInstalled = programPath("chromium") != nil

    private let process: pid_t
    private let requests, answers: Int32
    private let folder: String
    private var buffer: [UInt8] = []
    private var number = 0
    private var session: String?
    /// The errors that the pages wrote to the console, or threw.
    public private(set) var errors: [String] = []
    private var events: [String] = []

    /// Starts it with an empty page.
    ///
    /// - Throws: `Failure` 69 where it is not installed, 70 where it does not answer.
    public init() throws {
        guard let program = programPath("chromium") else { throw Failure(.unavailable, "chromium is not installed") }
        folder = try TemporaryFile.makeFolder()
        let (theirs, own) = (try Self.pipe(), try Self.pipe())
        process = try spawn(
            program,
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--user-data-dir=\(folder)", "--remote-debugging-pipe", "about:blank",
            ],
            streams: [
                .file("/dev/null", O_RDONLY), .file("/dev/null", O_WRONLY), .file("/dev/null", O_WRONLY),
                .descriptor(theirs.read), .descriptor(own.write),
            ])
        close(theirs.read)
        close(own.write)
        (requests, answers) = (theirs.write, own.read)
        let target = try call("Target.createTarget", ["url": "about:blank"])["targetId"] as? String ?? ""
        session = try call("Target.attachToTarget", ["targetId": target, "flatten": true])["sessionId"] as? String
        for domain in ["Page", "Runtime", "Log"] { try call(domain + ".enable") }
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        close(requests)
        close(answers)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Opens a file and waits until it is loaded.
    public func open(_ path: String, width: Int, isDark: Bool) throws {
        try call(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false])
        let scheme = ["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]
        try call("Emulation.setEmulatedMedia", ["features": [scheme]])
        events = []
        try call("Page.navigate", ["url": URL(fileURLWithPath: path).absoluteString])
        try waitFor("Page.loadEventFired")
    }

    /// The value of an expression on the page.
    public func value<Value>(_ expression: String, as type: Value.Type = Value.self) throws -> Value {
        let answer = try call("Runtime.evaluate", ["expression": expression, "returnByValue": true])
        guard let value = (answer["result"] as? [String: Any])?["value"] as? Value else {
            throw Failure(.software, "the page answers to \(expression): \(answer)")
        }
        return value
    }

    /// The whole page as PNG.
    public func picture() throws -> Data {
        let answer = try call("Page.captureScreenshot", ["captureBeyondViewport": true])
        return (answer["data"] as? String).flatMap { Data(base64Encoded: $0) } ?? Data()
    }

    // MARK: The protocol

    @discardableResult
    private func call(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
        number += 1
        var message: [String: Any] = ["id": number, "method": method, "params": parameters]
        if let session { message["sessionId"] = session }
        let bytes = Array(try JSONSerialization.data(withJSONObject: message)) + [0]
        try bytes.withUnsafeBytes { try AtomicFile.writeAll($0, to: requests, path: "chromium") }
        while true {
            let answer = try next()
            guard answer["id"] as? Int == number else { continue }
            if let error = answer["error"] { throw Failure(.software, "chromium, \(method): \(error)") }
            return answer["result"] as? [String: Any] ?? [:]
        }
    }

    private func waitFor(_ event: String) throws {
        while !events.contains(event) { _ = try next() }
    }

    /// The next message; events are noted.
    private func next(timeout: Double = 60) throws -> [String: Any] {
        let limit = Date().addingTimeInterval(timeout)
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let end = buffer.firstIndex(of: 0) {
                let message = try JSONSerialization.jsonObject(with: Data(buffer[..<end])) as? [String: Any] ?? [:]
                buffer.removeFirst(end + 1)
                note(message)
                return message
            }
            var ready = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
            guard Date() < limit, poll(&ready, 1, 1_000) >= 0 else {
                throw Failure(.software, "chromium does not answer")
            }
            guard ready.revents != 0 else { continue }
            let count = read(answers, &block, block.count)
            guard count > 0 else { throw Failure(.software, "chromium ended") }
            buffer += block[..<count]
        }
    }

    private func note(_ message: [String: Any]) {
        guard let method = message["method"] as? String else { return }
        events.append(method)
        let parameters = message["params"] as? [String: Any] ?? [:]
        let entry = parameters["entry"] as? [String: Any]
        let isError =
            method == "Runtime.exceptionThrown"
            || method == "Runtime.consoleAPICalled"
                && ["error", "assert"].contains(parameters["type"] as? String ?? "")
            || method == "Log.entryAdded" && entry?["level"] as? String == "error"
        if isError { errors.append("\(method): \(parameters)") }
    }

    /// A pipe whose ends are above those numbers that a child's are put to.
    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Foundation.pipe(&ends) == 0 else { throw systemFailure(.software, "make", "a pipe") }
        let moved = ends.map { fcntl($0, F_DUPFD_CLOEXEC, 20) }
        ends.forEach { close($0) }
        return (moved[0], moved[1])
    }
}
