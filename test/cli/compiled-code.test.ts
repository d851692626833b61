import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { need } from '../support/need.ts';

const NODE = process.env.TOKENCTL_TEST_NODE ?? process.execPath;
const SOURCE = resolve(import.meta.dirname, '../../src/cli/compiled-code.ts');
const NOBODY = 65_534;
const DIGEST_BYTES = 32;

/** Loads a file and says what it exports; `keep` is what a get does that has refreshed. */
const PROGRAM = `
import { runCompiled } from ${JSON.stringify(SOURCE)};
const { exports, keepCompiled } = runCompiled(process.argv[2], require);
console.log(exports.answer());
if (process.argv[3] === 'keep') {
  keepCompiled();
}`;

/** Of one length, for that is all that V8 compares. */
const codeThatSays = (word: string): string =>
  `(function (exports, require, module) { exports.answer = () => ${JSON.stringify(word)}; })\n`;

let directory: string;
let program: string;
let count = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-compiled-'));
  // Everything in here is read by another user, too.
  chmodSync(directory, 0o755);
  program = join(directory, 'program.cjs');
  const stdin = { contents: PROGRAM, resolveDir: directory };
  await build({ stdin, bundle: true, platform: 'node', format: 'cjs', outfile: program });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A file of code in a directory of its own. */
const createCode = (word = 'good') => {
  count += 1;
  const place = join(directory, String(count));
  mkdirSync(place);
  const path = join(place, 'code.cjs');
  writeFileSync(path, codeThatSays(word));
  const run = (keep: 'keep' | 'leave', env: NodeJS.ProcessEnv = {}, flags: string[] = []) =>
    execFileSync(NODE, [...flags, program, path, keep], { encoding: 'utf8', env }).trim();
  const version = execFileSync(NODE, ['-p', 'process.version + "-" + process.arch']);
  const kept = `${path}.${String(version).trim()}.v8`;
  return { place, path, kept, run };
};

/** What was compiled from other code, and passes for what was compiled from this one. */
const forged = (code: { path: string }): Buffer => {
  const evil = createCode('evil');
  evil.run('keep');
  const compiled = readFileSync(evil.kept).subarray(DIGEST_BYTES);
  const { size, mtimeMs } = statSync(
    execFileSync(NODE, ['-p', 'process.execPath'], { encoding: 'utf8' }).trim(),
  );
  const version = execFileSync(NODE, ['-v'], { encoding: 'utf8' }).trim();
  const bytes = readFileSync(code.path);
  const digest = createHash('sha256')
    .update(`${version} ${size} ${mtimeMs} ${bytes.length} ${compiled.length}\n`)
    .update(bytes)
    .update(compiled)
    .digest();
  return Buffer.concat([digest, compiled]);
};

describe('what V8 has compiled', () => {
  it('is kept beside the code, for its owner to replace and its readers to read', () => {
    const code = createCode();
    chmodSync(code.path, 0o644);
    expect(code.run('keep')).toBe('good');
    const { mode, uid } = statSync(code.kept);
    expect((mode & 0o777).toString(8)).toBe('444');
    expect(uid).toBe(process.geteuid?.());
    expect(readdirSync(code.place).sort()).toEqual([
      'code.cjs',
      code.kept.slice(code.place.length + 1),
    ]);
  });

  it('is used by the next process, and not written again', () => {
    const code = createCode();
    code.run('keep');
    const before = statSync(code.kept).ino;
    expect(code.run('keep')).toBe('good');
    expect(statSync(code.kept).ino).toBe(before);
    // Seen to be used: what is in there is run, and not the code.
    writeOver(code.kept, forged(code));
    expect(code.run('leave')).toBe('evil');
  });

  it('is not kept unless that is asked for', () => {
    const code = createCode();
    code.run('leave');
    expect(readdirSync(code.place)).toEqual(['code.cjs']);
  });

  it.each([
    ['by NODE_OPTIONS', { NODE_OPTIONS: '--no-warnings' }, []],
    ['on the command line', {}, ['--stack-size=900']],
  ])('is not kept by a process with flags %s', (_, env, flags) => {
    const code = createCode();
    expect(code.run('keep', env, flags)).toBe('good');
    expect(readdirSync(code.place)).toEqual(['code.cjs']);
  });

  it('is of no use to a process with other flags of V8, which leaves it as it is', () => {
    const code = createCode();
    code.run('keep');
    const before = statSync(code.kept).ino;
    expect(code.run('keep', {}, ['--no-opt'])).toBe('good');
    expect(statSync(code.kept).ino).toBe(before);
  });
});

/** In place of what is there, as its owner would. */
const writeOver = (path: string, bytes: Buffer): void => {
  rmSync(path, { force: true });
  writeFileSync(path, bytes, { mode: 0o444 });
};

type Code = ReturnType<typeof createCode>;

