/// The look of the page: on screens wide and narrow, light and dark, and on paper.
enum Style {
    /// A click on a heading of a sortable table sorts its rows by that column, numbers as numbers; a second one turns
    /// them round. Without a script the table stays as it is.
    static let sorting: HTML = """
        <script>
        document.querySelectorAll("table.sortable thead tr:last-child th").forEach(head => {
          const column = head.cellIndex;
          head.style.cursor = "pointer";
          head.addEventListener("click", () => {
            const body = head.closest("table").tBodies[0];
            const turned = head.dataset.order === "up";
            head.dataset.order = turned ? "down" : "up";
            const text = row => row.cells[column].firstChild ? row.cells[column].firstChild.textContent : "";
            const key = row => { const n = parseFloat(text(row)); return isNaN(n) ? text(row) : n; };
            const order = (a, b) => typeof a === typeof b ? (a === b ? 0 : a > b ? 1 : -1) : typeof a === "number" ? -1
              : 1;
            Array.from(body.rows).sort((a, b) => (turned ? -1 : 1) * order(key(a), key(b)))
              .forEach(row => body.appendChild(row));
          });
        });
        </script>

        """

    static let css: HTML = """
        :root { color-scheme: light dark; --ink: #1b1d21; --soft: #5b6270; --paper: #ffffff; --line: #d9dde3; --band:
          #f4f6f8;
          --better: #12785a; --worse: #c02b2b; --within: #2f62c4; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e7e9ee; --soft: #a2a9b6; --paper: #15171b; --line:
          #353a43;
          --band: #1e2127; --better: #4fc79d; --worse: #ff8080; --within: #8db2ff; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 78rem; padding: 1rem clamp(.8rem, 3vw, 2rem) 4rem; background: var(--paper);
          color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
        h1 { font-size: 1.9rem; line-height: 1.2; margin: .6rem 0; }
        h2 { font-size: 1.4rem; margin: 2.6rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
        h3, h4 { font-size: 1rem; margin: 0 0 .5rem; }
        p, li { max-width: 48rem; }
        a { color: var(--within); }
        code { font-size: .9em; overflow-wrap: anywhere; }
        nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; font-size: .95rem; }
        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(max(10.5rem, 22%), 1fr)); gap: .8rem;
          margin: 1.2rem 0; }
        .card { background: var(--band); border-radius: .5rem; padding: .7rem .9rem; }
        .card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
        .card span { font-size: .85rem; color: var(--soft); display: block; line-height: 1.35; }
        figure { margin: 1.6rem 0; min-width: 0; }
        figcaption { font-size: .88rem; color: var(--soft); max-width: 52rem; margin-top: .5rem; line-height: 1.45; }
        .panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20.5rem), 1fr)); gap: 1rem
          1.4rem; }
        .panel { min-width: 0; }
        .panel h5 { font-size: .88rem; font-weight: 600; margin: 0 0 .2rem; }
        .panel.wide { grid-column: 1 / -1; overflow-x: auto; }
        .panel svg { display: block; width: 100%; height: auto; max-width: 34rem; }
        .panel.wide svg { min-width: 46rem; max-width: none; }
        svg image { image-rendering: pixelated; }
        .tables { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 0 2rem;
          align-items: start; }
        figure.table.wide { grid-column: 1 / -1; }
        .panels.four { grid-template-columns: repeat(auto-fill, minmax(min(100%, 16.5rem), 1fr)); }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
        th, td { padding: .22rem .42rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
        th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
        td.text, th.text { text-align: left; } td.text { white-space: normal; min-width: 12rem; }
        thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
        thead th[colspan] { text-align: center; color: var(--ink); }
        tbody th { font-weight: 600; }
        td small, th small { display: block; white-space: normal; font-size: .68rem; font-weight: 400; color:
          var(--soft); }
        .strong { font-weight: 700; }
        .better { color: var(--better); } .worse { color: var(--worse); } .within { color: var(--within); font-weight:
          700; }
        @media (max-width: 30rem) { body { font-size: 15px; padding-inline: .5rem; } h1 { font-size: 1.5rem; }
          table { font-size: .72rem; } th, td { padding: .2rem .13rem; } }
        @media print { :root { color-scheme: light; --ink: #000; --soft: #333; --paper: #fff; --line: #bbb; --band:
          #f2f2f2;
          --better: #0b5c43; --worse: #a01818; --within: #1c4aa0; }
          body { max-width: none; font-size: 10pt; padding: 0; } nav { display: none; }
          h2, h3, h4 { break-after: avoid; } figure.table, .panel { break-inside: avoid; }
          .panels { grid-template-columns: repeat(2, 1fr); } .tables { grid-template-columns: 1fr 1fr; gap: 0 1rem; }
          .scroll { overflow: visible; } .panel.wide { overflow: visible; } .panel.wide svg { min-width: 0; }
          table { font-size: 6.5pt; } th, td { padding: .08rem .2rem; } td small, th small { font-size: 5.5pt; } a {
            color: inherit; } }
        """
}
