import { defineConfig } from 'vitest/config';

const setupFiles = ['test/support/setup.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/chaos/**'],
          setupFiles,
          testTimeout: 120_000,
          // vitest would leave one core to itself, and waits.
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          setupFiles,
          testTimeout: 300_000,
          // Each of these starts dozens of processes, and waits a lot: three at a time, and after the rest.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
