import { cargo } from './cargo.ts';
import { docker } from './docker.ts';
import { git } from './git.ts';
import { kubectl } from './kubectl.ts';
import type { Protocol } from './protocol.ts';

/** By the KIND of `tokenctl credential KIND`. Another one is a codec, and a row here. */
export const protocols: Readonly<Record<string, Protocol>> = { git, docker, kubectl, cargo };
