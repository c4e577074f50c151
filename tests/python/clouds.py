"""What the tools that people use make of the files and variables of a case: one JSON line in, one out.

argv names the tools. Each question is answered by a process of its own, so that nothing is remembered between two.
"""

import contextlib
import datetime
import io
import json
import os
import select
import signal
import sys
import time
import types
import warnings

warnings.simplefilter("ignore")
# What the home is called while the tools are loaded; some keep places in it from then on.
HOME = "/nonexistent-home-of-a-case"
os.environ["HOME"] = HOME
# Seconds until a tool that still waits is given up.
LIMIT = 25


def keys(credentials):
    frozen = credentials.get_frozen_credentials()
    at = getattr(credentials, "_expiry_time", None)
    return {
        "identity": " ".join([frozen.access_key, frozen.secret_key, frozen.token or ""]).strip(),
        "expires": at and int(at.timestamp()),
    }


def boto3():
    import boto3

    def run():
        credentials = boto3.Session().get_credentials()
        return keys(credentials) if credentials else {"error": "no credentials"}

    return run


def aws1():
    """The command line, version 1, which cannot print what it found."""
    from awscli.clidriver import create_clidriver

    def run():
        credentials = create_clidriver().session.get_credentials()
        return keys(credentials) if credentials else {"error": "no credentials"}

    return run


def aws2():
    """The command line, version 2."""
    from awscli.clidriver import create_clidriver

    def run():
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = create_clidriver().main(["configure", "export-credentials", "--format", "process"])
            except SystemExit as end:
                code = end.code
        if code or not out.getvalue().strip():
            return {"error": err.getvalue().strip() or f"exit code {code}"}
        answer = json.loads(out.getvalue())
        at = answer.get("Expiration")
        parts = [answer["AccessKeyId"], answer["SecretAccessKey"], answer.get("SessionToken") or ""]
        return {
            "identity": " ".join(parts).strip(),
            "expires": at and int(datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()),
        }

    return run


def google():
    import google.auth
    import google.auth.transport.requests

    def run():
        request = google.auth.transport.requests.Request()
        scope = "https://www.googleapis.com/auth/cloud-platform"
        credentials, _ = google.auth.default(scopes=[scope], request=request)
        # As each client library does before it asks (google.api_core.universe).
        wanted, theirs = os.environ.get("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "googleapis.com"), credentials.universe_domain
        if wanted != theirs:
            return {"error": f"the universe {wanted} is not that of the credentials: {theirs}"}
        credentials.refresh(request)
        at = credentials.expiry.replace(tzinfo=datetime.timezone.utc) if credentials.expiry else None
        return {"identity": credentials.token, "expires": at and int(at.timestamp())}

    return run


def azure():
    from azure.identity import DefaultAzureCredential

    def run():
        token = DefaultAzureCredential().get_token("https://cognitiveservices.azure.com/.default")
        return {"identity": token.token, "expires": token.expires_on}

    return run


def move_home(place, home):
    """Puts `home` into what a module or class has kept of the one that there was when it was loaded."""
    for name, value in list(vars(place).items()):
        if isinstance(value, str) and value.startswith(HOME):
            setattr(place, name, home + value[len(HOME) :])
        elif isinstance(value, type) and value.__module__ == getattr(place, "__name__", None):
            move_home(value, home)
        elif isinstance(value, types.FunctionType) and value.__defaults__:
            moved = (home + v[len(HOME) :] if isinstance(v, str) and v.startswith(HOME) else v for v in value.__defaults__)
            value.__defaults__ = tuple(moved)


def answer(tool, question):
    # Where the command line's own data is.
    kept = {name: value for name, value in os.environ.items() if name == "AWS_DATA_PATH"}
    os.environ.clear()
    os.environ.update(kept | question["env"])
    time.tzset()
    for name, module in list(sys.modules.items()):
        if name.startswith(("awscli", "botocore")):
            move_home(module, os.environ["HOME"])
    os.chdir(question["cwd"])
    try:
        return tool()
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {error}"}


tools = {name: globals()[name]() for name in sys.argv[1:]}
for line in sys.stdin:
    question = json.loads(line)
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(receive)
        os.dup2(os.open("/dev/null", os.O_RDWR), 0)
        reply = json.dumps(answer(tools[question["tool"]], question)).encode()
        os.write(send, reply[:60000])
        os._exit(0)
    os.close(send)
    ready, _, _ = select.select([receive], [], [], LIMIT)
    reply = os.read(receive, 65536) if ready else b'{"error": "it still waits"}'
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(receive)
    print(reply.decode() or '{"error": "it ended without an error message"}', flush=True)
