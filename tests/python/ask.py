"""Asks once with Anthropic's library as it comes, over the socket of a gate if there is one; prints the answer as it arrives, or the error."""
import os, sys
import anthropic, httpx2

path = os.environ.get("ANTHROPIC_UNIX_SOCKET")
client = anthropic.DefaultHttpxClient(transport=httpx2.HTTPTransport(uds=path)) if path else None
message = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
try:
    with anthropic.Anthropic(http_client=client).messages.stream(**message) as stream:
        for part in stream.text_stream:
            print(part, flush=True)
except anthropic.APIError as error:
    sys.exit(f"{type(error).__name__}: {error}")
