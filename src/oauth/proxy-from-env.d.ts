// The package brings no types of its own.
declare module 'proxy-from-env' {
  /** The proxy for this address by the variables in `process.env`; empty if there is none. */
  export function getProxyForUrl(url: string | URL): string;
}
