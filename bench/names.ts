/** The groups of rows, and the rows that others are compared with. */
export const WARM = 'warm get';
export const OTHER_SHELLS = 'other shells';
export const STATUS = 'status';
export const HELPER = 'credential helper';
export const EXPIRED = 'expired get';
/** As from every real provider. */
export const EXPIRED_TLS = 'expired get over TLS';
export const BURST = 'burst';
export const LIBRARY = 'library';
export const MEMORY = 'memory';

/** The command as most call it, with a token as long as GitHub's. */
export const USUAL = 'tokenctl get, 40 characters';
export const USUAL_BY_NODE = 'node tokenctl.js get, 40 characters';
export const HELPER_LAUNCHED = 'tokenctl credential git get';
export const HELPER_BY_NODE = 'node tokenctl.js credential git get';
export const HERD = 'tokenctl get';
export const CALL = 'getValidToken';

/** What a token endpoint on the internet takes. */
export const LATENCY_MS = 200;
