// One answer over TLS with @grpc/grpc-js, and one refusal of an unknown authority.
// Usage: node tls-js.cjs HOST:PORT KEY CA_FILE PROTO_FOLDER.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [, , target, key, ca, protos] = process.argv;
const definition = loader.loadSync('pixsearch/v1/pixsearch.proto',
  { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [protos] });
const { PixSearch } = grpc.loadPackageDefinition(definition).pixsearch.v1;
const ask = (credentials) => new Promise((resolve) => {
  const client = new PixSearch(target, credentials);
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  const events = [];
  const call = client.Answer({ question: 'q' }, metadata, { deadline: Date.now() + 20000 });
  call.on('data', (event) => events.push(event.event));
  call.on('error', (error) => { client.close(); resolve({ error }); });
  call.on('end', () => { client.close(); resolve({ events }); });
});

(async () => {
  const { events, error } = await ask(grpc.credentials.createSsl(fs.readFileSync(ca)));
  assert.ok(!error, String(error));
  assert.equal(events.at(-1), 'finished');
  console.log('ok answer');
  const stranger = await ask(grpc.credentials.createSsl());
  assert.equal(stranger.error.code, grpc.status.UNAVAILABLE);
  console.log('ok stranger');
})().catch((error) => { console.log(error.stack); process.exit(1); });
