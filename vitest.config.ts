import {configDefaults, defineConfig} from 'vitest/config';

const rig = ['test/rig/**/*.test.ts', 'test/end-to-end/**/*.test.ts', 'test/bucket/**/*.test.ts'];
const rigTimeoutMs = 10 * 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...rig],
          // Many of them wait: for a time that comes, for a host that hangs.
          maxWorkers: 3,
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: {groupOrder: 0},
        },
      },
      {
        // Real sshd, real proxies, a real object store, one machine: one file at a time, after everything else.
        test: {
          name: 'rig',
          include: rig,
          fileParallelism: false,
          testTimeout: rigTimeoutMs,
          hookTimeout: rigTimeoutMs,
          sequence: {groupOrder: 1},
        },
      },
    ],
  },
});
