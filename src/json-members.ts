import type { Moment } from './platform/clock.ts';
import { Secret } from './secret.ts';

/** A member that is missing or not what it must be. The message names it and never its value. */
export class BadMember extends Error {}

export const bad = (what: string): never => {
  throw new BadMember(what);
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Takes members out of a JSON object, each checked; what is left over is unknown. */
export class Members {
  readonly #members: Map<string, unknown>;
  readonly #elsewhere: ReadonlyMap<string, string>;

  /** @param elsewhere fingerprints of the secrets that are kept apart, by the name of their member. */
  constructor(json: Record<string, unknown>, elsewhere: ReadonlyMap<string, string> = new Map()) {
    this.#members = new Map(Object.entries(json));
    this.#elsewhere = elsewhere;
  }

  take(name: string): unknown {
    const value = this.#members.get(name);
    this.#members.delete(name);
    return value;
  }

  rest(): Record<string, unknown> {
    return Object.fromEntries(this.#members);
  }

  nullable<T>(name: string, read: (name: string) => T): T | null {
    if (this.#members.get(name) == null) {
      this.#members.delete(name);
      return null;
    }
    return read(name);
  }

  string(name: string): string {
    const value = this.take(name);
    return typeof value === 'string' ? value : bad(`${name} is not a string`);
  }

  url(name: string): string {
    const value = this.string(name);
    return URL.canParse(value) ? value : bad(`${name} is not a URL`);
  }

  secret(name: string): Secret | null {
    const fingerprint = this.#elsewhere.get(name);
    return (
      this.nullable(name, () => new Secret(this.string(name))) ??
      (fingerprint === undefined ? null : Secret.elsewhere(fingerprint))
    );
  }

  number(name: string, fallback?: number): number {
    const value = this.take(name) ?? fallback;
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : bad(`${name} is not a number`);
  }

  integer(name: string): number {
    const value = this.number(name);
    return Number.isSafeInteger(value) && value >= 0 ? value : bad(`${name} is not a whole number`);
  }

  boolean(name: string): boolean {
    const value = this.take(name);
    return typeof value === 'boolean' ? value : bad(`${name} is not true or false`);
  }

  strings(name: string): string[] {
    const value = this.take(name) ?? [];
    return Array.isArray(value) && value.every((item) => typeof item === 'string')
      ? value
      : bad(`${name} is not a list of strings`);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = this.string(name);
    return values.find((known) => known === value) ?? bad(`${name} is unknown`);
  }

  object(name: string): Members | null {
    return this.nullable(name, () => {
      const value = this.take(name);
      return isObject(value) ? new Members(value) : bad(`${name} is not an object`);
    });
  }

  moment(name: string): Moment | null {
    const read = this.object(name);
    return read === null
      ? null
      : {
          epochMs: read.number('epoch_ms'),
          uptimeMs: read.nullable('uptime_ms', () => read.number('uptime_ms')),
          bootId: read.nullable('boot_id', () => read.string('boot_id')),
        };
  }
}
