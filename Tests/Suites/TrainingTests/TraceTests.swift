import Foundation
import TestSupport
import Testing

@Suite("A trace of the steps", .underMPIRun)
struct TraceTests {
    @Test("each rank's file opens as a trace, holds every step, and changes no bit", arguments: [1, 2])
    func trace(ranks: Int) throws {
        try withTemporaryDirectory { folder in
            let traced = try train(ranks: ranks, run: folder + "/a", "--trace", folder + "/trace")
            #expect(traced.status == 0, "\(traced.errors)")
            #expect(try train(ranks: ranks, run: folder + "/b").status == 0)
            #expect(try digest(ofRun: folder + "/a") == digest(ofRun: folder + "/b"))
            for rank in 0..<ranks {
                let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/trace/rank-\(rank).json"))
                let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
                let events = try #require(object["traceEvents"] as? [[String: Any]])
                #expect(events.allSatisfy { $0["pid"] as? Int == rank })
                let stretches = events.filter { $0["ph"] as? String == "X" }
                func count(_ name: String) -> Int { stretches.count { $0["name"] as? String == name } }
                #expect(count("loss") == 12 && count("update") == 12 && count("draw samples") == 12)
                // No two of a rank's stretches overlap: each is spent on one thing.
                let times = stretches.compactMap { event -> (Double, Double)? in
                    guard let start = event["ts"] as? Double, let length = event["dur"] as? Double else { return nil }
                    return (start, start + length)
                }.sorted { $0.0 < $1.0 }
                #expect(times.count == stretches.count)
                #expect(zip(times, times.dropFirst()).allSatisfy { $0.1 <= $1.0 + 0.001 })
            }
        }
    }
}
