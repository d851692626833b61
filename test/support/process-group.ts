import { spawnSync } from 'node:child_process';

/**
 * Put before a command, it runs in a process group that can be stopped: SIGTSTP does nothing in an orphaned
 * one (POSIX.1 section 2.4.3), and whoever runs the tests may be in one, in a container for example.
 */
export const IN_ITS_OWN_GROUP = ['perl', '-e', 'setpgrp(0, 0); exec @ARGV'] as const;

export const hasProcessGroups = spawnSync('perl', ['-e', 'getpgrp(0)']).status === 0;
