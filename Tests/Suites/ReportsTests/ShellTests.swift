import Foundation
import TestSupport
import Testing

@Suite("What a shell is told: completion and manual")
struct ShellTests {
    /// Runs a script with `steadfast` on its path; nil where the shell is not installed.
    private func run(_ shell: String, _ script: String) throws -> ProgramResult? {
        guard let path = programPath(shell) else { return nil }
        let folder = (try builtProgram("steadfast") as NSString).deletingLastPathComponent
        let own = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return try spawn(path: path, arguments: ["-c", script], environment: ["PATH": "\(folder):\(own)"]).wait()
    }

    /// The words that bash would offer behind a line.
    private func bash(_ line: String) throws -> [String] {
        let script = """
            source <(steadfast completion bash)
            COMP_LINE='\(line)' COMP_POINT=\(line.count)
            read -ra COMP_WORDS <<<"$COMP_LINE"
            _steadfast_whole steadfast 2>/dev/null
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        return try #require(try run("bash", script)).lines
    }

    private static let lines: [(String, String)] = [
        ("steadfast sw", "sweep"), ("steadfast train glyphs-pl", "glyphs-plain"),
        ("steadfast train glyphs-plain --set learning_r", "learning_rate="),
        ("steadfast train glyphs-plain --set network.act", "network.activation="),
        ("steadfast train glyphs-plain --dry", "--dry-run"),
        ("steadfast evaluate a.h5 --attacks clean,pgd-", "clean,pgd-l2"),
        ("steadfast data verify mni", "mnist"), ("steadfast sweep glyphs-plain --sweep mom", "momentum="),
    ]

    @Test("bash completes commands, recipes, keys, attacks and data sets", arguments: lines)
    func words(line: String, word: String) throws {
        let offered = try bash(line)
        #expect(offered.contains(word) && offered.count < 12, "\(line): \(offered)")
    }

    @Test("bash completes the words of a key, behind its =, and paths")
    func values() throws {
        #expect(try bash("steadfast train glyphs-plain --set network.activation=m").contains("mrelu"))
        try withTemporaryDirectory { folder in
            try "dataset: glyphs".write(toFile: folder + "/own.yaml", atomically: true, encoding: .utf8)
            #expect(try bash("steadfast train \(folder)/ow") == [folder + "/own.yaml"])
        }
    }

    @Test("fish completes the same", .enabled(if: programPath("fish") != nil))
    func fish() throws {
        // fish has no line to edit without a person: this one stands for it. As fish's own, it gives the words before
        // the one at the cursor.
        let editor = """
            function commandline
                set -l words (string split ' ' -- $line)
                if string match -q -- '*tC*' "$argv"
                    string length -- $words[-1]
                else
                    printf '%s\\n' $words[1..-2]
                end
            end
            """
        // swift-argument-parser's script for fish offers no values behind an option that may stand only once.
        for (line, word) in Self.lines where !line.contains("--attacks") {
            let script = "steadfast completion fish | source; set -g line '\(line)'\n\(editor)\ncomplete -C $line"
            let result = try #require(try run("fish", script))
            #expect(
                result.lines.contains { $0.split(separator: "\t").first.map(String.init) == word }, "\(line): \(result)"
            )
        }
    }

    @Test("zsh reads its script", .enabled(if: programPath("zsh") != nil))
    func zsh() throws {
        let result = try #require(
            try run(
                "zsh",
                "autoload -U compinit; compinit -u -D; source <(steadfast completion zsh); print ${_comps[steadfast]}"))
        #expect(result.status == 0 && result.lines == ["_steadfast"], "\(result.output)\(result.errors)")
    }

    @Test("a person's zsh completes at a key's press", .enabled(if: programPath("zsh") != nil))
    func zshKey() throws {
        let script = """
            zmodload zsh/zpty || exit 7
            zpty z 'zsh -f -i'
            zpty -w z 'PS1= PS2=; autoload -U compinit; compinit -u -D'
            zpty -w z 'source <(steadfast completion zsh); print RE''ADY'
            until [[ $text = *READY* ]]; do zpty -r z part || exit 8; text+=$part; done
            zpty -w -n z "$line"$'\t'
            text=
            for turn in {1..300}; do
                while zpty -r -t z part; do text+=$part; done
                [[ $text = *$word* ]] && exit 0
                sleep 0.05
            done
            print -r -- "$text"
            exit 9
            """
        for (line, word) in [
            ("steadfast train glyphs-pl", "glyphs-plain"), ("steadfast evaluate a.h5 --attacks pgd-", "pgd-l2"),
            ("steadfast train glyphs-plain --set learning_r", "learning_rate="),
        ] {
            let result = try #require(try run("zsh", "line='\(line)' word='\(word)'\n\(script)"))
            #expect(result.status == 0, "\(line): \(result)")
        }
    }

    @Test("the manual page has each command's own help, and man reads it without a complaint")
    func manual() throws {
        let page = try spawn("steadfast", arguments: ["manual"]).wait()
        #expect(page.status == 0 && page.output.hasPrefix(".TH STEADFAST 1"))
        for command in ["train", "sweep", "recipe new", "data fetch", "benchmark collectives"] {
            #expect(page.output.contains(".SS steadfast \(command)\n"), "\(command)")
        }
        try withTemporaryDirectory { folder in
            let file = folder + "/steadfast.1"
            try page.output.write(toFile: file, atomically: true, encoding: .utf8)
            guard
                let shown = try run("bash", "MANWIDTH=100 man --warnings -P cat \(file)"), programPath("man") != nil
            else { return }
            #expect(shown.status == 0 && shown.errors.isEmpty, "\(shown.errors)")
            #expect(shown.output.contains("--dry-run") && shown.output.contains("SYNOPSIS"))
        }
    }
}
