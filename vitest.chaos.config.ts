import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/chaos/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 30 * 60_000,
    fileParallelism: false,
  },
});
