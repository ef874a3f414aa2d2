"""Trains sp-mini.model on texts.json and writes sp-mini.json: ids that python3-sentencepiece 0.1.97 (Debian) gives.

The texts are the project's own; model and ids fall under its licence.
"""
import io
import json
import os

import sentencepiece

here = os.path.dirname(os.path.abspath(__file__))
texts = json.load(open(f"{here}/texts.json", encoding="utf-8"))
# Only some texts: the other alphabets have to fall back to bytes.
lines = [line for text in texts[:21] for line in text.split("\n") if line.strip()]
model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(lines * 4), model_writer=model, model_type="bpe", vocab_size=460, byte_fallback=True,
    character_coverage=1.0, normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2,
    num_threads=1, user_defined_symbols=["[UD]"])
open(f"{here}/sp-mini.model", "wb").write(model.getvalue())
processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
cases = [{"text": t, "ids": processor.encode(t), "decoded": processor.decode(processor.encode(t))} for t in texts]
json.dump(cases, open(f"{here}/sp-mini.json", "w", encoding="utf-8"), ensure_ascii=True, indent=0)
