import ArgumentParser

/// `steadfast completion`.
struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print the script by which a shell completes this command.",
        discussion: "For bash, in ~/.bashrc: source <(steadfast completion bash)")

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    /// A shell that can be taught.
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    func run() {
        switch shell {
        case .bash: print(Steadfast.completionScript(for: .bash) + "\n" + Self.wholeWords)
        case .zsh: print(Steadfast.completionScript(for: .zsh) + "\ncompdef _steadfast steadfast")
        case .fish: print(Steadfast.completionScript(for: .fish))
        }
    }

    /// bash parts words at = and :, which stand within keys with values, and attacks with parameters.
    private static let wholeWords = """
        _steadfast_whole() {
            local line=${COMP_LINE:0:COMP_POINT} whole
            read -ra whole <<<"$line"
            [[ $line != *[[:space:]] ]] || whole+=('')
            local COMP_WORDS=("${whole[@]}") COMP_CWORD=$((${#whole[@]} - 1))
            local word=${whole[COMP_CWORD]}
            _steadfast "$1" "$word" "${whole[COMP_CWORD - 1]}"
            # The shell replaces what stands behind the last of them.
            [[ $word != *[=:]* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[=:]}"}"}")
            [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
        }
        complete -o filenames -F _steadfast_whole steadfast
        """
}
