// Drives pixsearch.v1 with @grpc/grpc-js. Usage: node pixsearch-js.cjs HOST:PORT KEY PICTURE_BASE64 PROTO_FOLDER.
'use strict';
const assert = require('node:assert');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [, , target, key, picture, protos] = process.argv;
const definition = loader.loadSync(['pixsearch/v1/pixsearch.proto', 'pixsearch/v1/index.proto'],
  { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [protos] });
const { PixSearch, Index } = grpc.loadPackageDefinition(definition).pixsearch.v1;
const client = new PixSearch(target, grpc.credentials.createInsecure());
const index = new Index(target, grpc.credentials.createInsecure());
const metadata = () => {
  const values = new grpc.Metadata();
  values.set('authorization', `Bearer ${key}`);
  return values;
};
const collect = (call) => new Promise((resolve) => {
  const events = [];
  let headers;
  call.on('metadata', (value) => { headers = value; });
  call.on('data', (event) => events.push(event));
  call.on('error', (error) => resolve({ events, headers, error }));
  call.on('end', () => resolve({ events, headers }));
});
const unary = (service, method, request) => new Promise((resolve, reject) => {
  service[method](request, metadata(), (error, reply) => error ? reject(error) : resolve(reply));
});

const checks = {
  async answerAndResume() {
    const { events, headers } = await collect(client.Answer({ question: 'q', picture: Buffer.from(picture, 'base64') }, metadata()));
    assert.deepEqual(events.map((event) => event.event), ['text', 'mask', 'search', 'evidence', 'text', 'usage', 'finished']);
    const session = headers.get('pixsearch-session')[0];
    const rest = await collect(client.Resume({ session, from_sequence: 3 }, metadata()));
    assert.deepEqual(rest.events, events.slice(3));
  },
  async failure() {
    const { events, error } = await collect(client.Answer({ question: 'fail' }, metadata()));
    assert.equal(events.at(-1).failed.kind, 'deadline_exceeded');
    assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
  },
  async noKey() {
    const { error } = await collect(client.Answer({ question: 'q' }, new grpc.Metadata()));
    assert.equal(error.code, grpc.status.UNAUTHENTICATED);
  },
  async cancelByCall() {
    const call = client.Answer({ question: 'hang' }, metadata());
    call.on('data', () => call.cancel());
    assert.equal((await collect(call)).error.code, grpc.status.CANCELLED);
  },
  async cancelBySession() {
    const call = client.Answer({ question: 'hang' }, metadata());
    let session;
    call.on('metadata', (value) => { session = value.get('pixsearch-session')[0]; });
    call.once('data', () => unary(client, 'Cancel', { session }));
    const { events, error } = await collect(call);
    assert.equal(events.at(-1).failed.kind, 'cancelled');
    assert.equal(error.code, grpc.status.CANCELLED);
  },
  async segment() {
    const reply = await unary(client, 'Segment', { picture: Buffer.from(picture, 'base64'), phrases: ['the flag'] });
    assert.equal(reply.masks[0].phrase, 'the flag');
  },
  async index() {
    const reply = await new Promise((resolve, reject) => {
      const call = index.Ingest(metadata(), (error, value) => error ? reject(error) : resolve(value));
      ['1', '2'].forEach((id) => call.write({ index: 'flags', document: { id, title: 't' } }));
      call.end();
    });
    assert.equal(reply.added, 2);
    assert.equal((await unary(index, 'Search', { index: 'flags', text: 'suva' })).hits[0].title, 'Fiji');
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
  client.close();
  index.close();
})();
