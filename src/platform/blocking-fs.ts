import {
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/**
 * What is used of `node:fs/promises`, done at once. The build puts it in that module's place in the
 * command, which has nothing else to do meanwhile: a refresh makes about eighty calls, and the way
 * through libuv's threads and back costs more than they do. The library, whose program may have
 * other things to do, keeps the real one.
 */
const atOnce =
  <Args extends unknown[], Result>(run: (...args: Args) => Result) =>
  async (...args: Args): Promise<Result> =>
    run(...args);

export const chmod = atOnce(chmodSync);
export const link = atOnce(linkSync);
export const lstat = atOnce(lstatSync);
export const mkdir = atOnce(mkdirSync);
export const mkdtemp = atOnce((prefix: string) => mkdtempSync(prefix));
export const readdir = atOnce((path: string) => readdirSync(path));
export const readFile = atOnce(readFileSync);
// The native one, as in node:fs/promises.
export const realpath = atOnce((path: string) => realpathSync.native(path));
export const rename = atOnce(renameSync);
export const rm = atOnce(rmSync);
export const rmdir = atOnce((path: string) => rmdirSync(path));
export const stat = atOnce(statSync);
export const unlink = atOnce(unlinkSync);
export const utimes = atOnce(utimesSync);
export const writeFile = atOnce(writeFileSync);

export const open = async (path: string, flags: number, mode?: number) =>
  new File(openSync(path, flags, mode));

class File {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  async stat(options?: { bigint?: boolean }) {
    return fstatSync(this.#fd, options);
  }

  async readFile(encoding: BufferEncoding) {
    return readFileSync(this.#fd, encoding);
  }

  async writeFile(text: string) {
    writeFileSync(this.#fd, text);
  }

  async write(data: string | Uint8Array, offset?: number, length?: number, position?: number) {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    return { bytesWritten: writeSync(this.#fd, bytes, offset ?? 0, length, position) };
  }

  async truncate(length: number) {
    ftruncateSync(this.#fd, length);
  }

  async chmod(mode: number) {
    fchmodSync(this.#fd, mode);
  }

  async sync() {
    fsyncSync(this.#fd);
  }

  async close() {
    closeSync(this.#fd);
  }
}
