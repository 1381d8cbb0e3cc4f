import Foundation

/// gnuplot's SVG, made fit for a page that is light or dark.
enum SVGText {
    /// Black becomes `currentColor`, so that the page's ink draws it; groups without content, markers that nothing
    /// refers to and the head that only a file of its own has go; `title` is what a reader that does not see hears.
    static func cleaned(_ svg: String, title: String) -> String {
        var text = svg
        if let start = text.range(of: "<svg") { text = String(text[start.lowerBound...]) }
        text = text.replacingOccurrences(
            of: "<g [^>]*>\\s*</g>\\n?", with: "", options: .regularExpression)
        if !text.contains("<use xlink:href='#gpPt") || !text.contains("transform='translate") {
            text = removed("<defs>", "</defs>", from: text)
        } else {
            text = removed("<filter", "</filter>", from: text)
            text = removed("<filter", "</filter>", from: text)
        }
        text = removed("<desc>", "</desc>", from: text)
        text = text.replacingOccurrences(
            of: "<title>[^<]*</title>", with: "", options: .regularExpression)
        for black in [
            "color=\"black\"", "stroke=\"black\"", "fill=\"black\"", "stroke='black'", "fill='black'", "fill = 'black'",
        ] {
            let name = black.prefix { $0 != "=" }
            text = text.replacingOccurrences(of: black, with: "\(name)=\"currentColor\"")
        }
        text = text.replacingOccurrences(of: "\n\\s*\n+", with: "\n", options: .regularExpression)
        guard !title.isEmpty, let end = text.range(of: ">") else { return text }
        return text.replacingCharacters(
            in: end, with: " role=\"img\" aria-label=\"\(HTML.escaped(title))\">")
    }

    /// The text without the first part from `start` to `end`.
    private static func removed(_ start: String, _ end: String, from text: String) -> String {
        guard let from = text.range(of: start), let to = text.range(of: end, range: from.upperBound..<text.endIndex)
        else {
            return text
        }
        return String(text[..<from.lowerBound] + text[to.upperBound...])
    }
}
