import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { deadOwner } from './lock-processes.ts';

/** Where the things are that can be tampered with. */
export interface Places {
  readonly home: string;
  readonly directory: string;
  readonly record: string;
  readonly lock: string;
  readonly audit: string;
}

export interface Tampering {
  readonly what: string;
  readonly tamper: (places: Places) => void;
  /** The message, apart from the command that mends it. */
  readonly says: RegExp;
  /** Takes root. */
  readonly root?: true;
}

export const mkfifo = (path: string): void => {
  execFileSync('mkfifo', [path]);
};
const mknod = (path: string, device: string): void => {
  execFileSync('mknod', [path, 'c', ...device.split(' ')]);
};
const size = (path: string): number => readFileSync(path).length;

/** Instead of the record. */
const replaced =
  (make: (path: string, places: Places) => void) =>
  (places: Places): void => {
    rmSync(places.record);
    make(places.record, places);
  };

const DAMAGED = /^the credential file is damaged \(.*\)$/;
const NO_FILE = /^the credential file is not a regular file$/;
const NOWHERE = /^the credential file cannot be read \(.* leads nowhere\)$/;

export const OF_THE_RECORD: readonly Tampering[] = [
  { what: 'is empty', tamper: ({ record }) => truncateSync(record, 0), says: DAMAGED },
  ...[1, 17, 300, -300, -3, -2].map((cut) => ({
    what: `ends ${cut > 0 ? 'after' : 'before the last'} ${Math.abs(cut)} bytes`,
    tamper: ({ record }: Places) => truncateSync(record, cut > 0 ? cut : size(record) + cut),
    says: DAMAGED,
  })),
  {
    what: 'is full of zeros, as after a power failure',
    tamper: ({ record }) => writeFileSync(record, Buffer.alloc(size(record))),
    says: DAMAGED,
  },
  {
    what: 'has a hole in the middle',
    tamper: ({ record }) => {
      const text = readFileSync(record);
      writeFileSync(record, text.fill(0, Math.floor(text.length / 3), Math.floor(text.length / 2)));
    },
    says: DAMAGED,
  },
  {
    what: 'is 10 MB large',
    tamper: ({ record }) => truncateSync(record, 10 * 2 ** 20),
    says: /^the credential file is too large \(10485760 bytes\)$/,
  },
  {
    what: 'is larger than any disk',
    tamper: ({ record }) => {
      const file = openSync(record, 'r+');
      ftruncateSync(file, 2 ** 40);
      closeSync(file);
    },
    says: /^the credential file is too large/,
  },
  { what: 'is a FIFO', tamper: replaced(mkfifo), says: NO_FILE },
  { what: 'is a directory', tamper: replaced((path) => mkdirSync(path)), says: NO_FILE },
  {
    what: 'is a device that never ends',
    tamper: replaced((path) => mknod(path, '1 5')),
    says: NO_FILE,
    root: true,
  },
  {
    what: 'is a link to such a device',
    tamper: replaced((path, { home }) => {
      mknod(join(home, 'zero'), '1 5');
      symlinkSync(join(home, 'zero'), path);
    }),
    says: NO_FILE,
    root: true,
  },
  {
    what: 'is a link to a FIFO',
    tamper: replaced((path, { home }) => {
      mkfifo(join(home, 'pipe'));
      symlinkSync(join(home, 'pipe'), path);
    }),
    says: NO_FILE,
  },
  {
    what: 'is a link to itself',
    tamper: replaced((path) => symlinkSync(path, path)),
    says: NOWHERE,
  },
  {
    what: 'is a link in a circle of links',
    tamper: replaced((path, { home }) => {
      symlinkSync(join(home, 'b'), path);
      symlinkSync(path, join(home, 'b'));
    }),
    says: NOWHERE,
  },
  {
    what: 'is a link to nothing',
    tamper: replaced((path) => symlinkSync('gone', path)),
    says: NOWHERE,
  },
  {
    what: "is another user's",
    tamper: ({ record }) => chownSync(record, 12_345, 12_345),
    says: /^the credential file belongs to another user \(uid 12345\)$/,
    root: true,
  },
  {
    what: "is a link to another user's",
    tamper: replaced((path, { home }) => {
      writeFileSync(join(home, 'theirs'), '{}');
      chownSync(join(home, 'theirs'), 12_345, 12_345);
      symlinkSync(join(home, 'theirs'), path);
    }),
    says: /^the credential file belongs to another user \(uid 12345\)$/,
    root: true,
  },
];

