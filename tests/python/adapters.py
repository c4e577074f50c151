"""Unmodified tools of the clouds that get their credentials from claviger. Prints JSON."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor


def boto3_keys(count):
    """Keys of as many sessions at once, after the word to start; then, on each further word, of the same ones again."""
    import boto3

    sessions = [boto3.Session() for _ in range(int(count))]
    credentials = None
    print(json.dumps("ready"), flush=True)
    with ThreadPoolExecutor(len(sessions)) as pool:
        for _ in sys.stdin:
            credentials = credentials or list(pool.map(lambda session: session.get_credentials(), sessions))
            frozen = pool.map(lambda one: one.get_frozen_credentials(), credentials)
            print(json.dumps([keys.access_key for keys in frozen]), flush=True)


def google_token(path):
    """The token that google-auth has in the end, or the error."""
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.load_credentials_from_file(path)
    try:
        credentials.refresh(Request())
        print(json.dumps({"token": credentials.token}))
    except google.auth.exceptions.RefreshError as error:
        print(json.dumps({"error": str(error)}))


def google_tokens(count):
    """The tokens of as many at once, of the file that the environment names."""
    import google.auth
    from google.auth.transport.requests import Request

    def token(_):
        credentials, _ = google.auth.default()
        credentials.refresh(Request())
        return credentials.token

    with ThreadPoolExecutor(int(count)) as pool:
        print(json.dumps(list(pool.map(token, range(int(count))))))


def azure_token(scope):
    """What AzureCliCredential makes of what `az` prints."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import AzureCliCredential, CredentialUnavailableError

    try:
        token = AzureCliCredential(process_timeout=60).get_token(scope)
        print(json.dumps({"token": token.token, "expires_on": token.expires_on}))
    except (ClientAuthenticationError, CredentialUnavailableError) as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    verbs = {"boto3": boto3_keys, "google": google_token, "googles": google_tokens, "azure": azure_token}
    verbs[sys.argv[1]](sys.argv[2])
