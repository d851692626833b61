// The least that an honest refresh can be in Node.js: read the record, hold a lock, prove that there is
// room, send the refresh token, make the answer durable, put it in its place, say that it was seen.
// Three fsyncs and three renames, as many as tokenctl's. What it does not do: judge anything, survive
// anything, wait for anybody.
const fs = require('node:fs');

const path = process.argv[2];
const record = JSON.parse(fs.readFileSync(path, 'utf8'));
const { request } = require(
  record.token_endpoint.startsWith('https:') ? 'node:https' : 'node:http',
);

fs.mkdirSync(`${path}.lock.new`);
fs.renameSync(`${path}.lock.new`, `${path}.lock`);
const next = `${path}.lock/next.json`;
const file = fs.openSync(next, 'wx', 0o600);
fs.writeSync(file, ' '.repeat(4096));
fs.fsyncSync(file);

const body = new URLSearchParams({
  grant_type: 'refresh_token',
  refresh_token: record.refresh_token,
  client_id: record.client_id,
}).toString();
const headers = {
  'content-type': 'application/x-www-form-urlencoded',
  'content-length': Buffer.byteLength(body),
};
const post = request(
  record.token_endpoint,
  { method: 'POST', agent: false, headers },
  (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (more) => {
      text += more;
    });
    response.on('end', () => keep(JSON.parse(text)));
  },
);
post.end(body);

function keep(answer) {
  const text = JSON.stringify({ ...record, ...answer });
  fs.ftruncateSync(file);
  fs.writeSync(file, text, 0);
  fs.fsyncSync(file);
  fs.closeSync(file);
  fs.renameSync(next, path);
  const directory = fs.openSync(require('node:path').dirname(path));
  fs.fsyncSync(directory);
  fs.closeSync(directory);
  fs.writeFileSync(`${path}.seen.new`, '1');
  fs.renameSync(`${path}.seen.new`, `${path}.seen`);
  fs.rmdirSync(`${path}.lock`);
  process.stdout.write(`${answer.access_token}\n`);
}