export const OF_THE_DIRECTORY: readonly Tampering[] = [
  {
    what: 'can be written by anybody',
    tamper: ({ directory }) => chmodSync(directory, 0o777),
    says: /^anybody can write to \S+$/,
  },
  {
    what: "is another user's",
    tamper: ({ directory }) => chownSync(directory, 12_345, 12_345),
    says: /^\S+ belongs to another user \(uid 12345\)$/,
    root: true,
  },
  {
    what: "is a link into another user's",
    tamper: ({ directory, home }) => {
      const theirs = join(home, 'theirs');
      renameSync(directory, theirs);
      chownSync(theirs, 12_345, 12_345);
      symlinkSync(theirs, directory);
    },
    says: /^\S+ belongs to another user \(uid 12345\)$/,
    root: true,
  },
  ...[(path: string) => writeFileSync(path, 'x'), mkfifo].map((make, nth) => ({
    what: nth === 0 ? 'is a file' : 'is a FIFO',
    tamper: ({ directory, home }: Places) => {
      renameSync(directory, join(home, 'aside'));
      make(directory);
    },
    says: /^the credential file cannot be read \(ENOTDIR\)$/,
  })),
  {
    what: 'is a link to a disk that is not there',
    tamper: ({ directory, home }) => {
      renameSync(directory, join(home, 'aside'));
      symlinkSync('/nonexistent/disk', directory);
    },
    says: NOWHERE,
  },
];

const NOT_OURS = /^the lock is unusable: it is not a directory of ours$/;
const junk = (path: string): void => {
  mkdirSync(path, { recursive: true });
};

export const OF_THE_LOCK: readonly Tampering[] = [
  { what: 'is a file', tamper: ({ lock }) => writeFileSync(lock, 'x'), says: NOT_OURS },
  { what: 'is a FIFO', tamper: ({ lock }) => mkfifo(lock), says: NOT_OURS },
  { what: 'is a device', tamper: ({ lock }) => mknod(lock, '1 3'), says: NOT_OURS, root: true },
  { what: 'is a link to nothing', tamper: ({ lock }) => symlinkSync('gone', lock), says: NOT_OURS },
  { what: 'is a link to itself', tamper: ({ lock }) => symlinkSync(lock, lock), says: NOT_OURS },
  {
    what: 'is a link to a directory',
    tamper: ({ lock, home }) => {
      junk(join(home, 'elsewhere', newLeaseName(deadOwner())));
      symlinkSync(join(home, 'elsewhere'), lock);
    },
    says: NOT_OURS,
  },
  {
    what: "is another user's directory",
    tamper: ({ lock }) => {
      junk(lock);
      chownSync(lock, 12_345, 12_345);
    },
    says: NOT_OURS,
    root: true,
  },
  {
    what: 'holds something unknown',
    tamper: ({ lock }) => junk(join(lock, 'precious')),
    says: /^the lock is unusable: it holds "precious"$/,
  },
  {
    what: 'holds two leases',
    tamper: ({ lock }) => {
      junk(join(lock, newLeaseName(deadOwner())));
      junk(join(lock, newLeaseName(deadOwner())));
    },
    says: /^the lock is unusable: it holds "[\w.-]+"$/,
  },
  {
    what: 'holds a lease and something unknown',
    tamper: ({ lock }) => {
      junk(join(lock, newLeaseName(deadOwner())));
      writeFileSync(join(lock, '~notes'), 'x');
    },
    says: /^the lock is unusable: it holds "[\w.~-]+"$/,
  },
  {
    what: 'holds an escape sequence',
    tamper: ({ lock }) => junk(join(lock, '\u001b[2J\nforged')),
    says: /^the lock is unusable: it holds "\\u001b\[2J\\nforged"$/,
  },
];

/** Whatever is in there, its owner is dead: it is moved aside, and the refresh goes on. */
export const IN_A_DEAD_LEASE: Readonly<Record<string, (lease: string, places: Places) => void>> = {
  'nothing but its name, and that is a file': (lease) => {
    rmdirSync(lease);
    writeFileSync(lease, 'x');
  },
  'a FIFO for each of its files': (lease) => {
    for (const name of ['owner.json', 'next.json', 'spent-1', 'concluded']) {
      mkfifo(join(lease, name));
    }
  },
  'directories for its files': (lease) => {
    junk(join(lease, 'next.json/deep/deeper'));
    junk(join(lease, 'owner.json'));
  },
  'links to elsewhere': (lease, { home, audit }) => {
    symlinkSync(audit, join(lease, 'next.json'));
    symlinkSync(home, join(lease, 'owner.json'));
    symlinkSync(home, join(lease, 'more'));
  },
  'a hundred files': (lease) => {
    for (let nth = 0; nth < 100; nth += 1) {
      writeFileSync(join(lease, `junk-${nth}`), 'x');
    }
  },
  'ten megabytes for a next record': (lease) => {
    writeFileSync(join(lease, 'next.json'), '');
    truncateSync(join(lease, 'next.json'), 10 * 2 ** 20);
  },
  'the record of another login for a next record': (lease) =>
    writeFileSync(join(lease, 'next.json'), '{"format":1,"reader":1}'),
  'markers that no sender makes': (lease) => {
    for (const name of [
      'spent-1-0',
      `spent-1-${'9'.repeat(30)}`,
      'spent-',
      `spent-${'9'.repeat(30)}-1`,
    ]) {
      writeFileSync(join(lease, name), '');
    }
  },
  'the record itself, by another name': (lease, { record }) =>
    linkSync(record, join(lease, 'next.json')),
};

export const OF_THE_AUDIT: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO that nobody reads': mkfifo,
  'a directory': (path) => mkdirSync(path),
  'a link to a file': (path) => symlinkSync(`${path}.elsewhere`, path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a link to a device': (path) => symlinkSync('/dev/full', path),
};
