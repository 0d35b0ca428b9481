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


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # the library's 5 makes clients that come together wait a second


print("listening at port 8000")
Server(("", 8000), Handler).serve_forever()
