"""A stand-in for an AI CLI that drives its `apiKeyHelper` as spec/behaviour.md D saw a real one do it.

Reads the user's settings.json, runs the helper once at its start and says so, then makes one request for each line of
stdin and prints what came of it as JSON. Each process is one session.
"""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

BACKOFF = [1, 1, 2, 4, 9]


class Cli:
    def __init__(self, url):
        self.address = urlsplit(url).netloc
        config = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.join(os.environ["HOME"], ".claude")
        with open(os.path.join(config, "settings.json"), encoding="utf-8") as file:
            settings = json.load(file)
        self.helper = settings["apiKeyHelper"]
        variable = "CLAUDE_CODE_API_KEY_HELPER_TTL_MS"
        ttl = settings.get("env", {}).get(variable) or os.environ.get(variable) or "300000"
        self.ttl = int(ttl) / 1000
        self.key, self.until, self.runs, self.beside = "", 0.0, 0, None
        self.fetch()

    def fetch(self):
        self.runs += 1
        asked = time.monotonic()
        environment = dict(os.environ, AI_AGENT="stand-in")
        run = subprocess.run(
            ["/bin/sh", "-c", self.helper], stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False
        )
        key = run.stdout.decode().strip()
        if run.returncode == 0 and key and "\n" not in key:
            self.key = key
        self.until = asked + self.ttl

    def request(self):
        """One request: stale while it revalidates; a 401 runs the helper again, without a word about the reason."""
        for pause in [*BACKOFF, None]:
            if time.monotonic() >= self.until and self.beside is None:
                self.beside = threading.Thread(target=self.fetch)
                self.beside.start()
            status = self.send(self.key)
            if self.beside:
                self.beside.join()
                self.beside = None
            if status != 401 or pause is None:
                return status
            time.sleep(pause)
            self.fetch()

    def send(self, key):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request("POST", "/v1/messages", "{}", {"x-api-key": key, "authorization": f"Bearer {key}"})
        status = connection.getresponse().status
        connection.close()
        return status


if __name__ == "__main__":
    cli = Cli(sys.argv[1])
    print(json.dumps({"runs": cli.runs}), flush=True)
    for _ in sys.stdin:
        status = cli.request()
        print(json.dumps({"status": status, "runs": cli.runs, "key": cli.key}), flush=True)
