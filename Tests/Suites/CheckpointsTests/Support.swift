import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Testing

/// Runs `body` with a new directory and removes it afterwards.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let path = NSTemporaryDirectory() + "checkpoints-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

/// A small checkpoint with every kind of object, NaN bits, an empty tensor and a scalar among them.
func sampleCheckpoint(step: Int = 1_200, worldSize: Int = 2, created: String = "2024-05-06T07:08:09Z") -> Checkpoint {
    let header = CheckpointHeader(
        productVersion: "0.1", step: step, epoch: 2, seed: .max - 1, lanes: 8, worldSize: worldSize,
        variant: "released", dataset: "mnist", datasetDigest: "00ff", classes: 10,
        recipe: "dataset: mnist\nname: \"Zhao – Griffin\"\n", network: "{\"layers\":[]}", created: created)
    let weight = (0..<500).map { Float(sin(Double($0 + step))) }
    let odd: [Float] = [.nan, Float(bitPattern: 0xFFC1_2345), -0.0, .infinity, -.infinity, .leastNonzeroMagnitude]
    return Checkpoint(
        header: header,
        tensors: [
            "model/conv1/weight": Tensor(shape: [20, 1, 5, 5], weight),
            "model/conv1/bias": Tensor(shape: [6], odd),
            "model/norm1/gamma": Tensor(shape: [2], [1, 2]),
            "optimizer/conv1/weight": Tensor(shape: [20, 1, 5, 5], [Float](repeating: 0, count: 500)),
            "input/mean_image": Tensor(shape: [1, 2, 2], [0, 1, 254.5, 255]),
            "state/order": Tensor(shape: [3], elements: .int64([1, -2, .max])),
            "state/sums": Tensor(shape: [2], elements: .float64([0.5, -2])),
            "state/loss": Tensor(shape: [], elements: .float64([0.1])),
            "state/none": Tensor(shape: [0, 7], elements: .int32([])),
        ],
        groupAttributes: ["model/norm1": ["stabilizer": 1e-4]])
}

/// The failure that `body` ends with.
func failure(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) throws -> Failure {
    try #require(#expect(throws: Failure.self, sourceLocation: sourceLocation, performing: body))
}

func bytes(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

/// Runs a program and returns its status and what it wrote to standard output; nil where it is not installed.
func output(of program: String, _ arguments: [String]) throws -> (status: Int32, text: String)? {
    guard let path = programPath(program) else { return nil }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}

func programPath(_ program: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let folders: [Substring] = path.split(separator: ":") + ["/usr/sbin", "/sbin"]
    return folders.map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
}

/// Runs `body` with a small file system of its own of `kilobytes`; false where this process may not mount one.
func withSmallFileSystem(kilobytes: Int, _ body: (String) throws -> Void) throws -> Bool {
    try withTemporaryDirectory { path in
        guard geteuid() == 0,
            try output(of: "mount", ["-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", path])?.status == 0
        else { return false }
        defer { _ = try? output(of: "umount", ["-l", path]) }
        try body(path)
        return true
    }
}
