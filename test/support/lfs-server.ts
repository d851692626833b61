import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listening } from './client-user.ts';

export interface LfsServer {
  /** `127.0.0.1:PORT`, as a login is bound to it. */
  readonly host: string;
  readonly url: string;
  /** `POST /objects/batch 200`, request by request. */
  readonly requests: string[];
}

/** Large files, for whoever has a live token as password: https://github.com/git-lfs/git-lfs/tree/main/docs/api */
export const startLfsServer = async (
  /** Whether a token still lives, when this is asked for with it. */
  isLive: (token: string, url: string) => Promise<boolean>,
): Promise<LfsServer> => {
  const requests: string[] = [];
  const objects = new Map<string, Buffer>();
  const port = await listening(
    createServer(async (asked, response) => {
      const { method = '', url = '', headers } = asked;
      const basic = Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64');
      const [, password = ''] = basic.toString('utf8').split(':');
      const body = await buffer(asked);
      const mayPass = password !== '' && (await isLive(password, url));
      const answer = mayPass ? respond(method, url, body) : null;
      const status = mayPass ? (answer === null ? 404 : 200) : 401;
      requests.push(`${method} ${url.replace(/[0-9a-f]{64}/, 'OID')} ${status}`);
      response.writeHead(status, {
        ...(status === 401 && { 'www-authenticate': 'Basic realm="lfs"' }),
        'content-type': 'application/vnd.git-lfs+json',
      });
      response.end(answer ?? '{"message":"no"}');
    }),
  );
  const root = `http://127.0.0.1:${port}`;
  const respond = (method: string, url: string, body: Buffer): Buffer | null => {
    if (url === '/objects/batch') {
      return batch(root, JSON.parse(body.toString('utf8')));
    }
    if (method === 'PUT') {
      objects.set(url, body);
    }
    return objects.get(url) ?? null;
  };
  return { host: `127.0.0.1:${port}`, url: root, requests };
};

interface Batch {
  readonly operation: string;
  readonly objects: readonly { readonly oid: string; readonly size: number }[];
}

const batch = (root: string, { operation, objects }: Batch): Buffer =>
  Buffer.from(
    JSON.stringify({
      transfer: 'basic',
      objects: objects.map(({ oid, size }) => ({
        ...{ oid, size },
        actions: { [operation]: { href: `${root}/objects/${oid}` } },
      })),
    }),
  );
