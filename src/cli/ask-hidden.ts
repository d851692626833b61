import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { say } from './io.ts';

/** Asks on a terminal for a line that is not shown while it is typed or pasted. */
export const askHidden = (prompt: string, signal?: AbortSignal): Promise<string> =>
  new Promise((resolve, reject) => {
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    // A terminal of its own making, without the 4096 characters a line that the system's allows.
    const terminal = createInterface({
      input: process.stdin,
      output: silent,
      terminal: true,
      historySize: 0,
    });
    // Only now, when what is typed is not shown any more.
    say(prompt);
    const end = () => {
      signal?.removeEventListener('abort', aborted);
      terminal.close();
      say('\n');
    };
    const aborted = () => {
      end();
      reject(new Error('not asked any more'));
    };
    terminal.on('line', (line) => {
      terminal.removeAllListeners('close');
      end();
      resolve(line);
    });
    terminal.on('SIGINT', () => {
      end();
      // As if the terminal had said so.
      process.kill(process.pid, 'SIGINT');
    });
    terminal.on('close', () => reject(new Error('stdin has ended')));
    if (signal?.aborted) {
      aborted();
    }
    signal?.addEventListener('abort', aborted);
  });
