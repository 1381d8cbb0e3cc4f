import Foundation

/// For mpirun and the ranks: those that wait leave their core to others, tests beside them included.
let polite = ["OMPI_MCA_mpi_yield_when_idle": "1"]

/// Runs the body with a new directory, which is removed in the end.
func withFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "/steadfast-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
}
