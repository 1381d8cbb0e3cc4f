import Foundation

/// A server on loopback with Range. It serves a folder, logs each request's path and Range to `requests.log` there, and
/// cuts a file named `cut-once` in the middle the first time, `cut-always` each time; `no-range` ignores Range;
/// `stalls` sends a part and nothing more; `*.html` is a web page, `encoded*` is said to be packed on the way.
final class LoopbackServer {
    /// The base address, ending with a slash.
    let address: String
    private let process = Process()

    init(serving folder: String) throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", LoopbackServer.script, folder]
        process.standardOutput = output
        try process.run()
        // The server prints its port once it listens.
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        address = "http://127.0.0.1:\(line.trimmingCharacters(in: .whitespacesAndNewlines))/"
    }

    deinit {
        // A child inherits its thread's blocked signals: TERM would not reach it.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static let script = #"""
        import http.server
        import os
        import re
        import sys
        import threading
        import time

        folder = sys.argv[1]
        seen = set()


        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range", "")
                with open(os.path.join(folder, "requests.log"), "a") as log:
                    log.write(f"{self.path} {wanted}".strip() + "\n")
                path = os.path.join(folder, self.path.lstrip("/"))
                if not os.path.isfile(path):
                    return self.send_error(404)
                with open(path, "rb") as file:
                    body = file.read()
                name = os.path.basename(path)
                part = re.fullmatch(r"bytes=(\d+)-", wanted)
                start = int(part[1]) if part and name != "no-range" else 0
                if start and start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                body = body[start:]
                self.send_header("Content-Length", str(len(body)))
                if name.endswith(".html"):
                    self.send_header("Content-Type", "text/html; charset=utf-8")
                if name.startswith("encoded"):
                    self.send_header("Content-Encoding", "gzip")
                self.end_headers()
                if name == "stalls":
                    self.wfile.write(body[:1000])
                    self.wfile.flush()
                    time.sleep(20)
                if name == "cut-always" or (name == "cut-once" and name not in seen):
                    seen.add(name)
                    body = body[: len(body) // 2]
                    self.close_connection = True
                self.wfile.write(body)

            def log_message(self, *_):
                pass


        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        def follow_parent(parent):
            while os.getppid() == parent:
                time.sleep(1)
            os._exit(0)


        threading.Thread(target=follow_parent, args=(os.getppid(),), daemon=True).start()
        print(server.server_port, flush=True)
        server.serve_forever()
        """#
}
