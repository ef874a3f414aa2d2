# Drives the Echo service with grpcio (the C core). Its messages are made from what the server's reflection service says, so that works too.
# Usage: python3 grpc_python.py HOST:PORT. Prints one line per check; exits 1 at the first failure.
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

channel = grpc.insecure_channel(sys.argv[1])
SERVICE = "/pixsearch.test.Echo/"


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 2:
            size, at = varint(data, at)
            yield key >> 3, data[at:at + size]
            at += size
        else:
            _, at = varint(data, at)


def load_types():
    reflect = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    symbol = b"pixsearch.test.Echo"
    answers = list(reflect(iter([bytes([0x22, len(symbol)]) + symbol])))
    assert len(answers) == 1
    response = dict(fields(answers[0]))[4]
    pool = descriptor_pool.DescriptorPool()
    for number, data in fields(response):
        if number == 1:
            pool.Add(descriptor_pb2.FileDescriptorProto.FromString(data))
    factory = message_factory.MessageFactory(pool)
    return [factory.GetPrototype(pool.FindMessageTypeByName("pixsearch.test." + name)) for name in ("EchoRequest", "EchoReply")]


Request, Reply = load_types()
print("ok reflection")


def method(kind, name):
    return getattr(channel, kind)(SERVICE + name, request_serializer=Request.SerializeToString, response_deserializer=Reply.FromString)


def fails(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call did not fail")


def unary():
    assert method("unary_unary", "Unary")(Request(text="grüße")).text == "grüße"


def gzip():
    blob = b"abc" * 50000
    assert method("unary_unary", "Unary")(Request(blob=blob), compression=grpc.Compression.Gzip).blob == blob


def server_stream():
    assert [reply.index for reply in method("unary_stream", "Repeat")(Request(count=200))] == list(range(200))


def client_stream():
    assert method("stream_unary", "Join")(Request(text=text) for text in "abc").text == "a,b,c"


def duplex():
    assert [reply.text for reply in method("stream_stream", "Chat")(Request(text=str(i)) for i in range(50))] == [str(i) for i in range(50)]


def status():
    error = fails(lambda: method("unary_unary", "Fail")(Request(count=9, text="not: 100% ✓")))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION and error.details() == "not: 100% ✓"
    trailers = dict(error.trailing_metadata())
    assert trailers["why"] == "test" and len(trailers["grpc-status-details-bin"]) > 10


def late_status():
    replies = []
    error = fails(lambda: replies.extend(method("unary_stream", "FailLate")(Request(count=0))))
    assert error.code() == grpc.StatusCode.NOT_FOUND


def metadata():
    sent = (("echo-text", "one two"), ("echo-data-bin", bytes([0, 255, 7])))
    reply, call = method("unary_unary", "Unary").with_call(Request(text="headers-first"), metadata=sent)
    headers, trailers = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert headers["echo-text"] == "one two" and trailers["trailer-echo-data-bin"] == bytes([0, 255, 7])


def deadline():
    assert fails(lambda: list(method("unary_stream", "Hang")(Request(), timeout=0.2))).code() == grpc.StatusCode.DEADLINE_EXCEEDED


def cancel():
    call = method("unary_stream", "Hang")(Request())
    next(call)
    call.cancel()
    assert fails(lambda: list(call)).code() == grpc.StatusCode.CANCELLED


def too_large():
    assert fails(lambda: method("unary_unary", "Unary")(Request(blob=bytes(300000)))).code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def unimplemented():
    assert fails(lambda: method("unary_unary", "Missing")(Request())).code() == grpc.StatusCode.UNIMPLEMENTED


def health():
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"") == bytes([8, 1])


for test in (unary, gzip, server_stream, client_stream, duplex, status, late_status, metadata, deadline, cancel, too_large, unimplemented,
             health):
    test()
    print("ok", test.__name__)
