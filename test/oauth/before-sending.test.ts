import { expect, it } from 'vitest';
import { httpServer, send } from './servers.ts';

it('asks whether to go on when the connection is there, and before a byte is sent', async () => {
  const order: string[] = [];
  const server = await httpServer((response) => {
    order.push('received');
    response.end('{}');
  });
  const result = await send(server.url, {
    beforeSending: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      order.push('asked');
      return true;
    },
  });
  expect(result).toMatchObject({ kind: 'answered' });
  expect(order).toEqual(['asked', 'received']);
});

it('sends nothing if the answer is no', async () => {
  const server = await httpServer((response) => response.end('{}'));
  const result = await send(server.url, { beforeSending: async () => false });
  expect(result).toMatchObject({ kind: 'not-sent', code: 'ECANCELED' });
  expect(server.received).toEqual([]);
});

it('sends nothing if asking fails', async () => {
  const server = await httpServer((response) => response.end('{}'));
  const result = await send(server.url, {
    beforeSending: async () => {
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    },
  });
  expect(result).toMatchObject({ kind: 'not-sent', code: 'ENOSPC' });
  expect(server.received).toEqual([]);
});

it('does not ask when there is no connection', async () => {
  let asked = false;
  const result = await send('http://127.0.0.1:1/token', {
    beforeSending: async () => {
      asked = true;
      return true;
    },
  });
  expect(result).toMatchObject({ kind: 'not-sent', code: 'ECONNREFUSED' });
  expect(asked).toBe(false);
});

it('gives its outcome only after whoever was asked has finished', async () => {
  const server = await httpServer((response) => response.end('{}'));
  let finished = false;
  await send(server.url, {
    connectTimeoutMs: 30,
    beforeSending: async () => {
      await new Promise((resolve) => setTimeout(resolve, 120));
      finished = true;
      return true;
    },
  });
  expect(finished).toBe(true);
  expect(server.received).toEqual([]);
});
