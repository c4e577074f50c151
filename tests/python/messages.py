"""Sends messages with Anthropic's library, in each of its ways, until a file is there; prints how many were answered.

Nothing is tried twice: an error of any request ends it.
"""
import asyncio, os, sys
import anthropic, httpx2

END = sys.argv[1]
MESSAGE = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def options(transport, client):
    """What a client needs for the socket; nothing for a port."""
    path = os.environ.get("ANTHROPIC_UNIX_SOCKET")
    return {"max_retries": 0, **({"http_client": client(transport=transport(uds=path))} if path else {})}


def check(message):
    assert message.content[0].text == "greetings", message
    return 1


def alone():
    client = anthropic.Anthropic(**options(httpx2.HTTPTransport, anthropic.DefaultHttpxClient))
    count = 0
    while not os.path.exists(END):
        count += check(client.messages.create(**MESSAGE))
        with client.messages.stream(**MESSAGE) as stream:
            assert "".join(stream.text_stream) == "greetings"
            count += check(stream.get_final_message())
    return count


async def beside(client):
    count = 0
    while not os.path.exists(END):
        count += check(await client.messages.create(**MESSAGE))
        async with client.messages.stream(**MESSAGE) as stream:
            count += check(await stream.get_final_message())
    return count


async def together():
    client = anthropic.AsyncAnthropic(**options(httpx2.AsyncHTTPTransport, anthropic.DefaultAsyncHttpxClient))
    return await asyncio.gather(asyncio.to_thread(alone), beside(client), beside(client))


print(sum(asyncio.run(together())))
