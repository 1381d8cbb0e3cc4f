import Datasets
import Essentials
import MessagePassing

/// The check that the data sets are there, whole, the publishers', and the same on all hosts. One rank of each host
/// reads them.
enum DataCheck: Check {
    static let name = "data"

    static func examine(_ job: Examination) throws -> Finding {
        var finding = Finding()
        var found = 0
        for name in Dataset.fetchableNames {
            let own = job.speaksForHost ? look(name, job.dataDirectory) : ""
            let all = try job.world.allGather(own)
            let results = job.hostNames.map { (host: $0, result: all[job.ranks(of: $0)[0]]) }
            let present = results.filter { $0.result != missing }
            guard let first = present.first else { continue }
            found += 1
            let parts = first.result.split(separator: "|", maxSplits: 2).map(String.init)
            finding.add("\(name): \(parts[1])")
            finding.figure(name, parts[0])
            if present.count < results.count {
                let without = results.first { $0.result == missing }?.host ?? ""
                finding.complain(.fail, "\(name) is missing on \(without): fetch it there, or share its directory")
            } else if Set(results.map(\.result)).count > 1 {
                finding.complain(.fail, "\(name) is not the same on all hosts: copy it from one to the others")
            }
            switch parts[0] {
            case "official": break
            case "unofficial":
                finding.complain(
                    .warn, "\(name) is well formed but not the publisher's: `steadfast data verify \(name)` says where")
            default: finding.complain(.fail, parts.count > 2 ? parts[2] : "\(name) cannot be read")
            }
        }
        if found == 0 {
            finding.add("none found; built in: \(Dataset.generatedNames.joined(separator: ", "))")
            finding.complain(.warn, "`steadfast data fetch mnist` gets one, --data-directory says where they are")
        }
        return finding
    }

    private static let missing = "missing"

    /// `state|for people|more`, equal on two hosts where the content is.
    private static func look(_ name: String, _ directory: String?) -> String {
        let dataset: Dataset
        do { dataset = try Dataset.locate(name, directory: directory) } catch {
            let failure = error as? Failure
            return failure?.code == .noInput ? missing : "broken|broken|\(failure?.message ?? "\(error)")"
        }
        do {
            let train = try dataset.readThrough(.train, onImage: Progress.beat)
            let test = try dataset.readThrough(.test, onImage: Progress.beat)
            let official = (train.files + test.files).isOfficial != false
            return (official ? "official|verified" : "unofficial|read whole")
                + ", training split \(train.contentDigest.prefix(12)), test split \(test.contentDigest.prefix(12))"
        } catch {
            return "broken|broken|\((error as? Failure)?.message ?? "\(error)")"
        }
    }
}
