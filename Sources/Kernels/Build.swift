import COpenBLAS

/// The CPU type of this build.
public enum Build {
    /// The instruction set of the numeric code: `x86-64-v4`, `x86-64-v3`, `x86-64` or `arm64`.
    public static var instructionSet: String { String(cString: steadfast_instruction_set()) }
}
