import COpenBLAS

/// Numbers below 2^-126 in size, which processors compute with a hundred times as slowly.
public enum Denormals {
    /// Lets the calling thread, and the threads that it starts, take such numbers for zero, read or made: no step gets
    /// slow, and no bit depends on the thread. Every thread that computes calls it first.
    public static func flush() { set_denormals_flushed(1) }

    /// Runs a body with denormal numbers kept, on a thread that may flush them: to compare with exact arithmetic, or to
    /// read them from text.
    package static func kept<Result>(_ body: () throws -> Result) rethrows -> Result {
        let flushed = flushes_denormals()
        set_denormals_flushed(0)
        defer { set_denormals_flushed(flushed) }
        return try body()
    }

    /// True where the calling thread takes such numbers for zero.
    public static var areFlushed: Bool { flushes_denormals() != 0 }
}
