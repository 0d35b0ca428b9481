"""Says what asks, and on what it runs: one thread for every connection."""

import http.server
import json
import platform


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        about = {"path": self.path, "python": platform.python_version(), "system": platform.system()}
        body = json.dumps(about).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


print("listening at port 8000")
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
