import Checkpoints
import Foundation

/// An inspection of a run directory after a fault: each complaint is a sentence.
enum Inspection {
    /// A run that may have been killed: whatever is visible under its name is whole.
    ///
    /// - Parameter allowsTemporaries: whether files that nobody takes for results may be left.
    static func complaints(about run: String, allowsTemporaries: Bool) -> [String] {
        guard FileManager.default.fileExists(atPath: run) else { return [] }
        var complaints: [String] = []
        let folder = run + "/checkpoints"
        for (place, known) in [
            (run, ["checkpoints", "lock", "metrics.jsonl", "recipe.yaml"]), (folder, ["best", "latest"]),
        ] {
            for name in files(place) where !known.contains(name) {
                if name.hasPrefix(place == run ? "events.out.tfevents." : "step-"), !name.contains(".partial-") {
                    continue
                }
                if !(allowsTemporaries && name.contains(".partial-")) { complaints.append("\(name) is left") }
            }
        }
        let steps = files(folder).filter { $0.hasPrefix("step-") && $0.hasSuffix(".h5") }
        for name in steps {
            do {
                let step = try Checkpoint.load("\(folder)/\(name)").header.step
                if RunLayout.checkpoint(step: step) != name { complaints.append("\(name) is of step \(step)") }
            } catch { complaints.append("\(error)") }
        }
        for pointer in ["latest", "best"] {
            guard let text = text(folder + "/" + pointer) else { continue }
            // A run of another fault may have begun.
            if text.last != "\n" || !steps.contains(String(text.dropLast())) {
                complaints.append("\(pointer) names '\(text)'")
            }
        }
        if let recipe = text(run + "/recipe.yaml"), !recipe.hasPrefix("dataset: few\n") || recipe.last != "\n" {
            complaints.append("recipe.yaml is not whole")
        }
        // A line that was being written when the job was killed is cut off by the resumed one.
        return complaints + metrics(of: run).complaints
    }

    /// A run that came to its end: besides, nothing is left, no line is torn, and no step was computed twice or left
    /// out.
    static func complaintsAboutEnded(_ run: String) -> [String] {
        var complaints = complaints(about: run, allowsTemporaries: false)
        let (events, isTorn, _) = metrics(of: run)
        if isTorn { complaints.append("metrics.jsonl ends within a line") }
        var last = 0
        for event in events {
            guard let step = event["step"] as? Int else { continue }
            switch event["event"] as? String {
            case "resume": last = step
            case "step":
                if step != last + 1 { complaints.append("metrics.jsonl: step \(step) after \(last)") }
                last = step
            default: break
            }
        }
        if events.last?["event"] as? String != "end" { complaints.append("metrics.jsonl has no end") }
        return complaints
    }

    /// The stage of a run: `start` until rank 0 has the lock, `data` until all is ready, `first step`, `step`, `save`,
    /// `exit`.
    static func phase(of run: String) -> String {
        if !FileManager.default.fileExists(atPath: run + "/lock") { return "start" }
        if !FileManager.default.fileExists(atPath: run + "/recipe.yaml") { return "data" }
        if files(run + "/checkpoints").contains(where: { $0.contains(".partial-") }) { return "save" }
        let events = metrics(of: run).events.compactMap { $0["event"] as? String }
        if events.contains("end") { return "exit" }
        return events.contains("step") ? "step" : "first step"
    }

    private static func metrics(of run: String) -> (events: [[String: Any]], isTorn: Bool, complaints: [String]) {
        guard let text = text(run + "/metrics.jsonl") else { return ([], false, []) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var complaints: [String] = []
        let events = lines.dropLast().compactMap { line in
            let event = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            if event == nil { complaints.append("metrics.jsonl has the line '\(line.prefix(80))'") }
            return event
        }
        return (events, lines.last?.isEmpty == false, complaints)
    }

    private static func files(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
