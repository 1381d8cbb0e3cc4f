/// A piece of a page, well-formed as XML. Texts put into it by interpolation are escaped, pieces of HTML are not:
///
///     let cell: HTML = "<td>\(name)</td>"
package struct HTML: ExpressibleByStringInterpolation, Sendable {
    /// The markup.
    package private(set) var text: String

    /// Markup as it is.
    package init(stringLiteral markup: String) { text = markup }
    /// Markup as it is, from a program that escapes what it writes.
    package init(markup: String) { text = markup }
    package init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

    /// Pieces one after the other.
    package static func joined(_ pieces: some Sequence<HTML>) -> HTML {
        HTML(markup: pieces.map(\.text).joined(separator: "\n"))
    }

    package static func + (a: HTML, b: HTML) -> HTML { HTML(markup: a.text + b.text) }

    /// Collects literal markup, escaped texts and pieces.
    package struct Interpolation: StringInterpolationProtocol {
        package var text = ""
        package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }
        package mutating func appendLiteral(_ literal: String) { text += literal }
        package mutating func appendInterpolation(_ html: HTML) { text += html.text }
        package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            text += HTML.escaped("\(value)")
        }
    }

    /// A text as content or attribute; control characters, which XML does not allow, become question marks.
    package static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n", "\t": escaped += " "
            case _
            where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                || (0xFFFE...0xFFFF).contains(scalar.value):
                escaped += "?"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
