import Essentials
import Foundation

/// A plot as files hold it.
struct DrawnPanel {
    /// As SVG, its ink `currentColor`.
    let svg: String
    /// As PNG on white.
    let png: [UInt8]
}

/// Draws panels by the program gnuplot.
package struct Gnuplot {
    private let program: String

    /// Finds gnuplot on the `PATH`.
    ///
    /// - Throws: `Failure` 69 where it is not installed.
    package init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        let folders = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        guard let folder = folders.first(where: { FileManager.default.isExecutableFile(atPath: $0 + "/gnuplot") })
        else {
            throw Failure(
                .unavailable,
                "the figures need gnuplot, which is not on the PATH: install it (Debian's gnuplot-nox; "
                    + "cluster/bootstrap does)"
            )
        }
        program = folder + "/gnuplot"
    }

    /// Draws all panels by one process.
    ///
    /// - Throws: `Failure` 70 with gnuplot's own words where it refuses a script, 73 or 74 where there is no room.
    func draw(_ panels: [Panel]) throws -> [String: DrawnPanel] {
        try TemporaryFile.withFolder { try draw(panels, in: $0) }
    }

    private func draw(_ panels: [Panel], in folder: String) throws -> [String: DrawnPanel] {
        let script = panels.enumerated().map { Self.script($1, number: $0) }.joined(separator: "\n")
        try AtomicFile.write(script, to: folder + "/script")
        try run(in: folder)
        var drawn: [String: DrawnPanel] = [:]
        for (number, panel) in panels.enumerated() {
            guard let svg = FileManager.default.contents(atPath: "\(folder)/\(number).svg"),
                let png = FileManager.default.contents(atPath: "\(folder)/\(number).png")
            else { throw Failure(.software, "gnuplot drew no \(panel.name): is it built with svg and pngcairo?") }
            drawn[panel.name] = DrawnPanel(
                svg: SVGText.cleaned(String(decoding: svg, as: UTF8.self), title: panel.title), png: Array(png))
        }
        return drawn
    }

    /// A text as gnuplot quotes it: nothing in it is a command or a variable.
    package static func quoted(_ text: String) -> String {
        let plain = text.map { $0 == "`" || $0.unicodeScalars.contains { $0.value < 0x20 } ? "?" : $0 }
        return "'" + String(plain).replacingOccurrences(of: "'", with: "''") + "'"
    }

    /// Rows of numbers as a data block; an empty row parts two blocks of a surface.
    static func data(_ name: String, _ rows: [[Double]]) -> String {
        let lines = rows.map { row in
            row.map { $0.isFinite ? String(format: "%.6g", $0) : "NaN" }.joined(separator: " ")
        }
        return (["$\(name) << EOD"] + lines + ["EOD"]).joined(separator: "\n") + "\n"
    }

    private static func script(_ panel: Panel, number: Int) -> String {
        let (width, height) = (panel.width, panel.height)
        return """
            reset
            set termoption noenhanced
            set border 3 lw 0.8
            set tics nomirror scale 0.5
            set style line 100 lc rgb '\(Palette.grey)' dt 3 lw 0.5
            set grid back ls 100
            set key noautotitle samplen 2 spacing 1.1
            set terminal svg size \(width),\(height) dynamic noenhanced font 'sans-serif,12' name 'p\(number)' \
            standalone
            set output '\(number).svg'
            \(panel.script)
            unset output
            set terminal pngcairo size \(2 * width),\(2 * height) noenhanced font 'Sans,12' fontscale 2 linewidth 2 \
            pointscale 2
            set output '\(number).png'
            replot
            unset output
            """
    }

    private func run(in folder: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-d", "script"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let complaints = folder + "/complaints"
        try AtomicFile.write("", to: complaints)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: complaints)
        do { try process.run() } catch {
            throw Failure(.unavailable, "cannot start \(program): \(error.localizedDescription)")
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let said = (try? String(contentsOfFile: complaints, encoding: .utf8)) ?? ""
            let words = said.split(whereSeparator: \.isNewline).suffix(3).joined(separator: " ")
            throw Failure(.software, "gnuplot failed: \(words)")
        }
    }
}
