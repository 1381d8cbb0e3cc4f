import Essentials
import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Why an address did not deliver.
struct DownloadProblem: Error {
    let reason: String
    /// True where another try at the same address is of no use.
    var permanent = false
    /// True where what is on the disk cannot be gone on from.
    var restart = false
}

/// One request, its body written to a descriptor as it arrives.
final class Download: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private let address: String
    private let descriptor: Int32
    private let path: String
    private let start: Int
    private let finished = DispatchSemaphore(value: 0)

    /// Guards what follows: the session calls from a thread of its own.
    private let lock = NSLock()
    private var received: Int
    private var total: Int?
    private var problem: (any Error)?
    private var isBodyWanted = false

    /// True where the server compressed the body on the way, and the session undid it.
    private(set) var wasEncoded = false
    /// Seconds without a byte after which the server counts as stalled.
    private let patience: Double

    /// Asks for the bytes from `start` on, and goes on at the descriptor's end.
    init(_ address: String, descriptor: Int32, path: String, from start: Int, patience: Double = 60) {
        self.patience = patience
        self.address = address
        self.descriptor = descriptor
        self.path = path
        self.start = start
        received = start
    }

    /// Blocks until the body is on the disk; `progress` takes the bytes there and the size of the whole.
    func run(progress: (Int, Int?) -> Void) throws {
        guard let url = URL(string: address) else {
            throw DownloadProblem(reason: "this is no address", permanent: true)
        }
        var request = URLRequest(url: url)
        request.timeoutInterval = patience
        // The file as published: no encoding on the way that the session would undo.
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if start > 0 { request.setValue("bytes=\(start)-", forHTTPHeaderField: "Range") }
        let session = URLSession(configuration: .ephemeral, delegate: self, delegateQueue: nil)
        defer { session.invalidateAndCancel() }
        session.dataTask(with: request).resume()
        while finished.wait(timeout: .now() + 0.25) == .timedOut { report(progress) }
        report(progress)
        if let problem = lock.withLock({ self.problem }) { throw problem }
    }

    private func report(_ progress: (Int, Int?) -> Void) {
        let (there, whole) = lock.withLock { (self.received, self.total) }
        progress(there, whole)
    }

    /// Takes the status: 206 goes on, 200 starts over, all else is a problem.
    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        let refusal = lock.withLock {
            problem = accept(response)
            return problem
        }
        completionHandler(refusal == nil ? .allow : .cancel)
    }

    private func accept(_ response: URLResponse) -> (any Error)? {
        guard let response = response as? HTTPURLResponse else {
            return DownloadProblem(reason: "this is no HTTP address", permanent: true)
        }
        let type = response.value(forHTTPHeaderField: "Content-Type") ?? ""
        if [200, 206].contains(response.statusCode), type.lowercased().hasPrefix("text/html") {
            return DownloadProblem(
                reason: "the server sent a web page, not the file: a login, a notice or a wrong address",
                permanent: true)
        }
        let encoding = response.value(forHTTPHeaderField: "Content-Encoding") ?? "identity"
        wasEncoded = encoding.lowercased() != "identity" && !encoding.isEmpty
        let length = response.expectedContentLength >= 0 ? Int(response.expectedContentLength) : nil
        switch response.statusCode {
        case 200:
            guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
                return systemFailure(.inputOutput, "truncate", path)
            }
            received = 0
            total = length
            isBodyWanted = true
            return nil
        case 206:
            let range = response.value(forHTTPHeaderField: "Content-Range") ?? ""
            guard range.hasPrefix("bytes \(start)-") else {
                return DownloadProblem(reason: "the server sent the wrong part '\(range)'", restart: true)
            }
            total = length.map { start + $0 }
            isBodyWanted = true
            return nil
        case 416:
            // Nothing follows what is there: either it is complete, as the checksum tells, or it is another file's.
            return nil
        default:
            let code = response.statusCode
            let reason = "HTTP status \(code), \(HTTPURLResponse.localizedString(forStatusCode: code))"
            return DownloadProblem(reason: reason, permanent: (400..<500).contains(code))
        }
    }

    /// Writes a piece of the body.
    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        // A refused answer has a body too: a page that tells of the error.
        guard lock.withLock({ self.isBodyWanted }) else { return }
        var failure: Failure?
        do {
            try data.withUnsafeBytes { try AtomicFile.writeAll($0, to: descriptor, path: path) }
        } catch { failure = error as? Failure ?? Failure(.inputOutput, "cannot write \(path): \(error)") }
        lock.withLock {
            received += data.count
            isBodyWanted = failure == nil
            if problem == nil { problem = failure }
        }
        if failure != nil { dataTask.cancel() }
    }

    /// The error in words: the session's own are numbers.
    private func reason(_ error: any Error) -> String {
        switch (error as? URLError)?.code {
        case .timedOut: "the server sent nothing for \(patience.formatted()) s"
        case .cannotFindHost, .dnsLookupFailed: "the host's name is not known: is there a network?"
        case .cannotConnectToHost: "the host does not answer"
        case .networkConnectionLost: "the connection was cut"
        case .notConnectedToInternet: "there is no network"
        case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate,
            .serverCertificateNotYetValid, .serverCertificateHasUnknownRoot:
            "the server's certificate is not accepted: is the clock right, is ca-certificates installed?"
        default: error.localizedDescription
        }
    }

    /// Ends the request; what went wrong first counts.
    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        lock.withLock {
            if problem == nil, let error { problem = DownloadProblem(reason: reason(error)) }
        }
        finished.signal()
    }
}
