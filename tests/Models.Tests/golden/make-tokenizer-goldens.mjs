// Writes nano-tokens.json: texts with ids and character offsets (UTF-16 units) that the Rust tokenizers give with
// models/pixsearch-nano/tokenizer.json. Run in the cache folder of make-tokenizer-references.sh:
//   cp .../golden/make-tokenizer-goldens.mjs . && node make-tokenizer-goldens.mjs REPOSITORY
// The texts are the project's own and fall under its licence.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';

const { Tokenizer } = createRequire(import.meta.url)('@anush008/tokenizers-linux-x64-gnu');
const root = process.argv[2];
const golden = `${root}/tests/Models.Tests/golden`;
const rust = Tokenizer.fromString(readFileSync(`${root}/models/pixsearch-nano/tokenizer.json`, 'utf8'));
const texts = JSON.parse(readFileSync(`${golden}/texts.json`, 'utf8'));
const cases = [];
for (const text of texts) {
  const encoding = await rust.encode(text, null, { addSpecialTokens: true });
  // Offsets count characters; .NET counts UTF-16 units.
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  cases.push({
    text,
    ids: encoding.getIds(),
    offsets: text.normalize('NFC') === text ? encoding.getOffsets().map(([a, b]) => [units[a], units[b]]) : null,
    decoded: await rust.decode(encoding.getIds(), false),
  });
}
writeFileSync(`${golden}/nano-tokens.json`, JSON.stringify(cases, null, 0).replaceAll('},{', '},\n{') + '\n');
