// What every second command-line tool does: read the file, refresh, write the file. No lock, no
// second look. Run as a process of its own by the demo: node naive-client.js FILE
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';

const file = process.argv[2] ?? '';

/** Everybody is ready before anybody starts, so that a slow machine does not spread them out. */
process.stdout.write('ready\n');
process.stdin.once('data', () => {
  process.stdin.pause();
  void refresh();
});

const refresh = async (): Promise<void> => {
  const stored = JSON.parse(readFileSync(file, 'utf8'));
  const sentAt = Date.now();
  const { status, body } = await post(stored.token_endpoint, {
    grant_type: 'refresh_token',
    refresh_token: stored.refresh_token,
    client_id: stored.client_id,
  });
  const answer = JSON.parse(body);
  if (status === 200) {
    writeFileSync(file, JSON.stringify({ ...stored, ...answer }));
  }
  // To the demo alone, over a pipe: it tries the token at the protected resource.
  const result = { error: answer.error ?? null, token: answer.access_token ?? null };
  process.stdout.write(`${JSON.stringify({ ...result, sentAt, answeredAt: Date.now() })}\n`);
};

const post = (
  url: string,
  form: Readonly<Record<string, string>>,
): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    const body = new URLSearchParams(form).toString();
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    };
    const outgoing = request(url, { method: 'POST', headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
