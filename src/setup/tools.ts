import { cargo } from './cargo.ts';
import { docker } from './docker.ts';
import { git } from './git.ts';
import { kubectl } from './kubectl.ts';
import type { Tool } from './tool.ts';

/** By the TOOL of `tokenctl setup TOOL`. Another one is a file, and a row here. */
export const tools: Readonly<Record<string, Tool>> = { git, docker, kubectl, cargo };
