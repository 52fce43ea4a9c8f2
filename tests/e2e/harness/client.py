"""A small client of the Kubernetes API over HTTPS: requests and watches."""
import http.client
import json
import ssl
import threading
import time


class ApiError(Exception):
    def __init__(self, status, body):
        reason = body.get("reason", "") if isinstance(body, dict) else ""
        message = body.get("message", body) if isinstance(body, dict) else body
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.body, self.reason = status, body, reason


class Client:
    """One per thread and use: a connection is kept per thread."""

    def __init__(self, host, port, ca_file, token, agent="sluice-e2e"):
        self.host, self.port, self.token, self.agent = host, port, token, agent
        self.context = ssl.create_default_context(cafile=ca_file)
        self.local = threading.local()

    def _connect(self, timeout):
        return http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=timeout)

    def _headers(self, content_type=None, accept="application/json"):
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept, "User-Agent": self.agent}
        if content_type:
            headers["Content-Type"] = content_type
        return headers

    def request(self, method, path, body=None, content_type="application/json", raw=False):
        data = None if body is None else (body if isinstance(body, (str, bytes)) else json.dumps(body))
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = self._connect(30)
            try:
                connection.request(method, path, data, self._headers(content_type if data is not None else None))
                response = connection.getresponse()
                text = response.read().decode()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                self.local.connection = None
                if attempt == 2 or method != "GET":
                    raise
        answer = text if raw else (json.loads(text) if text[:1] in ("{", "[") else text)
        if response.status >= 300:
            raise ApiError(response.status, answer)
        return answer

    def get(self, path):
        return self.request("GET", path)

    def find(self, path):
        """The object, or None when there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create(self, path, body):
        return self.request("POST", path, body)

    def merge(self, path, body):
        return self.request("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path, options=None):
        return self.request("DELETE", path, options)

    def watch(self, path, version, stopped, on_event):
        """Calls on_event(type, object) until the server ends the stream or `stopped()` says so."""
        connection = self._connect(60)
        try:
            join = "&" if "?" in path else "?"
            query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds=25&resourceVersion={version}"
            connection.request("GET", f"{path}{join}{query}", headers=self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise ApiError(response.status, response.read().decode())
            pending = b""
            while not stopped():
                chunk = response.read1(65536)
                if not chunk:
                    return
                pending += chunk
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    if line.strip():
                        event = json.loads(line)
                        on_event(event["type"], event["object"])
        finally:
            connection.close()

    def follow(self, path, stopped, on_event):
        """List and watch for ever: on_event("SYNC", [objects]) after each list, then the events of the watch."""
        version = None
        while not stopped():
            try:
                if version is None:
                    listed = self.get(path)
                    version = listed["metadata"]["resourceVersion"]
                    on_event("SYNC", listed.get("items") or [])
                state = {"version": version, "error": False}

                def handle(kind, thing, state=state):
                    if kind == "ERROR":
                        state["error"] = True
                        return
                    state["version"] = thing["metadata"]["resourceVersion"]
                    if kind != "BOOKMARK":
                        on_event(kind, thing)

                self.watch(path, version, stopped, handle)
                version = None if state["error"] else state["version"]
            except (ApiError, http.client.HTTPException, OSError, ValueError):
                version = None
                if not stopped():
                    time.sleep(0.2)


class Recorder:
    """Follows a collection in a thread of its own and keeps every state seen, with the time."""

    def __init__(self, suite, client, path, reduce):
        self.states = []          # (seconds since the epoch, reduce(object)) where it changed
        self.reduce = reduce
        self.done = False
        self.thread = threading.Thread(target=client.follow, args=(path, lambda: self.done, self._event), daemon=True)
        self.thread.start()
        suite.defer(self.stop)

    def _event(self, kind, thing):
        things = thing if kind == "SYNC" else [thing]
        for one in things:
            value = self.reduce(None if kind == "DELETED" else one)
            if value is not None and (not self.states or self.states[-1][1] != value):
                self.states.append((time.time(), value))

    def values(self, since=0.0):
        return [value for at, value in self.states if at >= since]

    def stop(self):
        self.done = True
