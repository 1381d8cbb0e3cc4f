extension String {
    /// The text as one word of a shell's command line, for a command that is said to a person: as it is where the shell
    /// takes it so, else in single quotes.
    public var shellWord: String {
        // Letters of every language are plain.
        let isPlain = !isEmpty && allSatisfy { $0.isLetter || $0.isNumber || "/._-=+:,@%".contains($0) }
        return isPlain ? self : "'" + replacing("'", with: #"'\''"#) + "'"
    }
}
