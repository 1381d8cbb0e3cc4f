import ArgumentParser
import Essentials
import Foundation

/// `steadfast manual`.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Print the manual page, made from the commands' own help.",
        shouldDisplay: false)

    func run() { print(Self.page(Steadfast.self), terminator: "") }

    /// The page of a program, in the language of man(7).
    static func page(_ program: any ParsableCommand.Type) -> String {
        let name = program._commandName
        let version = Product.version.split(separator: "\n").first.map(String.init) ?? ""
        var lines = [
            ".TH \(name.uppercased()) 1 \"\" \"\(roff(version))\" \"User Commands\"", ".SH NAME",
            "\(name) \\- \(roff(program.configuration.abstract))",
            ".SH SYNOPSIS", ".B \(name)", ".I COMMAND", "[\\fIARGUMENT\\fR ...]", ".SH COMMANDS",
        ]
        for command in program.configuration.subcommands { lines += section(command, within: name) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A command and those beneath it.
    private static func section(_ command: any ParsableCommand.Type, within path: String) -> [String] {
        guard command.configuration.shouldDisplay else { return [] }
        let name = "\(path) \(command._commandName)"
        let help = Steadfast.helpMessage(for: command, columns: 76)
        let own =
            [".SS \(name)", ".nf"]
            + help.split(separator: "\n", omittingEmptySubsequences: false).map { roff(String($0)) }
        return own + [".fi"] + command.configuration.subcommands.flatMap { section($0, within: name) }
    }

    /// A line of text: nothing in it is a request or an escape.
    private static func roff(_ line: String) -> String {
        let text = line.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
        return text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" + text : text
    }
}
