"""A client that knows nothing of claviger but its socket: services and messages come from reflection.

Usage: interop.py SOCKET DIRECTORY HOME COOKIE. Prints what it saw as JSON, one object.
"""

import json
import sys
import threading

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

DEADLINE = 20


class Claviger:
    """The API, as reflection describes it."""

    def __init__(self, socket, cookie):
        self.metadata = [("claviger-cookie", cookie)]
        # Without this option the socket's path becomes :authority, which HTTP/2 libraries refuse.
        options = [("grpc.default_authority", "localhost")]
        self.channel = grpc.insecure_channel(f"unix:{socket}", options=options)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)

    def services(self):
        return sorted(self.database.get_services())

    def method(self, service, name):
        found = self.pool.FindServiceByName(f"claviger.v1.{service}").methods_by_name[name]
        request, response = GetMessageClass(found.input_type), GetMessageClass(found.output_type)
        make = self.channel.unary_stream if found.server_streaming else self.channel.unary_unary
        call = make(
            f"/claviger.v1.{service}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return lambda **fields: call(request(**fields), timeout=DEADLINE, metadata=self.metadata)


def shown(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def rotation(claviger, session):
    """Watches the credential; asks for a refresh once the first one has come."""
    events = []
    refresh = claviger.method("InspectService", "Refresh")
    for message in claviger.method("CredentialService", "WatchCredential")(session=session):
        event = shown(message)
        if "issued" not in event:
            continue
        events.append(event["issued"])
        if len(events) == 1:
            threading.Thread(target=refresh, kwargs={"session": session}).start()
        else:
            return events
    return events


def refusal(claviger):
    try:
        claviger.method("CredentialService", "GetCredential")(session={"working_directory": "relative"})
    except grpc.RpcError as error:
        return error.code().name
    return "none"


def main():
    socket, directory, home, cookie = sys.argv[1:]
    with open(cookie) as file:
        claviger = Claviger(socket, file.read().strip())
    session = {"working_directory": directory, "variables": {"HOME": home, "PATH": "/usr/bin:/bin"}}
    health = health_pb2_grpc.HealthStub(claviger.channel)
    request = health_pb2.HealthCheckRequest(service="claviger.v1.CredentialService")
    seen = {
        "services": claviger.services(),
        "explain": shown(claviger.method("InspectService", "Explain")(session=session)),
        "credential": shown(claviger.method("CredentialService", "GetCredential")(session=session)),
        "rotation": rotation(claviger, session),
        "status": shown(claviger.method("InspectService", "GetStatus")()),
        "health": health.Check(request, timeout=DEADLINE).status,
        "refusal": refusal(claviger),
    }
    print(json.dumps(seen))


main()
