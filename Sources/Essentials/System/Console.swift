import Foundation

/// Sentences for a person on standard error, each a line behind the product's name. What nobody can read is dropped.
public enum Console {
    /// Says a sentence.
    public static func say(_ sentence: String) {
        try? FileHandle.standardError.write(contentsOf: Data("steadfast: \(sentence)\n".utf8))
    }

    /// Says what is no failure and may be wrong all the same.
    public static func warn(_ sentence: String) { say("warning: \(sentence)") }
}
