import Foundation

/// The user's home directory: `$HOME`, which containers set to something else than the password file says, else that.
public func homeDirectory() -> String {
    let home = ProcessInfo.processInfo.environment["HOME"] ?? ""
    return home.isEmpty ? NSHomeDirectory() : home
}
