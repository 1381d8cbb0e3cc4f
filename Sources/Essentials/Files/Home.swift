import Foundation

/// The user's home directory: `$HOME`, which containers set to something else than the password file says, else that.
public func homeDirectory() -> String {
    let home = ProcessInfo.processInfo.environment["HOME"] ?? ""
    return home.isEmpty ? NSHomeDirectory() : home
}

extension String {
    /// The path with `~` or `~name` at its start expanded as a shell does.
    public var expandingHome: String {
        self == "~" || hasPrefix("~/") ? homeDirectory() + dropFirst() : (self as NSString).expandingTildeInPath
    }
}
