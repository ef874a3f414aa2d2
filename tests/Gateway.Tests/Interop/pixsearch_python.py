# Drives pixsearch.v1 with grpcio (the C core). Usage: python3 pixsearch_python.py HOST:PORT KEY DESCRIPTORS PICTURE_BASE64.
# DESCRIPTORS is a FileDescriptorSet. Prints one line per check; exits 1 at the first failure.
import base64
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

target, key, descriptors, picture = sys.argv[1:5]
pool = descriptor_pool.DescriptorPool()
with open(descriptors, "rb") as file:
    for one in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(one)
factory = message_factory.MessageFactory(pool)
channel = grpc.insecure_channel(target, compression=grpc.Compression.Gzip)
metadata = (("authorization", "Bearer " + key),)


def message(name, **values):
    return factory.GetPrototype(pool.FindMessageTypeByName("pixsearch.v1." + name))(**values)


def reader(name):
    return factory.GetPrototype(pool.FindMessageTypeByName("pixsearch.v1." + name)).FromString


def method(kind, path, reply):
    return getattr(channel, kind)("/pixsearch.v1." + path, lambda one: one.SerializeToString(), reader(reply))


answer = method("unary_stream", "PixSearch/Answer", "AnswerEvent")


def answer_and_resume():
    call = answer(message("AnswerRequest", question="q", picture=base64.b64decode(picture)), metadata=metadata, timeout=30)
    session = dict(call.initial_metadata())["pixsearch-session"]
    events = list(call)
    kinds = [one.WhichOneof("event") for one in events]
    assert kinds == ["text", "mask", "search", "evidence", "text", "usage", "finished"], kinds
    resume = method("unary_stream", "PixSearch/Resume", "AnswerEvent")
    rest = list(resume(message("ResumeRequest", session=session, from_sequence=3), metadata=metadata, timeout=30))
    assert rest == events[3:]


def failures():
    for question, given, code in (("fail", metadata, grpc.StatusCode.DEADLINE_EXCEEDED),
                                  ("", metadata, grpc.StatusCode.INVALID_ARGUMENT), ("q", (), grpc.StatusCode.UNAUTHENTICATED)):
        try:
            list(answer(message("AnswerRequest", question=question), metadata=given, timeout=30))
            raise AssertionError("no error for " + question)
        except grpc.RpcError as error:
            assert error.code() == code, error
            assert any(name == "grpc-status-details-bin" for name, _ in error.trailing_metadata()), error


def deadline():
    try:
        list(answer(message("AnswerRequest", question="hang"), metadata=metadata, timeout=1))
        raise AssertionError("no deadline")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def cancel():
    call = answer(message("AnswerRequest", question="hang"), metadata=metadata)
    next(call)
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED


def segment():
    point = message("Point", x=1, y=2, foreground=True)
    request = message("SegmentRequest", picture=base64.b64decode(picture), phrases=["the flag"],
                      points=[message("PointSet", points=[point])], boxes=[message("Box", x=0, y=1, width=2, height=3)])
    reply = method("unary_unary", "PixSearch/Segment", "SegmentReply")(request, metadata=metadata, timeout=30)
    assert [one.phrase for one in reply.masks] == ["the flag", "", ""], reply


def index():
    documents = (message("IngestRequest", index="flags", document=message("Document", id=str(i), title="t")) for i in range(3))
    reply = method("stream_unary", "Index/Ingest", "IngestReply")(documents, metadata=metadata, timeout=30)
    assert reply.added == 3, reply


for check in (answer_and_resume, failures, deadline, cancel, segment, index):
    try:
        check()
        print("ok", check.__name__, flush=True)
    except Exception as error:  # noqa: every failure is told
        print("FAILED", check.__name__, repr(error))
        sys.exit(1)
