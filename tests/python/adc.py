"""Asks google-auth for a token of Application Default Credentials, and prints it with its expiry as JSON.

argv[1] is the server that stands in for those that google-auth has fixed names for. The variable ADC_NOW sets its clock,
so that what it signs can be compared; ADC_SIGNED is a text that it signs with the file's key, as a check of ours.
"""

import base64
import datetime
import json
import os
import sys
import warnings

import google.auth
import google.auth.transport.requests
from google.auth import _helpers, iam
from google.oauth2 import credentials as user

warnings.simplefilter("ignore")
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
base = sys.argv[1]

now = datetime.datetime.fromtimestamp(int(os.environ["ADC_NOW"]), datetime.timezone.utc).replace(tzinfo=None)
_helpers.utcnow = lambda: now
user._GOOGLE_OAUTH2_TOKEN_ENDPOINT = base + "/token"
iam._IAM_ENDPOINT = base + "/v1/projects/-/serviceAccounts/{}:generateAccessToken"


class Loopback(google.auth.transport.requests.Request):
    """Sends requests only to the server that stands in."""

    def __call__(self, url, *args, **kwargs):
        if not url.startswith(base + "/") and url != base:
            raise RuntimeError("not for this test: " + url)
        return super().__call__(url, *args, **kwargs)


request = Loopback()
credentials, _ = google.auth.default(scopes=[SCOPE], request=request)
credentials.refresh(request)
answer = {
    "token": credentials.token,
    "expires_at": int(credentials.expiry.replace(tzinfo=datetime.timezone.utc).timestamp()),
    "quota_project": credentials.quota_project_id,
}
if "ADC_SIGNED" in os.environ:
    signature = credentials.signer.sign(os.environ["ADC_SIGNED"].encode())
    answer["signature"] = base64.urlsafe_b64encode(signature).decode().rstrip("=")
print(json.dumps(answer))
