export type { GetOptions } from './create-token-manager.ts';
export { type ErrorCode, TokenctlError } from './errors.ts';
export {
  createTokenManager,
  type TokenManager,
  type TokenManagerOptions,
} from './fetch/token-manager.ts';
export { importTokens } from './import-tokens.ts';
export type { PreviousTokens, RefreshWith } from './own-refresh.ts';
export { Secret } from './secret.ts';
export { fileStore } from './store/file.ts';
export { memoryStore } from './store/memory.ts';
export type { Store } from './store/store.ts';
export type { Token } from './token.ts';
export type { TokenSet } from './token-set.ts';
export type { Trace } from './trace.ts';
