import Foundation
import TestSupport
import Testing

@Suite("Tests/documentation says which page is wrong, and where")
struct DocumentationTests {
    /// Runs the script on a small package of pages.
    private func check(_ pages: [String: String]) throws -> ProgramResult {
        var result: ProgramResult?
        try withTemporaryDirectory { folder in
            let attacks = "clean fgs-lmax fgsm pgd"
            let files = [
                "README.md": "# A", "cluster/README.md": "# B", ".github/CONTRIBUTING.md": "# C", "Package.swift": "",
                "Sources/steadfast/Steadfast.docc/Steadfast.md": "# S\n\n- [c](Commands.md)\n- [a](Attacks.md)",
                "Sources/steadfast/Steadfast.docc/Commands.md": "# D", "checkpoints/none": "",
                "Sources/A.swift": "let a = 1\n\nlet c = 2",
                "Sources/steadfast/Steadfast.docc/Attacks.md": "# E\n\n\(attacks)",
            ].merging(pages) { $1 }
            for (name, text) in files {
                let path = "\(folder)/\(name)"
                try FileManager.default.createDirectory(
                    atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try Data((text + "\n").utf8).write(to: URL(fileURLWithPath: path))
            }
            result = try spawn(
                path: packageFolder + "/Tests/documentation", arguments: ["--output", folder + "/site"],
                environment: ["STEADFAST_ROOT": folder, "STEADFAST": try builtProgram("steadfast")]
            ).wait(timeout: 60)
            #expect(FileManager.default.fileExists(atPath: folder + "/site/index.html"))
        }
        return try #require(result)
    }

    @Test(
        "broken links, symbols and paths, widths and lengths, unknown commands, options and names, stale quotes",
        arguments: [
            ("[x](none.md)", "README.md:1: the link to none.md leads nowhere"),
            ("# A\n\n[x](#b)", "README.md:3: this page has no heading #b"),
            ("``None``", "README.md:1: ``None`` is not declared"),
            ("`Tests/none`", "README.md:1: there is no Tests/none"),
            (String(repeating: "x", count: 121), "README.md:1: 121 columns; at most 120"),
            (String(repeating: "x\n", count: 180), "README.md: 181 lines; at most 180"),
            ("`steadfast trian`", "README.md:1: steadfast has no command 'trian'"),
            ("```sh\nsteadfast train --sett x\n```", "README.md:2: steadfast train has no option --sett"),
            ("```sh\nsteadfast train none-plain\n```", "README.md:2: there is no recipe 'none-plain'"),
            ("```sh\nsteadfast train ./a --set \\\n    x=1\n```", "README.md:2: a recipe has no key x"),
            ("```sh\nsteadfast evaluate a --attacks clean,x\n```", "README.md:2: there is no attack 'x'"),
            (
                "```swift\n// Sources/A.swift\nlet b = 1\n```",
                "README.md:3: Sources/A.swift does not say so any more: let b = 1"
            ),
        ])
    func wrong(page: String, sentence: String) throws {
        let result = try check(["README.md": page])
        #expect(result.status == 1 && result.errors.contains(sentence + "\n"), "\(result.errors)")
    }

    @Test("right pages raise nothing but what the book leaves out")
    func right() throws {
        let text = """
            # A

            [b](cluster/README.md), [here](#a), `cluster/README.md`, `steadfast data list`

            ```sh
            steadfast evaluate NET --output DIR --attacks clean,pgd:steps=3
            ```

            ```swift
            // Sources/A.swift
            let a = 1
            ...
            let c = 2
            ```
            """
        let result = try check(["README.md": text])
        #expect(!result.errors.contains("README.md"), "\(result.errors)")
        #expect(result.errors.contains("there is no word of ## train"))
        #expect(result.errors.contains("there is no word of `square`"))
    }
}
