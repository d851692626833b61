import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listening } from './client-user.ts';

export interface CrateRegistry {
  /** `127.0.0.1:PORT`, as a login is bound to it. */
  readonly host: string;
  /** `GET /index/config.json 200`, request by request. */
  readonly requests: string[];
  readonly authorizations: (string | undefined)[];
}

/**
 * A registry of crates, private (RFC 3139 of Rust), for whoever brings a live token; what is published can
 * be fetched. https://doc.rust-lang.org/cargo/reference/registry-index.html and …/registry-web-api.html
 */
export const startCrateRegistry = async (
  /** Whether a token still lives, when this is asked for with it. */
  isLive: (token: string, url: string) => Promise<boolean>,
): Promise<CrateRegistry> => {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const crates = new Map<string, Buffer>();
  const port = await listening(
    createServer(async (asked, response) => {
      const { method = '', url = '', headers } = asked;
      const [, token = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
      const body = await buffer(asked);
      const mayPass = token !== '' && (await isLive(token, url));
      const found = mayPass ? answer(method, url, body) : undefined;
      const status = mayPass ? (found === undefined ? 404 : 200) : 401;
      requests.push(`${method} ${url} ${status}`);
      authorizations.push(headers.authorization);
      response.writeHead(status, { 'www-authenticate': 'Cargo login_url="https://example.com"' });
      response.end(found);
    }),
  );
  const host = `127.0.0.1:${port}`;
  crates.set(
    '/index/config.json',
    Buffer.from(
      JSON.stringify({ dl: `http://${host}/dl`, api: `http://${host}`, 'auth-required': true }),
    ),
  );
  const answer = (method: string, url: string, body: Buffer): Buffer | undefined => {
    if (method === 'PUT' && url === '/api/v1/crates/new') {
      for (const [path, content] of publish(body)) {
        crates.set(path, content);
      }
      return Buffer.from('{"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}');
    }
    return crates.get(url);
  };
  return { host, requests, authorizations };
};

/** The crate and its line in the index, by path. */
const publish = (body: Buffer): [string, Buffer][] => {
  const size = body.readUInt32LE(0);
  const { name, vers, features } = JSON.parse(body.toString('utf8', 4, 4 + size));
  const crate = body.subarray(8 + size);
  const cksum = createHash('sha256').update(crate).digest('hex');
  const line = { name, vers, deps: [], cksum, features, yanked: false };
  return [
    [`/index/${name.slice(0, 2)}/${name.slice(2, 4)}/${name}`, Buffer.from(JSON.stringify(line))],
    [`/dl/${name}/${vers}/download`, crate],
  ];
};
