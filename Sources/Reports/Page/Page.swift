/// A page: sections of text, tables and figures, in one file that needs no other.
struct Page {
    /// A section.
    struct Section {
        /// Its anchor.
        let name: String
        /// Its heading.
        let title: String
        /// The text before its tables and figures.
        var text: HTML = ""
        /// Its content, in order.
        var blocks: [Block] = []
    }

    /// The content of a section.
    enum Block {
        /// Tables that flow beside each other where there is room.
        case tables([Table])
        /// A figure.
        case figure(Figure)
        /// Text.
        case text(HTML)
    }

    /// The title.
    let title: String
    /// The text below it.
    let introduction: HTML
    /// The sections.
    let sections: [Section]
    /// Seconds after which the page loads itself anew; nil for never.
    var refresh: Int?

    /// All tables, in order.
    var tables: [Table] {
        sections.flatMap(\.blocks).flatMap { block -> [Table] in
            if case .tables(let tables) = block { tables } else { [] }
        }
    }
    /// All figures, in order.
    var figures: [Figure] {
        sections.flatMap(\.blocks).compactMap { block -> Figure? in
            if case .figure(let figure) = block { figure } else { nil }
        }
    }

    /// The page with its plots drawn.
    func html(_ drawn: [String: DrawnPanel]) -> String {
        let links: [HTML] = sections.map { "<a href=\"#\($0.name)\">\($0.title)</a>" }
        let body: [HTML] = sections.map { section in
            """
            <section id="\(section.name)"><h2>\(section.title)</h2>\(section.text)
            \(.joined(section.blocks.map { html($0, drawn) }))</section>
            """
        }
        let reload: HTML = refresh.map { "<meta http-equiv=\"refresh\" content=\"\($0)\"/>" } ?? ""
        let page: HTML = """
            <html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width,
            initial-scale=1"/>
            \(reload)<title>\(title)</title><style>\(Style.css)</style></head><body>
            <header><h1>\(title)</h1>\(introduction)<nav>\(.joined(links))</nav></header>
            \(.joined(body))
            \(tables.contains(where: \.isSortable) ? Style.sorting : "")</body></html>
            """
        return "<!DOCTYPE html>\n" + page.text + "\n"
    }

    private func html(_ block: Block, _ drawn: [String: DrawnPanel]) -> HTML {
        switch block {
        case .text(let text): return text
        case .tables(let tables): return "<div class=\"tables\">\(.joined(tables.map(\.html)))</div>"
        case .figure(let figure):
            let panels: [HTML] = figure.panels.map { panel in
                let isWide = panel.width > 600
                let heading: HTML = panel.title.isEmpty ? "" : "<h5>\(panel.title)</h5>"
                return """
                    <div
                    class="panel\(isWide ? " wide" : "")">\(heading)\(HTML(markup: drawn[panel.name]?.svg ?? ""))</div>
                    """
            }
            return """
                <figure id="\(figure.name)"><h4>\(figure.title)</h4><div
                class="panels\(panels.count % 4 == 0 ? " four" : "")">\(.joined(panels))</div>
                <figcaption>\(figure.caption)</figcaption></figure>
                """
        }
    }
}
