/**
 * `Headers` and `Response` as far as oauth4webapi needs them to write a token request and to check an
 * answer: both only pass text from one of its functions to another here, and never meet `fetch`.
 * Node.js's own come with all of undici, which takes 16 ms to load (docs/performance.md). Only a process
 * that does nothing but `get` may do this.
 */
export const useLightFetchTypes = (): void => {
  for (const [name, value] of Object.entries({ Headers: LightHeaders, Response: LightResponse })) {
    // Removed first: Node.js 22 makes the value of a property that is still to be made before it is redefined.
    Reflect.deleteProperty(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
};

export class LightHeaders {
  readonly #values = new Map<string, string>();

  constructor(init: Record<string, string> = {}) {
    for (const [name, value] of Object.entries(init)) {
      this.set(name, value);
    }
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  /** The transport refuses what no header can hold. */
  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value);
  }

  entries(): IterableIterator<[string, string]> {
    return this.#values.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'Headers';
  }
}

export class LightResponse {
  readonly status = 200;
  readonly headers: LightHeaders;
  readonly #body: string;
  #used = false;

  constructor(body = '', { headers = {} }: { headers?: Record<string, string> } = {}) {
    this.#body = body;
    this.headers = new LightHeaders(headers);
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async json(): Promise<unknown> {
    this.#used = true;
    return JSON.parse(this.#body);
  }

  get [Symbol.toStringTag](): string {
    return 'Response';
  }
}
