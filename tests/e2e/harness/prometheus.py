"""A scripted Prometheus, reached as an HTTP proxy: the controller gets it as http_proxy, so the addresses in examples/ work as
they stand. The value file is read afresh at each query:

    0.99          one series with this value (several numbers: several series; NaN and +Inf are values)
    none          an empty result
    error 503     an error answer with this status
    hang 5        no answer for 5 seconds, then an empty result

Other URLs are answered from `web`: {url: (status, body)}; bodies that are not text become JSON."""
import http.server
import json
import threading
import time
import urllib.parse

PROMETHEUS = "prometheus.monitoring.svc:9090"


class ScriptedPrometheus:
    def __init__(self, suite, value_file):
        self.value_file = value_file
        self.queries = []             # (time the answer had left, query, what the value file said)
        self.web = {}
        self.web_requests = []        # (time, method, url)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body):
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                self.wfile.flush()

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                url = urllib.parse.urlsplit(self.path)
                if url.netloc == PROMETHEUS and url.path in ("/api/v1/query", "/api/v1/query_range"):
                    outer.query(self, urllib.parse.parse_qs(url.query + "&" + body))
                    return
                plain = urllib.parse.urlunsplit((url.scheme, url.netloc.removesuffix(":80"), url.path, "", ""))
                outer.web_requests.append((time.time(), self.command, self.path))
                self.answer(*outer.web.get(plain, (404, {"error": f"nothing is scripted for {plain}"})))

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.set("1")
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        suite.defer(self.server.shutdown)

    def set(self, text):
        with open(self.value_file, "w") as out:
            out.write(str(text) + "\n")

    def query(self, handler, parameters):
        with open(self.value_file) as stream:
            text = stream.read().strip()
        words = text.split()
        now = time.time()
        if words[:1] == ["error"]:
            handler.answer(int(words[1]), {"status": "error", "errorType": "internal", "error": "scripted"})
        else:
            if words[:1] == ["hang"]:
                time.sleep(float(words[1]))
                words = ["none"]
            values = [] if words == ["none"] else words
            series = [{"metric": {"series": str(number)}, "value": [now, value]} for number, value in enumerate(values)]
            handler.answer(200, {"status": "success", "data": {"resultType": "vector", "result": series}})
        self.queries.append((time.time(), " ".join(parameters.get("query", [""])[0].split()), text))

    def answered(self, value, since=0.0):
        """Times at which this value was given."""
        return [at for at, _, said in list(self.queries) if said == str(value) and at >= since]
