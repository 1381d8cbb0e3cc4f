import COpenBLAS

/// Numbers below 2^-126 in size, which processors compute with a hundred times as slowly.
public enum Denormals {
    /// Lets the calling thread, and those that it starts, take such numbers for zero, read or made: no step gets slow, and no bit
    /// depends on who set what. Every thread that computes calls it first.
    public static func flush() { flush_denormals() }

    /// Whether the calling thread does.
    public static var areFlushed: Bool { flushes_denormals() != 0 }
}
