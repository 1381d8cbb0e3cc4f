import Foundation

/// The folder of the package that the tests were built from.
public let packageFolder: String = {
    var folder = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { folder.deleteLastPathComponent() }
    return folder.path
}()