/** Each would run, if it were where and whose it should be: see the control above. */
const HOSTILE: readonly [what: string, put: (code: Code) => void][] = [
  [
    'from code of the same length that was there before',
    (code) => {
      writeOver(code.kept, forged(createCode('evil')));
    },
  ],
  [
    'with bytes changed',
    (code) => {
      const bytes = forged(code);
      const middle = bytes.length >> 1;
      bytes.fill(0xff, middle, middle + 64);
      writeOver(code.kept, bytes);
    },
  ],
  [
    'cut off',
    (code) => {
      writeOver(code.kept, forged(code));
      chmodSync(code.kept, 0o600);
      truncateSync(code.kept, statSync(code.kept).size - 100);
      chmodSync(code.kept, 0o444);
    },
  ],
  [
    'with something behind it',
    (code) => {
      writeOver(code.kept, Buffer.concat([forged(code), Buffer.from('more')]));
    },
  ],
  ['that is empty', (code) => writeOver(code.kept, Buffer.alloc(0))],
  ['that is garbage', (code) => writeOver(code.kept, Buffer.alloc(5_000, 'garbage'))],
  [
    'that its group can write to',
    (code) => {
      writeOver(code.kept, forged(code));
      chmodSync(code.kept, 0o464);
    },
  ],
  [
    'that everybody can write to',
    (code) => {
      writeOver(code.kept, forged(code));
      chmodSync(code.kept, 0o446);
    },
  ],
  [
    'behind a link',
    (code) => {
      writeOver(join(code.place, 'elsewhere'), forged(code));
      symlinkSync('elsewhere', code.kept);
    },
  ],
  [
    'that is a second name of another file',
    (code) => {
      writeOver(join(code.place, 'elsewhere'), forged(code));
      linkSync(join(code.place, 'elsewhere'), code.kept);
    },
  ],
  ['that is a pipe', (code) => execFileSync('mkfifo', [code.kept])],
];

describe('what does not come from us', () => {
  it.each(HOSTILE)('%s is not run, and is replaced', (_, put) => {
    const code = createCode();
    put(code);
    expect(code.run('keep')).toBe('good');
    const { mode, nlink } = statSync(code.kept);
    expect([mode & 0o022, nlink]).toEqual([0, 1]);
    const before = statSync(code.kept).ino;
    expect(code.run('keep')).toBe('good');
    expect(statSync(code.kept).ino).toBe(before);
  });

  it('and belongs to another user is not run, and is replaced', (context) => {
    need(context, process.geteuid?.() === 0, 'root');
    const code = createCode();
    writeOver(code.kept, forged(code));
    chownSync(code.kept, NOBODY, NOBODY);
    expect(code.run('keep')).toBe('good');
    expect(statSync(code.kept).uid).toBe(0);
  });

  it('and is a directory is left alone', () => {
    const code = createCode();
    mkdirSync(code.kept);
    expect(code.run('keep')).toBe('good');
    expect(statSync(code.kept).isDirectory()).toBe(true);
  });

  it('and stands where it is prepared does not stop it, and is not written to', () => {
    const code = createCode();
    const other = join(code.place, 'other');
    writeFileSync(other, 'precious');
    symlinkSync('other', `${code.kept}.new`);
    expect(code.run('keep')).toBe('good');
    expect(readFileSync(other, 'utf8')).toBe('precious');
    expect(statSync(code.kept).isFile()).toBe(true);
  });
});

describe('code that has changed', () => {
  it('is what runs', () => {
    const code = createCode('good');
    code.run('keep');
    writeFileSync(code.path, codeThatSays('new!'));
    expect(code.run('keep')).toBe('new!');
    expect(code.run('leave')).toBe('new!');
    appendFileSync(code.path, '\n');
    expect(code.run('leave')).toBe('new!');
  });
});

describe('code of another user', () => {
  const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const canBeNobody =
    process.geteuid?.() === 0 && spawnSync('setpriv', [...asNobody, NODE, '-v']).status === 0;
  const runAsNobody = (code: Code) =>
    execFileSync('setpriv', [...asNobody, NODE, program, code.path, 'keep'], {
      encoding: 'utf8',
      env: {},
    }).trim();

  it('is used with what its owner kept, and nothing is kept beside it', (context) => {
    need(context, canBeNobody, 'root and setpriv(1)');
    const code = createCode();
    chmodSync(code.place, 0o777);
    expect(runAsNobody(code)).toBe('good');
    expect(readdirSync(code.place)).toEqual(['code.cjs']);
    writeOver(code.kept, forged(code));
    expect(runAsNobody(code)).toBe('evil');
  });

  it('or one that cannot be written to, runs all the same', (context) => {
    need(context, canBeNobody, 'root and setpriv(1)');
    const code = createCode();
    chownSync(code.place, NOBODY, NOBODY);
    chownSync(code.path, NOBODY, NOBODY);
    chmodSync(code.place, 0o500);
    expect(runAsNobody(code)).toBe('good');
    expect(readdirSync(code.place)).toEqual(['code.cjs']);
    // It was the directory alone.
    chmodSync(code.place, 0o700);
    runAsNobody(code);
    expect(readdirSync(code.place)).toHaveLength(2);
  });

  it('cannot be replaced by a file that is hung in beside it', (context) => {
    need(context, canBeNobody, 'root and setpriv(1)');
    const code = createCode();
    // As in /tmp: nobody may add files here, and replace none but their own.
    chmodSync(code.place, 0o1777);
    const own = join(directory, `own-${count}`);
    writeOver(own, forged(code));
    renameSync(own, code.kept);
    chownSync(code.kept, NOBODY, NOBODY);
    expect(code.run('leave')).toBe('good');
  });
});
