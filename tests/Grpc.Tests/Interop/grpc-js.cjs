// Drives the Echo service with @grpc/grpc-js. Usage: node grpc-js.cjs HOST:PORT. Prints one line per check; exits 1 at the first failure.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const file = path.join(__dirname, '..', 'Protos', 'echo.proto');
const { Echo } = grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, defaults: true })).pixsearch.test;
const client = new Echo(process.argv[2], grpc.credentials.createInsecure());

const unary = (method, request, metadata = new grpc.Metadata(), options = {}) => new Promise((resolve, reject) => {
  const seen = {};
  const call = client[method](request, metadata, options, (error, reply) => error
    ? reject(error)
    : setImmediate(() => resolve({ reply, ...seen })));
  call.on('metadata', (value) => { seen.headers = value; });
  call.on('status', (value) => { seen.status = value; });
});

const collect = (call) => new Promise((resolve) => {
  const replies = [];
  call.on('data', (reply) => replies.push(reply));
  call.on('error', (error) => resolve({ replies, error }));
  call.on('end', () => resolve({ replies }));
});

const checks = {
  async unary() {
    assert.equal((await unary('Unary', { text: 'grüße' })).reply.text, 'grüße');
  },
  async gzip() {
    const blob = Buffer.alloc(150000, 'abc');
    const zipped = new Echo(process.argv[2], grpc.credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
    const reply = await new Promise((resolve, reject) => zipped.Unary({ blob }, (error, value) => error ? reject(error) : resolve(value)));
    assert.ok(reply.blob.equals(blob));
    zipped.close();
  },
  async serverStream() {
    const { replies } = await collect(client.Repeat({ text: 'x', count: 200 }));
    assert.deepEqual(replies.map((reply) => reply.index), [...Array(200).keys()]);
  },
  async clientStream() {
    const reply = await new Promise((resolve, reject) => {
      const call = client.Join((error, value) => error ? reject(error) : resolve(value));
      ['a', 'b', 'c'].forEach((text) => call.write({ text }));
      call.end();
    });
    assert.equal(reply.text, 'a,b,c');
  },
  async duplex() {
    const call = client.Chat();
    for (let i = 0; i < 10; i++) {
      const next = new Promise((resolve) => call.once('data', resolve));
      call.write({ text: `${i}` });
      assert.equal((await next).text, `${i}`);
    }
    const end = new Promise((resolve) => call.on('end', resolve));
    call.end();
    await end;
  },
  async status() {
    const error = await unary('Fail', { count: 9, text: 'not: 100% "ready" ✓' }).catch((value) => value);
    assert.equal(error.code, grpc.status.FAILED_PRECONDITION);
    assert.equal(error.details, 'not: 100% "ready" ✓');
    assert.equal(error.metadata.get('why')[0], 'test');
    assert.ok(error.metadata.get('grpc-status-details-bin')[0].length > 10);
  },
  async lateStatus() {
    const { replies, error } = await collect(client.FailLate({ count: 3 }));
    assert.equal(replies.length, 3);
    assert.equal(error.code, grpc.status.NOT_FOUND);
  },
  async metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('echo-text', 'one two');
    metadata.set('echo-data-bin', Buffer.from([0, 255, 7]));
    const { headers, status } = await unary('Unary', {}, metadata);
    assert.equal(headers.get('echo-text')[0], 'one two');
    assert.deepEqual([...headers.get('echo-data-bin')[0]], [0, 255, 7]);
    assert.deepEqual([...status.metadata.get('trailer-echo-data-bin')[0]], [0, 255, 7]);
  },
  async deadline() {
    const error = await collect(client.Hang({}, { deadline: Date.now() + 200 }));
    assert.equal(error.error.code, grpc.status.DEADLINE_EXCEEDED);
  },
  async cancel() {
    const call = client.Hang({});
    call.on('data', () => call.cancel());
    const { error } = await collect(call);
    assert.equal(error.code, grpc.status.CANCELLED);
  },
  async tooLarge() {
    const error = await unary('Unary', { blob: Buffer.alloc(300000) }).catch((value) => value);
    assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
  },
  async unimplemented() {
    const missing = grpc.makeGenericClientConstructor({
      Missing: {
        path: '/pixsearch.test.Echo/Missing', requestStream: false, responseStream: false,
        requestSerialize: (value) => value, responseDeserialize: (value) => value,
      },
    }, 'x');
    const other = new missing(process.argv[2], grpc.credentials.createInsecure());
    const error = await new Promise((resolve) => other.Missing(Buffer.alloc(0), resolve));
    assert.equal(error.code, grpc.status.UNIMPLEMENTED);
    other.close();
  },
  async manyAtOnce() {
    const replies = await Promise.all([...Array(300).keys()].map((i) => unary('Unary', { text: `${i}` })));
    assert.ok(replies.every((one, i) => one.reply.text === `${i}`));
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
})();
