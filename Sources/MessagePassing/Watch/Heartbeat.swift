import Foundation

/// A message of the watch between ranks as it lies in memory: all ranks are of one build.
struct Heartbeat: BitwiseCopyable {
    /// The secret that only the ranks of this job know.
    var token: UInt64
    var rank: Int32
    var snapshot: ProgressSnapshot
}

/// A UDP socket for heartbeats: never blocks, and loses what cannot be delivered.
final class HeartbeatSocket: @unchecked Sendable {
    /// Its port.
    let port: UInt16
    private let descriptor: Int32

    /// Opens a socket on a free port of all IPv4 addresses; nil where the system refuses.
    init?() {
        let flags = Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let opened = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | flags, 0)
        guard opened >= 0 else { return nil }
        descriptor = opened
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(opened, $0, length) == 0 && getsockname(opened, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard bound else {
            close(opened)
            return nil
        }
    }

    deinit { close(descriptor) }

    func send(_ heartbeat: Heartbeat, to address: sockaddr_in) {
        var (heartbeat, address) = (heartbeat, address)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                _ = withUnsafeBytes(of: &heartbeat) {
                    sendto(descriptor, $0.baseAddress, $0.count, 0, target, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
    }

    /// The next message with the token, and where it came from; nil where none waits.
    func receive(token: UInt64) -> (Heartbeat, sockaddr_in)? {
        while true {
            var heartbeat = Heartbeat(token: 0, rank: -1, snapshot: ProgressSnapshot())
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { source in
                    withUnsafeMutableBytes(of: &heartbeat) {
                        recvfrom(descriptor, $0.baseAddress, $0.count, 0, source, &length)
                    }
                }
            }
            guard count >= 0 else { return nil }
            if count == MemoryLayout<Heartbeat>.size, heartbeat.token == token { return (heartbeat, address) }
        }
    }

    /// Waits for a message, at most so many seconds.
    func wait(_ seconds: Double) {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&request, 1, Int32(max(1, seconds * 1000)))
    }

    /// This host's IPv4 addresses, as in `sockaddr_in`, 127.0.0.1 first; at most eight.
    static var ownAddresses: [UInt32] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [UInt32] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else {
                continue
            }
            found.append(
                address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr.s_addr })
        }
        let loopback = UInt32(0x7F00_0001).bigEndian
        return Array(([loopback] + found.filter { $0 != loopback }).prefix(8))
    }
}
