// Drives the gateway with OpenAI's official client. Usage: node openai.cjs BASE_URL KEY PICTURE_BASE64.
'use strict';
const assert = require('node:assert');
const { OpenAI, AuthenticationError, NotFoundError, BadRequestError, APIError } = require('openai');

const [, , baseURL, apiKey, picture] = process.argv;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const text = 'The flag on the left is Fiji. Its capital is Suva – süß.';
const question = (words) => ({
  model: 'nano',
  messages: [
    { role: 'system', content: 'Answer briefly.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: words },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
      ],
    },
  ],
});
const rejects = (promise) => promise.then(() => assert.fail('it did not fail'), (error) => error);

const checks = {
  async models() {
    const names = [];
    for await (const model of client.models.list()) {
      names.push(model.id);
    }
    assert.deepEqual(names, ['nano', 'other']);
    assert.equal((await client.models.retrieve('nano')).owned_by, 'pixsearch');
  },
  async completion() {
    const answer = await client.chat.completions.create({ ...question('q'), max_tokens: 50, seed: 7, stop: ['zzz'], temperature: 0.3 });
    assert.equal(answer.choices[0].message.content, text);
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.total_tokens, 188);
    assert.equal(answer.pixsearch.masks[0].text_span, 'The flag on the left');
    assert.equal(answer.pixsearch.searches[0].hits[0].title, 'Fiji');
  },
  async stream() {
    const stream = await client.chat.completions.create({ ...question('q'), stream: true, stream_options: { include_usage: true } });
    let seen = '';
    let usage;
    const events = [];
    for await (const chunk of stream) {
      seen += chunk.choices[0]?.delta?.content ?? '';
      usage = chunk.usage ?? usage;
      if (chunk.pixsearch?.event) {
        events.push(chunk.pixsearch.event.type);
      }
    }
    assert.equal(seen, text);
    assert.equal(usage.total_tokens, 188);
    assert.deepEqual(events, ['mask', 'search', 'evidence', 'usage']);
  },
  async streamHelper() {
    const final = await client.chat.completions.stream(question('q')).finalChatCompletion();
    assert.equal(final.choices[0].message.content, text);
    assert.equal(final.choices[0].finish_reason, 'stop');
  },
  async abort() {
    const stream = await client.chat.completions.create({ ...question('hang'), stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content) {
        stream.controller.abort();
      }
    }
  },
  async wrongKey() {
    const other = new OpenAI({ baseURL, apiKey: 'nope', maxRetries: 0 });
    const error = await rejects(other.models.list());
    assert.ok(error instanceof AuthenticationError);
    assert.equal(error.code, 'invalid_api_key');
  },
  async unknownModel() {
    const error = await rejects(client.chat.completions.create({ ...question('q'), model: 'gpt-9' }));
    assert.ok(error instanceof NotFoundError);
  },
  async unsupported() {
    const error = await rejects(client.chat.completions.create({ ...question('q'), n: 3 }));
    assert.ok(error instanceof BadRequestError);
    assert.match(error.message, /'n'/);
  },
  async failedSession() {
    const error = await rejects(client.chat.completions.create(question('fail')));
    assert.ok(error instanceof APIError);
    assert.equal(error.status, 504);
  },
  async failedStream() {
    const stream = await client.chat.completions.create({ ...question('fail'), stream: true });
    const error = await rejects((async () => {
      for await (const chunk of stream) {
        assert.ok(chunk.choices);
      }
    })());
    assert.equal(error.code ?? error.error?.code, 'deadline_exceeded');
  },
};

(async () => {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAILED ${name}: ${error.stack}`);
      process.exit(1);
    }
  }
})();
