"""Writes SentencePiece models and the ids that Debian's python3-sentencepiece gives for the texts of the cache folder.

Called by make-tokenizer-references.sh. The model of the LLaMA vocabulary is put together from the pieces of npm's
llama-tokenizer-js (MIT) with the settings that LLaMA's tokenizer.model is known to have.
"""
import json
import os
import struct
import sys

import sentencepiece


def varint(value):
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number(index, value):
    return varint(index << 3) + varint(value)


def model(pieces):
    out = b""
    for i, piece in enumerate(pieces):
        kind = 2 if i == 0 else 3 if i < 3 else 6 if i < 259 else 1
        score = 0.0 if i < 259 else -float(i - 259)
        out += field(1, field(1, piece.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + number(3, kind))
    trainer = number(3, 2) + number(4, len(pieces)) + number(35, 1)
    normalizer = field(1, b"identity") + number(3, 1) + number(4, 0) + number(5, 1)
    return out + field(2, trainer) + field(3, normalizer)


def main():
    cache = sys.argv[1]
    texts = json.load(open(os.path.join(cache, "texts.json"), encoding="utf-8"))
    pieces = json.load(open(os.path.join(cache, "llama-pieces.json"), encoding="utf-8"))
    folder = os.path.join(cache, "llama")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(model(pieces))
    processor = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "tokenizer.model"))
    ids = [processor.encode(text) for text in texts]
    json.dump(ids, open(os.path.join(folder, "sentencepiece.json"), "w"))
    json.dump([processor.decode(i) for i in ids], open(os.path.join(folder, "decoded.json"), "w"))
    print(f"llama: {len(texts)} texts")


main()
