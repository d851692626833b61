import { constants, readdirSync, readFileSync } from 'node:fs';
import * as real from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as blocking from '../../src/platform/blocking-fs.ts';

type Calls = Pick<typeof real, 'mkdir' | 'open' | 'rename'> & typeof real;

it('has everything that is imported from node:fs/promises anywhere', () => {
  const src = join(import.meta.dirname, '../../src');
  const imported = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) =>
      [
        ...readFileSync(join(src, path), 'utf8').matchAll(
          /import \{([^}]*)\} from 'node:fs\/promises'/g,
        ),
      ]
        .flatMap(([, names = '']) => names.split(','))
        .map((name) => name.trim())
        .filter((name) => name !== '' && !name.startsWith('type ')),
    );
  expect(imported.length).toBeGreaterThan(10);
  expect(imported.filter((name) => !(name in blocking))).toEqual([]);
});

it('gives what node:fs/promises gives, and fails as it fails', async () => {
  expect(await story(blocking as unknown as Calls)).toEqual(await story(real));
});

/** Every call in use, with its outcome. */
async function story(fs: Calls): Promise<unknown[]> {
  const directory = await fs.mkdtemp(join(tmpdir(), 'tokenctl-blocking-fs-'));
  const at = (name: string) => join(directory, name);
  const outcomes: unknown[] = [];
  const note = async (outcome: Promise<unknown>) => {
    outcomes.push(await outcome.catch((error: NodeJS.ErrnoException) => error.code));
  };
  const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_WRONLY } = constants;
  const file = await fs.open(at('file'), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  await file.writeFile('hello');
  const bytes = Buffer.from('HE');
  outcomes.push((await file.write(bytes, 0, 2, 0)).bytesWritten);
  outcomes.push((await file.write('!')).bytesWritten > 0);
  await file.truncate(4);
  await file.chmod(0o640);
  await file.sync();
  await file.close();
  const again = await fs.open(at('file'), O_RDONLY);
  outcomes.push((await again.stat()).mode, (await again.stat()).isFile());
  outcomes.push(typeof (await again.stat({ bigint: true })).ino);
  await note(again.readFile('utf8'));
  await again.close();
  await note(fs.open(at('file'), O_WRONLY | O_CREAT | O_EXCL, 0o600));
  await note(fs.open(at('absent'), O_RDONLY));
  await fs.mkdir(at('folder/deep'), { recursive: true, mode: 0o700 });
  await note(fs.mkdir(at('folder'), { mode: 0o700 }));
  await note(fs.rmdir(at('folder')));
  await note(fs.rename(at('folder'), at('other')));
  await note(fs.rename(at('absent'), at('other')));
  await note(fs.link(at('file'), at('link')));
  await note(fs.unlink(at('link')));
  await note(fs.unlink(at('absent')));
  await fs.chmod(at('file'), 0o600);
  await fs.utimes(at('file'), 1000, 2000);
  outcomes.push((await fs.stat(at('file'))).mtimeMs, (await fs.lstat(at('file'))).mode);
  await note(fs.lstat(at('absent')));
  await fs.writeFile(at('written'), 'text', { mode: 0o600, flag: 'wx' });
  await note(fs.writeFile(at('written'), 'text', { flag: 'wx' }));
  await note(fs.readFile(at('written'), 'latin1'));
  await note(fs.readFile(at('absent'), 'latin1'));
  await note(fs.readdir(directory).then((names) => names.sort()));
  await note(fs.readdir(at('absent')));
  await note(fs.readdir(at('file')));
  outcomes.push((await fs.realpath(at('other'))).endsWith('other'));
  await note(fs.realpath(at('absent')));
  await fs.rm(directory, { recursive: true });
  await note(fs.stat(directory));
  return outcomes;
}
