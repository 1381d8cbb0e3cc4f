extension Timeline {
    /// The stretches of time as a trace in the format of Chrome's tracing, which Perfetto (ui.perfetto.dev) opens too:
    /// complete events in microseconds, `rank` as the process, the blocks by their `names`.
    public func trace(names: [String], rank: Int) -> String {
        func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1000 }
        var text = "{\"traceEvents\":[{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":\(rank),"
        text += "\"args\":{\"name\":\"rank \(rank)\"}}"
        for span in spans {
            let (title, block) = (span.activity.title, span.block >= 0 ? " " + names[Int(span.block)] : "")
            text += ",\n{\"name\":\"\(title)\(block)\",\"cat\":\"\(title)\",\"ph\":\"X\",\"pid\":\(rank),\"tid\":0,"
            text += "\"ts\":\(microseconds(span.start)),\"dur\":\(microseconds(span.length))}"
        }
        return text + "]}\n"
    }
}
